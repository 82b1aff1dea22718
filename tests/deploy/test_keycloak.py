"""The same sign-in through a real Keycloak and through the local issuer."""

import json
import os
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from pydantic import SecretStr

from deploy.local.folder import run_folder
from deploy.local.issuer import LocalIssuer, issuer
from deploy.local.ladder import UnavailableError
from deploy.local.system import Databases
from shared.database import Database
from tests.deploy.keycloak import CLIENT, CLIENT_WITH_KEY, PASSWORD, SECRET, Keycloak, Visitor, keycloak
from tests.sign_in.browser import COOKIE, SERVICE, Browser, browsing
from tests.waiting import eventually

pytestmark = [pytest.mark.prove, pytest.mark.timeout(600)]
DOCUMENT = (Path(__file__).parents[2] / "deploy" / "sign-in.md").read_text(encoding="utf-8")
RULES = json.loads(re.findall(r"^```json keycloak-rules\n(.*?)^```", DOCUMENT, re.M | re.S)[0])


@pytest.fixture(scope="module")
def real() -> Iterator[Keycloak]:
    """A running Keycloak; only where the machine is said to be offline may it be missing."""
    with run_folder() as folder:
        try:
            with keycloak(folder) as it:
                yield it
        except UnavailableError as missing:
            if "STORYLOOP_OFFLINE" not in os.environ:
                raise
            pytest.skip(f"Keycloak cannot be fetched: {missing}")


@pytest.fixture(scope="module")
def local() -> Iterator[LocalIssuer]:
    """The local stack's issuer."""
    with issuer() as it:
        yield it


@pytest.fixture
async def database(databases: Databases) -> AsyncIterator[Database]:
    """Responder's database."""
    database = await Database.connect(databases.dsns[SERVICE], application="test")
    yield database
    await database.close()


@dataclass
class Through:
    """A browser at our service, and one at the issuer."""

    browser: Browser
    visitor: Visitor
    is_keycloak: bool

    async def sign_in(self, person: str) -> httpx.Response:
        """All the way round, by the issuer's own page."""
        page = await self.browser.depart()
        if self.is_keycloak:
            back = await self.visitor.sign_in(page, person)
        else:
            back = await self.browser.choose(page, person)
        return await self.browser.ask("GET", back.removeprefix(self.browser.address))


@asynccontextmanager
async def through_keycloak(
    database: Database, local: LocalIssuer, real: Keycloak, **told: Any
) -> AsyncIterator[Through]:
    """A service that is a client of Keycloak, with the document's rules for it."""
    client: dict[str, Any] = {"client_id": CLIENT, "client_secret": SecretStr(SECRET)}
    settings = {"issuer": real.issuer, "claims": RULES, **client, **told}
    async with browsing(database, local, **settings) as browser:
        yield Through(browser, Visitor(), is_keycloak=True)


@pytest.fixture(params=["keycloak", "local issuer"])
async def through(request: pytest.FixtureRequest, database: Database, local: LocalIssuer) -> AsyncIterator[Through]:
    """Both issuers, one after the other."""
    if request.param == "keycloak":
        async with through_keycloak(database, local, request.getfixturevalue("real")) as it:
            yield it
    else:
        async with browsing(database, local) as browser:
            yield Through(browser, Visitor(), is_keycloak=False)


async def test_staff_sign_in_with_their_role_and_sign_out_again(through: Through) -> None:
    await through.sign_in("maya")
    shown = await through.browser.ask("GET", "/me")

    left = await through.browser.ask("POST", "/sign-out", data={"csrf_token": await through.browser.csrf()})
    there = await through.visitor.ask("GET", left.headers["location"])

    assert shown.json()["roles"] == ["responder"]
    assert there.headers["location"].startswith(f"{through.browser.address}/")
    assert COOKIE not in through.browser.jar
    assert (await through.browser.ask("GET", "/me")).status_code == 401


async def test_another_person_has_another_subject_and_other_roles(through: Through) -> None:
    seen = []
    for person in ("maya", "ruth"):
        through.visitor.jar.clear()
        await through.sign_in(person)
        seen.append((await through.browser.ask("GET", "/me")).json())

    assert [one["roles"] for one in seen] == [["responder"], ["moderator"]]
    assert seen[0]["subject"] != seen[1]["subject"]


async def test_keycloaks_own_logout_token_ends_the_session(
    database: Database, local: LocalIssuer, real: Keycloak
) -> None:
    async with through_keycloak(database, local, real) as through:
        await through.sign_in("maya")
        before, (id_token,) = len(real.told), [row["id_token"] for row in await _sessions(database)]

        end = f"{real.issuer}/protocol/openid-connect/logout?id_token_hint={id_token}"
        await through.visitor.ask("GET", end)
        await eventually(lambda: _told(real, before), 20, "Keycloak's logout token")
        token = parse_qs(real.told[-1])["logout_token"][0]
        ended = await through.browser.ask("POST", "/sign-out/back-channel", data={"logout_token": token})

        assert (ended.status_code, ended.json()) == (200, {"ended": 1}), ended.text
        assert (await through.browser.ask("GET", "/me")).status_code == 401


async def _told(real: Keycloak, before: int) -> bool:
    return len(real.told) > before


async def _sessions(database: Database) -> list[Any]:
    async with database.connection() as connection:
        return list(await connection.fetch("SELECT id_token FROM session"))


async def test_a_service_proves_itself_to_keycloak_with_a_key(
    database: Database, local: LocalIssuer, real: Keycloak
) -> None:
    key = SecretStr(real.key.as_pem(private=True).decode())
    told = {"client_id": CLIENT_WITH_KEY, "client_secret": None, "client_key": key}

    async with through_keycloak(database, local, real, **told) as through:
        await through.sign_in("maya")
        assert (await through.browser.ask("GET", "/me")).json()["roles"] == ["responder"]


async def test_keycloaks_access_token_opens_our_apis_and_its_id_token_does_not(
    database: Database, local: LocalIssuer, real: Keycloak
) -> None:
    form = {"grant_type": "password", "username": "maya", "password": PASSWORD, "scope": "openid"}
    async with through_keycloak(database, local, real) as through:
        asked = {"client_id": CLIENT, "client_secret": SECRET, **form}
        got = (await through.visitor.ask("POST", f"{real.issuer}/protocol/openid-connect/token", **asked)).json()
        answers = [
            await through.browser.ask("GET", "/me", headers={"Authorization": f"Bearer {got[kind]}"})
            for kind in ("access_token", "id_token")
        ]

    assert [one.status_code for one in answers] == [200, 401]
    assert answers[0].json()["roles"] == ["responder"]
