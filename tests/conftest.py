"""Real parts for all tests: one Kafka and one Postgres for the run, and a fresh copy of the databases for each test."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from deploy.local.folder import run_folder
from deploy.local.kafka import kafka as start_kafka
from deploy.local.postgres import postgres as start_postgres
from deploy.local.system import Databases, drop_database, make_database, migrate_all
from shared.database import Database
from tests.copies import Copies


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With several workers, a file's tests stay together, and all journeys, because they share one running system."""
    for item in items:
        place = "tests/journeys" if "journeys" in item.path.parts else str(item.path)
        item.add_marker(pytest.mark.xdist_group(place))


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """A place for the parts' data, gone at the end."""
    with run_folder() as place:
        yield place


@pytest.fixture(scope="session")
def kafka(folder: Path) -> Iterator[str]:
    """The bootstrap address of a real broker."""
    with start_kafka(folder) as broker:
        yield broker.address


@pytest.fixture(scope="session")
def server(folder: Path) -> Iterator[str]:
    """The address of a real Postgres, as its superuser.

    One of our own does not wait for the disk: what must survive a crash is proved on servers that do, in journeys
    and in chaos.
    """
    with start_postgres(folder) as postgres:
        if postgres.origin != "STORYLOOP_POSTGRES":
            asyncio.run(_without_waiting_for_the_disk(postgres.dsn))
        yield postgres.dsn


async def _without_waiting_for_the_disk(server: str) -> None:
    connection = await asyncpg.connect(server)
    for setting in ("fsync", "full_page_writes", "synchronous_commit"):
        await connection.execute(f"ALTER SYSTEM SET {setting} = off")
    await connection.execute("SELECT pg_reload_conf()")
    await connection.close()


@pytest.fixture(scope="session")
async def template(server: str) -> AsyncIterator[Databases]:
    """Databases with every migration, to be copied for each test."""
    name = f"t{uuid4().hex[:10]}"
    databases = await make_database(server, name)
    await migrate_all(databases)
    yield databases
    await drop_database(server, name)


@pytest.fixture(scope="session")
async def copies(server: str, template: Databases) -> AsyncIterator[Copies]:
    """Copies of all four schemas."""
    made = Copies(server, template)
    yield made
    await made.end()


@pytest.fixture
async def databases(copies: Copies) -> AsyncIterator[Databases]:
    """All four schemas, as their migrations leave them."""
    databases = await copies.take()
    yield databases
    await copies.give_back(databases)


@pytest.fixture
async def router_database(databases: Databases) -> AsyncIterator[Database]:
    """Router's own database."""
    database = await Database.connect(databases.dsns["router"], application="test")
    yield database
    await database.close()
