"""One browser for all tests of pages, a service's home without a database, and a desk where somebody has signed in."""

import shutil
from collections.abc import AsyncIterator
from types import SimpleNamespace

import pytest
from playwright.async_api import Browser, async_playwright, expect
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.database import Database
from tests.pages.members_desk import MembersDesk
from tests.service import home_of

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PATIENCE_MS = 20_000
SIGNED_IN = SimpleNamespace(name="Maya Okafor-Llewellyn, ward manager", csrf="a-token-of-this-session")


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """The machine's own Chromium."""
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine: pages are not looked at (apt-get install chromium)")
    expect.set_options(timeout=PATIENCE_MS)
    async with async_playwright() as playwright:
        found = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        await found.close()


@pytest.fixture
async def nowhere() -> AsyncIterator[Database]:
    """A database that is away: pages without data do not need one."""
    database = await Database.connect("postgresql://nobody@127.0.0.1:9/none", application="test")
    yield database
    await database.close()


@pytest.fixture
def desk(nowhere: Database) -> MembersDesk:
    """The tiny application, with nobody in it."""
    return MembersDesk(home_of("responder", nowhere))


class SignedIn:
    """In the place of sign-in: somebody is there."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})["session"] = SIGNED_IN
        await self.app(scope, receive, send)
