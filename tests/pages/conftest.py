"""One browser for all tests of pages, and real servers for it on loopback."""

import shutil
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, async_playwright

from shared.database import Database
from shared.work import Home
from tests.service import home_of

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """The machine's own Chromium."""
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine: pages are not looked at (apt-get install chromium)")
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
def home(nowhere: Database) -> Home:
    """What a process of responder knows."""
    return home_of("responder", nowhere)


