"""A browser and a service: cookies kept as a browser keeps them, and the local issuer for real."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from html import unescape
from re import findall
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from fastapi import APIRouter

from deploy.local.issuer import LocalIssuer
from shared.database import Database
from shared.http import Desk, make_app
from shared.sign_in.current import AtIssuer, Visitor, Who
from shared.sign_in.web import ways_in
from tests.service import believing, home_of

SERVICE = "responder"
COOKIE = f"__Host-storyloop-{SERVICE}"
FLOW = f"{COOKIE}-sign-in"
probe = APIRouter()


@probe.get("/me")
async def me(who: Who) -> dict[str, Any]:
    """Who asks."""
    return {"subject": who.subject, "roles": sorted(grant.role for grant in who.grants)}


@probe.post("/things")
async def do(who: Who) -> str:
    """Something that changes something."""
    return who.subject


@probe.get("/csrf")
async def csrf(session: Visitor, _issuer: AtIssuer) -> str | None:
    """What a page puts into its forms."""
    return session.csrf if session else None


@dataclass
class Browser:
    """One browser at one service; `jar` is what it keeps of the service's cookies."""

    http: httpx.AsyncClient
    address: str
    jar: dict[str, str] = field(default_factory=dict)
    issuer: httpx.AsyncClient = field(default_factory=lambda: httpx.AsyncClient(timeout=10, trust_env=False))

    async def ask(self, method: str, path: str, **what: Any) -> httpx.Response:
        """A request as the browser sends it."""
        headers = {
            "Cookie": "; ".join(f"{name}={value}" for name, value in self.jar.items()),
            **what.pop("headers", {}),
        }
        answer = await self.http.request(method, path, headers=headers, **what)
        for line in answer.headers.get_list("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            if "Max-Age=0" in line or value in {"", '""'}:
                self.jar.pop(name, None)
            else:
                self.jar[name] = value
        return answer

    async def depart(self, next_: str = "/me") -> str:
        """To the issuer's page; its address."""
        answer = await self.ask("GET", "/sign-in", params={"next": next_})
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    async def choose(self, page: str, person: str) -> str:
        """Chooses who to be at the local issuer; the path by which it sends the browser back."""
        shown = await self.issuer.get(page)
        assert shown.status_code == 200, shown.text
        hidden = findall(r'type="hidden" name="([^"]*)" value="([^"]*)"', shown.text)
        form = {unescape(name): unescape(value) for name, value in hidden}
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(page))
        answer = await self.issuer.post(f"{origin}/authorize", data=form | {"person": person})
        assert answer.status_code == 303, answer.text
        return answer.headers["location"].removeprefix(self.address)

    async def sign_in(self, person: str, next_: str = "/me") -> httpx.Response:
        """All the way round."""
        return await self.ask("GET", await self.choose(await self.depart(next_), person))

    async def csrf(self) -> str:
        """The token that this browser's pages hold."""
        token: str = (await self.ask("GET", "/csrf")).json()
        return token


@asynccontextmanager
async def browsing(
    database: Database, issuer: LocalIssuer, /, seen_from: str = "127.0.0.1", **settings: Any
) -> AsyncIterator[Browser]:
    """A browser at a service that is a client of the issuer; the service sees it come from this address."""
    address = settings.get("public_url") or f"https://{SERVICE}.storyloop.test"
    client = issuer.register(SERVICE, address, settings.pop("registered_key", None))
    home = home_of(SERVICE, database, **(believing(issuer, client) | settings))
    app = make_app(Desk(home, ready=True), probe, ways_in)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(seen_from, 50_000))
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(address))
    async with httpx.AsyncClient(transport=transport, base_url=origin) as http:
        yield Browser(http, origin)


def query(url: str) -> dict[str, str]:
    """The parameters of an address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
