"""Intake's own database and pages, fresh for each test."""

from collections.abc import AsyncIterator

import httpx
import pytest

from deploy.local.system import Databases
from shared.database import Database
from tests.intake.register import register
from tests.service import open_pages


@pytest.fixture
async def database(databases: Databases) -> AsyncIterator[Database]:
    """Intake's database, as its own role, with three publishers in the register."""
    database = await Database.connect(databases.dsns["intake"], application="test")
    await register(database)
    yield database
    await database.close()


@pytest.fixture
async def pages(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    """Intake's pages; who asks is said with each request."""
    async with open_pages("intake", database) as client:
        yield client
