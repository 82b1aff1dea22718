"""The backlog: what a service has not heard yet, whoever in which process reads it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from deploy.local.ports import free_port
from shared.backlog import UNKNOWN, Backlog
from shared.database import Database
from shared.streams import Stream
from tests.records import record
from tests.service import execute
from tests.shared import topics


@pytest.fixture
async def topic(kafka: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A topic of the test's own with one partition and three records."""
    name = await topics.fact_topic(kafka, monkeypatch, partitions=1)
    await topics.write(kafka, name, [record(name, value, {}) for value in (b"one", b"two", b"three")])
    return name


@asynccontextmanager
async def backlog(kafka: str, database: Database, *names: str) -> AsyncIterator[Backlog]:
    asked = Backlog(kafka, database, [Stream("test", {}, names)])
    yield asked
    await asked.close()


async def position(database: Database, topic: str, next_offset: int) -> None:
    await execute(
        database, "INSERT INTO position (topic, partition, next_offset) VALUES ($1, 0, $2)", topic, next_offset
    )


async def test_it_is_what_lies_between_the_stored_positions_and_the_ends(
    responder: Database, kafka: str, topic: str
) -> None:
    await position(responder, topic, 1)

    async with backlog(kafka, responder, topic) as asked:
        assert await asked.records() == 2


async def test_what_the_service_does_not_read_does_not_count(responder: Database, kafka: str, topic: str) -> None:
    await position(responder, topic, 0)

    async with backlog(kafka, responder, "another") as asked:
        assert await asked.records() == 0


async def test_with_the_broker_away_it_is_unknown_for_a_while_and_then_nothing_waits_for_it(
    responder: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await position(responder, "storyloop.stories", 0)

    async with backlog(f"127.0.0.1:{free_port()}", responder, "storyloop.stories") as asked:
        at_first = await asked.records()
        monkeypatch.setattr("shared.backlog.HELD_SECONDS", 0)
        assert (at_first, await asked.records()) == (UNKNOWN, 0)
