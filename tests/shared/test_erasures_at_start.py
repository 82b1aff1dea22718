"""Before anything else a service reads the erasures topic to its end, however many replicas do so at once."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer

from deploy.local.system import make_topics
from services.responder import handlers
from shared.contracts import Event
from shared.database import Database
from shared.entrance import Entrance
from shared.erasures import read_to_end
from shared.streams import Stream
from shared.topics import Topic
from shared.work import hearings
from tests.factories import story_erased, story_published
from tests.records import told
from tests.service import column, hear, home_of


@pytest.fixture
async def topic(kafka: str) -> AsyncIterator[Topic]:
    """An erasures topic of its own: compacted, like the real one."""
    topic = Topic(f"storyloop.erasures.{uuid4().hex[:8]}", "intake", retention=None, partitions=3)
    await make_topics(kafka, (), (topic,))
    yield topic


def entrance(database: Database, topic: Topic) -> Entrance:
    return Entrance(home_of("responder", database), Stream("test", hearings(handlers), (topic.name,)))


async def say(kafka: str, topic: Topic, events: Sequence[Event]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    try:
        for event in events:
            record = told(event, "intake")
            await producer.send_and_wait(topic.name, record.value, key=record.key, headers=list(record.headers))
    finally:
        await producer.stop()


async def tombstones(database: Database) -> list[str]:
    return await column(database, "SELECT subject FROM thread WHERE erased_at IS NOT NULL ORDER BY subject")


async def test_all_erasures_are_heard_before_it_returns(kafka: str, topic: Topic, responder: Database) -> None:
    stories = [story_published() for _ in range(40)]
    await hear("responder", responder, *stories)
    erased = [story_erased(story.story) for story in stories[:30]]
    await say(kafka, topic, erased)

    heard = await read_to_end(kafka, entrance(responder, topic), topic)

    assert heard == 30
    assert await tombstones(responder) == sorted(event.subject for event in erased)
    assert await column(responder, "SELECT count(*) FROM responder.story WHERE published IS NOT NULL") == [10]


async def test_an_empty_topic_is_read_to_its_end_at_once(kafka: str, topic: Topic, responder: Database) -> None:
    assert await read_to_end(kafka, entrance(responder, topic), topic) == 0


async def test_a_second_start_hears_only_what_came_since(kafka: str, topic: Topic, responder: Database) -> None:
    await say(kafka, topic, [story_erased(story_published().story) for _ in range(5)])
    await read_to_end(kafka, entrance(responder, topic), topic)
    await say(kafka, topic, [story_erased(story_published().story) for _ in range(2)])

    heard = await read_to_end(kafka, entrance(responder, topic), topic)

    assert (heard, len(await tombstones(responder))) == (2, 7)


async def test_replicas_that_start_at_the_same_time_lose_nothing_and_hear_nothing_twice(
    kafka: str, topic: Topic, responder: Database
) -> None:
    erased = [story_erased(story_published().story) for _ in range(60)]
    await say(kafka, topic, erased)

    heard = await asyncio.gather(*(read_to_end(kafka, entrance(responder, topic), topic) for _ in range(3)))

    assert sum(heard) == 60
    assert await tombstones(responder) == sorted(event.subject for event in erased)
    assert await column(responder, "SELECT count(*) FROM outbox") == [60]
