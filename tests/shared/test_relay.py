"""The relay: what committed reaches Kafka, each story's facts in order, and a row goes only once it is there."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import orjson
import pytest

from deploy.local.system import Databases
from shared.contracts import Event
from shared.database import Database
from shared.events import StoryPublished
from shared.ids import new_id
from shared.relay import Relay
from shared.topics import Lane
from shared.work import Home, on_threads
from tests.factories import story_erased, story_published
from tests.records import told
from tests.service import column, execute
from tests.shared import topics
from tests.shared.keeper import Keeper
from tests.waiting import eventually

GONE = "the outbox is empty"


@pytest.fixture
async def topic(kafka: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A topic of the test's own; stories are announced there."""
    name = await topics.fact_topic(kafka, monkeypatch, partitions=3)
    monkeypatch.setattr(StoryPublished, "topic_for", lambda _event, _service: name)
    return name


@asynccontextmanager
async def running(database: Database, kafka: str, count: int = 1) -> AsyncIterator[list[Relay]]:
    """Relays of one lane, all at work."""
    relays = [Relay("router", database.dsn, kafka, Lane.LIVE) for _ in range(count)]
    tasks = [asyncio.create_task(relay.run()) for relay in relays]
    try:
        yield relays
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def announce(database: Database, *events: Event) -> None:
    """One transaction that announces these."""

    async def say(work: Any) -> None:
        work.announce(*events)

    await on_threads(Home("router", database), {event.subject for event in events}, say)


async def waiting(database: Database) -> int:
    return int((await column(database, "SELECT count(*) FROM outbox"))[0])


async def all_sent(database: Database) -> bool:
    return await waiting(database) == 0


def numbers(records: Sequence[Any]) -> dict[str, list[int]]:
    """The sequence numbers of each subject, in the order of the topic, each at its first occurrence."""
    found: dict[str, list[int]] = defaultdict(list)
    for record in records:
        headers = dict(record.headers)
        number = int(headers["ce_sequence"])
        if number not in found[headers["ce_subject"].decode()]:
            found[headers["ce_subject"].decode()].append(number)
    return found


# --- what is sent ---------------------------------------------------------------------------------


async def test_a_row_arrives_with_key_headers_and_value_as_it_was_written(
    router_database: Database, kafka: str, topic: str
) -> None:
    story = story_published()
    await announce(router_database, story)
    [headers] = await column(router_database, "SELECT headers FROM outbox")

    async with running(router_database, kafka):
        [record] = await topics.read(kafka, topic, 1)

    assert record.key == f"story/{story.story}".encode()
    assert record.headers == tuple((name, value.encode()) for name, value in orjson.loads(headers))
    assert orjson.loads(record.value) == story.model_dump(mode="json")
    assert dict(record.headers)["ce_sequence"] == b"1"
    assert int(dict(record.headers)["ce_term"]) > 1_700_000_000


async def test_each_storys_facts_arrive_in_order_while_others_commit(
    router_database: Database, kafka: str, topic: str
) -> None:
    stories = [new_id() for _ in range(7)]

    async def tell(of: Sequence[Any]) -> None:
        for revision in range(30):
            await announce(router_database, *(story_published(story, revision=revision) for story in of))

    async with running(router_database, kafka):
        await asyncio.gather(tell(stories[:5]), tell(stories[2:]))
        await eventually(lambda: all_sent(router_database), what=GONE)
        records = await topics.read(kafka, topic, 300)

    told_twice = stories[2:5]
    assert len(records) == 300
    assert numbers(records) == {
        f"story/{story}": list(range(1, 61 if story in told_twice else 31)) for story in stories
    }


async def test_what_was_erased_before_it_was_sent_goes_out_without_words_and_says_so(
    router_database: Database, kafka: str, topic: str
) -> None:
    story, keeper = story_published(), Keeper(router_database)
    await keeper.prepare()
    await announce(router_database, story)
    keeper.handlers.pop(StoryPublished)
    await keeper.hear(told(story_erased(story.story), "intake"))
    await execute(router_database, "DELETE FROM outbox WHERE topic <> $1", topic)

    async with running(router_database, kafka):
        [record] = await topics.read(kafka, topic, 1)

    headers = dict(record.headers)
    assert (record.value, headers["ce_erased"], headers["ce_sequence"]) == (None, b"true", b"1")


async def test_other_lanes_are_left_alone(router_database: Database, kafka: str, topic: str) -> None:
    await announce(router_database, story_published())
    await execute(router_database, "UPDATE outbox SET lane = 'bulk'")
    await announce(router_database, story_published())

    async with running(router_database, kafka):
        await eventually(lambda: only_bulk(router_database), what="the live row is sent")


async def only_bulk(database: Database) -> bool:
    return await column(database, "SELECT lane FROM outbox") == ["bulk"]


# --- when rows go ---------------------------------------------------------------------------------


async def test_rows_stay_until_the_broker_has_acknowledged_every_one_of_them(
    router_database: Database, kafka: str, topic: str
) -> None:
    await topics.allow(kafka, topic, 4_000)
    await announce(router_database, story_published(text="short"), story_published(text="long " * 1_000))
    await execute(router_database, "UPDATE outbox SET partition = id % 2")

    async with running(router_database, kafka):
        await topics.read(kafka, topic, 3)
        assert await waiting(router_database) == 2
        await topics.allow(kafka, topic, 1_100_000)
        await eventually(lambda: all_sent(router_database), what=GONE)

    assert {len(record.value) > 4_000 for record in await topics.read(kafka, topic, 2)} == {True, False}


async def is_active(database: Database) -> bool:
    return bool(await holders(database))


async def holders(database: Database) -> list[int]:
    """The backends that hold the lane's lock."""
    return await column(
        database,
        "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
    )


# --- one at a time --------------------------------------------------------------------------------


async def test_of_two_relays_one_is_active_and_the_other_takes_over_when_its_connection_is_killed(
    databases: Databases, router_database: Database, kafka: str, topic: str
) -> None:
    story = new_id()
    admin = await asyncpg.connect(databases.admin)
    async with running(router_database, kafka, count=2):
        for revision in range(4):
            await eventually(lambda: is_active(router_database), what="one holds the lock")
            [active] = await holders(router_database)
            await announce(router_database, *(story_published(story, revision=revision) for _ in range(40)))
            await admin.execute("SELECT pg_terminate_backend($1)", active)
            await announce(router_database, *(story_published(story, revision=revision) for _ in range(40)))
            await eventually(lambda: all_sent(router_database), what=GONE)
            [successor] = await holders(router_database)
            assert successor != active
    await admin.close()

    records = await topics.read(kafka, topic, 320)

    assert numbers(records) == {f"story/{story}": list(range(1, 321))}
