"""Router's own database and pages, fresh for each test."""

from collections.abc import AsyncIterator

import httpx
import pytest

from deploy.local.system import Databases
from shared.database import Database
from tests.service import open_pages


@pytest.fixture
async def database(databases: Databases) -> AsyncIterator[Database]:
    """Router's database, as its own role."""
    database = await Database.connect(databases.dsns["router"], application="test")
    yield database
    await database.close()


@pytest.fixture
async def pages(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    """Router's pages; who asks is said with each request."""
    async with open_pages("router", database) as client:
        yield client
