"""Migrations: applied once, by one migrator, wholly or not at all."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from deploy.local.system import Databases, drop_database, make_database
from shared import migrations
from shared.database import Connection
from shared.migrations import migrate, migrations_of, missing


@pytest.fixture
async def empty(server: str) -> AsyncIterator[Databases]:
    """Four schemas in which nothing is yet."""
    name = f"m{uuid4().hex[:10]}"
    yield await make_database(server, name)
    await drop_database(server, name)


@pytest.fixture
async def router(empty: Databases) -> AsyncIterator[Connection]:
    """A connection as router's role."""
    connection = await asyncpg.connect(empty.dsns["router"])
    yield connection
    await connection.close()


async def applied(connection: Connection) -> list[tuple[str, int]]:
    rows = await connection.fetch("SELECT origin, number FROM migration ORDER BY origin = 'shared' DESC, number")
    return [tuple(row) for row in rows]


async def tables(connection: Connection) -> set[str]:
    rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
    return {row["tablename"] for row in rows}


async def test_each_file_is_applied_once_the_shared_ones_first(router: Connection) -> None:
    first = await migrate(router, "router")

    again = await migrate(router, "router")

    assert [(step.origin, step.number) for step in first] == await applied(router)
    assert [step.origin for step in first] == sorted((step.origin for step in first), key="shared".__ne__)
    assert (again, await missing(router, "router")) == ([], [])
    assert {"thread", "outbox", "route"} <= await tables(router)


async def test_two_migrators_at_once_apply_each_file_once(empty: Databases) -> None:
    connections = [await asyncpg.connect(empty.dsns["router"]) for _ in range(2)]

    steps = await asyncio.gather(*(migrate(connection, "router") for connection in connections))

    all_of_them = [(step.origin, step.number) for step in migrations_of("router")]
    assert sorted(map(len, steps)) == [0, len(all_of_them)]
    assert await applied(connections[0]) == all_of_them
    for connection in connections:
        await connection.close()


async def test_two_services_migrate_side_by_side_in_one_database(empty: Databases) -> None:
    connections = {service: await asyncpg.connect(dsn) for service, dsn in empty.dsns.items()}

    await asyncio.gather(*(migrate(connection, service) for service, connection in connections.items()))

    for service, connection in connections.items():
        assert await applied(connection) == [(step.origin, step.number) for step in migrations_of(service)]
        await connection.close()


async def test_a_schema_that_is_newer_than_the_code_is_fine(router: Connection) -> None:
    await migrate(router, "router")
    await router.execute("INSERT INTO migration (origin, number, name) VALUES ('router', 9999, 'from_tomorrow')")

    assert await missing(router, "router") == []
    assert await migrate(router, "router") == []


async def test_a_file_that_fails_leaves_nothing_half_and_is_applied_when_it_is_mended(
    router: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "shared" / "migrations"
    folder.mkdir(parents=True)
    (tmp_path / "services.router" / "migrations").mkdir(parents=True)
    (folder / "0001_good.sql").write_text("CREATE TABLE good (one integer);")
    (folder / "0002_half.sql").write_text("CREATE TABLE half (one integer); SELECT 1 / 0;")
    monkeypatch.setattr(migrations, "files", lambda package: tmp_path / package)

    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(router, "router")
    broken = (await applied(router), await tables(router))
    (folder / "0002_half.sql").write_text("CREATE TABLE half (one integer);")
    mended = await migrate(router, "router")

    assert broken == ([("shared", 1)], {"migration", "good"})
    assert [(step.origin, step.number) for step in mended] == [("shared", 2)]
    assert await tables(router) == {"migration", "good", "half"}


async def test_a_failed_migrator_lets_the_next_one_work(
    empty: Databases, router: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(migrations, "migrations_of", _fails)
        with pytest.raises(ValueError, match="unreadable file"):
            await migrate(router, "router")

    other = await asyncpg.connect(empty.dsns["router"])
    steps = await asyncio.wait_for(migrate(other, "router"), 20)
    await other.close()

    assert len(steps) == len(migrations_of("router"))


def _fails(_service: str) -> list[migrations.Migration]:
    raise ValueError("unreadable file")
