"""Who keeps members, and what they do."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import httpx

from services.responder import web
from services.responder.members import member_of
from shared.database import Database
from shared.http import Desk, make_app
from shared.sign_in.current import principal
from shared.sign_in.principal import Grant, MemberRole, Principal
from shared.sign_in.subjects import subject_of
from tests.service import ISSUER, SUBJECT_KEY, home_of

ROBIN, SAM, ALEX = "robin@example.org", "sam@example.org", "alex@example.org"
MEMBERS = "/organisations/TRUST1/members"
FILE = "/organisations/TRUST1/members.csv"


def principal_of(person: str) -> str:
    """The opaque subject of a person."""
    return subject_of(SUBJECT_KEY.encode(), ISSUER, person)


def id_of(person: str, team: str | None = None, organisation: str = "TRUST1") -> UUID:
    """The membership of a person."""
    return member_of(organisation, team, principal_of(person))


def with_role(
    person: str,
    role: MemberRole = MemberRole.ADMINISTRATOR,
    organisation: str | None = "TRUST1",
    team: str | None = None,
) -> Principal:
    """Somebody who has signed in with one role."""
    return Principal(principal_of(person), frozenset({Grant(role, organisation, team)}))


OPERATOR = with_role("operator", organisation=None)
"""Keeps members everywhere."""


@asynccontextmanager
async def signed_in(database: Database, who: Principal = OPERATOR) -> AsyncIterator[httpx.AsyncClient]:
    """Responder's real application, asked by this principal; people are named by their e-mail addresses."""
    home = home_of("responder", database, person_claim="email")
    app = make_app(Desk(home, ready=True), web.pages, site=web.site)
    app.dependency_overrides[principal] = lambda: who
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="https://storyloop.test") as client:
        yield client


async def add(pages: httpx.AsyncClient, person: str = ROBIN, role: str = "responder", **fields: Any) -> httpx.Response:
    """An administrator writes somebody down."""
    written = {"person": person, "name": f"Name of {person.partition('@')[0]}", "role": role} | fields
    return await pages.post(MEMBERS, json=written)


async def send(pages: httpx.AsyncClient, text: str | bytes, *, dry_run: bool = False) -> httpx.Response:
    """An administrator sends a file."""
    body = text.encode() if isinstance(text, str) else text
    return await pages.post(
        FILE, params={"dry_run": dry_run}, content=body, headers={"content-type": "text/csv; charset=utf-8"}
    )
