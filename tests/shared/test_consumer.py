"""The consumer on a real broker and a real database: nothing is lost, and nothing is applied twice."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from structlog.testing import capture_logs

from deploy.local.system import Databases
from shared.database import Database
from tests.service import execute
from tests.shared import topics
from tests.shared.consuming import Hearer
from tests.shared.keeper import Keeper
from tests.waiting import eventually


@pytest.fixture
async def hearer(kafka: str, router_database: Database, monkeypatch: pytest.MonkeyPatch) -> Hearer:
    """The small service with two partitions to read."""
    one = Hearer(kafka, router_database, await topics.fact_topic(kafka, monkeypatch, partitions=2))
    await one.keeper.prepare()
    return one


def titles(count: int, first: int = 0) -> list[str]:
    return [f"story {number}" for number in range(first, first + count)]


def named(lines: Any, name: str) -> list[dict[str, Any]]:
    return [line for line in lines if line["event"] == name]


@asynccontextmanager
async def away(server: str, databases: Databases) -> AsyncIterator[None]:
    """Nobody can connect to the database, and everybody is thrown out of it."""
    name, admin = databases.admin.rpartition("/")[2], await asyncpg.connect(server)
    try:
        await admin.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS false')
        await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
        yield
    finally:
        await admin.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS true')
        await admin.close()


# --- positions ------------------------------------------------------------------------------------


async def test_reading_starts_at_the_stored_positions(hearer: Hearer) -> None:
    await hearer.write(*titles(5))
    await hearer.put_at(3)

    async with hearer.consuming():
        await hearer.has_kept(["story 3", "story 4"])

    assert await hearer.positions() == [5, 0]


async def test_a_new_consumer_reads_from_the_first_record(hearer: Hearer) -> None:
    await hearer.write(*titles(3))

    async with hearer.consuming():
        await hearer.has_kept(titles(3))


async def test_positions_set_back_bring_every_record_again_and_they_are_dropped_as_repeats(hearer: Hearer) -> None:
    await hearer.write(*titles(5))
    async with hearer.consuming():
        await hearer.is_at(5, 0)
    await hearer.put_at(0)

    with capture_logs() as lines:
        async with hearer.consuming():
            await hearer.is_at(5, 0)

    assert [line["outcome"] for line in named(lines, "event.heard")] == ["repeated"] * 5
    assert await hearer.keeper.kept() == titles(5)


async def test_a_position_moved_under_a_running_consumer_takes_it_there(hearer: Hearer) -> None:
    await hearer.write(*titles(4))
    async with hearer.consuming():
        await hearer.is_at(4, 0)
        await hearer.put_at(1)

        with capture_logs() as lines:
            await hearer.write("story 4")
            await hearer.has_kept(titles(5))

    assert len(named(lines, "consumer.fenced")) == 1
    assert [line["outcome"] for line in named(lines, "event.heard")] == [*["repeated"] * 3, "handled"]


# --- trying again ---------------------------------------------------------------------------------


async def test_a_batch_whose_handler_fails_temporarily_is_tried_again_and_applied_once(hearer: Hearer) -> None:
    hearer.keeper.troubles = 3
    await hearer.write(*titles(5))

    with capture_logs() as lines:
        async with hearer.consuming():
            await hearer.has_kept(titles(5))
            await hearer.write("story 5")
            await hearer.has_kept(titles(6))

    assert hearer.keeper.calls == [*[("keep", 5)] * 4, ("keep", 1)]
    assert [line["temporary"] for line in named(lines, "consumer.retrying")] == [True] * 3


async def test_while_the_database_is_away_partitions_are_paused_and_go_on_when_it_is_back(
    hearer: Hearer, server: str, databases: Databases
) -> None:
    with capture_logs() as lines:
        async with hearer.consuming(patience=timedelta(seconds=0.5)) as consumer:
            await hearer.write("before")
            await hearer.is_at(1, 0)
            async with away(server, databases):
                await hearer.write("meanwhile")
                await hearer.write("meanwhile, too", partition=1)
                await eventually(lambda: logged(lines, "consumer.paused"), what="partitions are paused")
                assert consumer.consumer is not None
                assert consumer.consumer.paused() == consumer.consumer.assignment()
            await hearer.is_at(2, 1)
            await hearer.write("after")
            await hearer.is_at(3, 1)

    assert sorted(await hearer.keeper.kept()) == ["after", "before", "meanwhile", "meanwhile, too"]
    assert len(named(lines, "consumer.resumed")) >= 1
    assert len(named(lines, "consumer.assigned")) == 1


async def logged(lines: Any, name: str) -> bool:
    return bool(named(lines, name))


async def test_a_consumer_that_starts_while_the_database_is_away_waits_for_it(
    hearer: Hearer, server: str, databases: Databases
) -> None:
    await hearer.write(*titles(2))

    with capture_logs() as lines:
        async with away(server, databases):
            starting = hearer.consuming()
            await starting.__aenter__()
            await eventually(lambda: logged(lines, "consumer.assigned"), what="partitions are assigned")
        await hearer.has_kept(titles(2))
        await starting.__aexit__(None, None, None)


async def test_partitions_that_stopped_for_different_reasons_all_go_on(hearer: Hearer) -> None:
    with capture_logs() as lines:
        async with hearer.consuming(patience=timedelta(seconds=0.3)):
            await hearer.write("one")
            await hearer.is_at(1, 0)
            await execute(hearer.database, "REVOKE INSERT ON position FROM current_user")
            await execute(hearer.database, "UPDATE position SET next_offset = 0 WHERE topic = $1", hearer.topic)
            await hearer.write("two")
            await eventually(lambda: logged(lines, "consumer.fenced"), what="partition 0 waits for its place")
            await execute(hearer.database, "ALTER TABLE thread RENAME TO away")
            await hearer.write("other", partition=1)
            await eventually(lambda: logged(lines, "consumer.paused"), what="partition 1 is paused")
            await execute(hearer.database, "ALTER TABLE away RENAME TO thread")
            await execute(hearer.database, "GRANT INSERT ON position TO current_user")

            await hearer.is_at(2, 1)

    assert sorted(await hearer.keeper.kept()) == ["one", "other", "two"]


async def test_a_bad_deploy_stops_consuming_and_parks_nothing(hearer: Hearer) -> None:
    await hearer.write(*["bug"] * 30)

    with capture_logs() as lines:
        async with hearer.consuming() as consumer:
            await eventually(lambda: logged(lines, "consumer.stopped"), what="consuming stops")
            await hearer.write("good")
            assert consumer.stopped
            assert consumer.consumer is not None
            assert consumer.consumer.paused() == consumer.consumer.assignment()

    assert [line["log_level"] for line in named(lines, "consumer.stopped")] == ["error"]
    assert await hearer.keeper.parked() == []
    assert await hearer.positions() == [0, 0]


# --- several consumers ----------------------------------------------------------------------------


async def test_a_second_consumer_shares_the_partitions_and_nothing_is_lost_or_doubled(hearer: Hearer) -> None:
    everything = titles(3_000)

    async def tell() -> None:
        for start in range(0, 3_000, 50):
            await hearer.write(*everything[start : start + 50], partition=start // 50 % 2)

    async with hearer.consuming() as first:
        telling = asyncio.create_task(tell())
        await eventually(lambda: has_heard(first), what="the first hears")
        async with hearer.consuming(Keeper(hearer.database, hearer.group, (hearer.topic,))) as second:
            await eventually(lambda: has_heard(second), what="the second hears")
            await eventually(lambda: shared(first, second), what="each has one partition")
        await telling
        await hearer.is_at(1_500, 1_500)

    assert sorted(await hearer.keeper.kept()) == sorted(everything)


async def shared(*consumers: Any) -> bool:
    return [len(consumer.expected) for consumer in consumers] == [1, 1]


async def has_heard(consumer: Any) -> bool:
    return bool(consumer.events > 0)


# --- lost records ---------------------------------------------------------------------------------


async def test_a_position_past_the_logs_end_raises_an_alarm_and_the_log_is_read_from_its_start(
    hearer: Hearer,
) -> None:
    await hearer.write(*titles(2))
    await execute(
        hearer.database, "INSERT INTO position (topic, partition, next_offset) VALUES ($1, 0, 9)", hearer.topic
    )

    with capture_logs() as lines:
        async with hearer.consuming():
            await hearer.is_at(2, 0)

    assert [line["log_level"] for line in named(lines, "records.lost")] == ["error"]
    assert await hearer.keeper.kept() == ["story 0", "story 1"]


async def test_records_that_retention_deleted_unread_raise_an_alarm_and_the_rest_goes_on(hearer: Hearer) -> None:
    await hearer.write(*titles(2))
    async with hearer.consuming():
        await hearer.is_at(2, 0)
    await hearer.write(*titles(6, first=2))
    await topics.delete_before(hearer.kafka, hearer.topic, 5)

    with capture_logs() as lines:
        async with hearer.consuming():
            await hearer.is_at(8, 0)

    alarms = [
        (line["log_level"], line["topic"], line["partition"], line["records"]) for line in named(lines, "records.lost")
    ]
    assert alarms == [("error", hearer.topic, 0, 3)]
    assert await hearer.keeper.kept() == ["story 0", "story 1", "story 5", "story 6", "story 7"]
