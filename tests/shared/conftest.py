"""Databases of single services, fresh for each test."""

from collections.abc import AsyncIterator

import pytest

from deploy.local.system import Databases
from shared.database import Database


async def _of(databases: Databases, service: str) -> AsyncIterator[Database]:
    database = await Database.connect(databases.dsns[service], application="test")
    yield database
    await database.close()


@pytest.fixture
async def intake(databases: Databases) -> AsyncIterator[Database]:
    """Intake's database."""
    async for database in _of(databases, "intake"):
        yield database


@pytest.fixture
async def responder(databases: Databases) -> AsyncIterator[Database]:
    """Responder's database."""
    async for database in _of(databases, "responder"):
        yield database


@pytest.fixture
async def tracker(databases: Databases) -> AsyncIterator[Database]:
    """Tracker's database."""
    async for database in _of(databases, "tracker"):
        yield database


@pytest.fixture
async def router(databases: Databases) -> AsyncIterator[Database]:
    """Router's database."""
    async for database in _of(databases, "router"):
        yield database


@pytest.fixture
def databases_of(databases: Databases) -> dict[str, str]:
    """Addresses by service."""
    return dict(databases.dsns)
