"""The relay's guarantees against lost answers and commits that overtake each other."""

import asyncio

import pytest

from shared.database import Database
from shared.events import StoryPublished
from shared.ids import new_id
from shared.relay import Relay
from shared.topics import Lane
from shared.work import Home, begin
from tests.factories import story_published
from tests.service import column
from tests.shared import topics
from tests.shared.broker_proxy import between
from tests.shared.relaying import announce, at_work, numbers, told_up_to
from tests.waiting import eventually


@pytest.fixture
async def topic(kafka: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A topic of the test's own with one partition; stories are announced there."""
    name = await topics.fact_topic(kafka, monkeypatch, partitions=1)
    monkeypatch.setattr(StoryPublished, "topic_for", lambda _event, _service: name)
    return name


def relay(database: Database, kafka: str) -> Relay:
    return Relay("router", database.dsn, kafka, Lane.LIVE)


async def waiting(database: Database) -> int:
    return int((await column(database, "SELECT count(*) FROM outbox"))[0])


async def all_sent(database: Database) -> bool:
    return await waiting(database) == 0


# --- answers of the broker ------------------------------------------------------------------------


async def test_an_answer_of_the_broker_that_is_lost_leaves_each_fact_on_the_topic_once(
    router_database: Database, kafka: str, topic: str
) -> None:
    story = new_id()
    await announce(Home("router", router_database), *(story_published(story, revision=one) for one in (1, 2, 3)))
    answers: list[str] = []

    async def lose_the_first() -> bool:
        answers.append("handed on" if answers else "lost")
        return answers != ["lost"]

    async with between(kafka, lose_the_first) as proxy, at_work(relay(router_database, proxy)):
        await eventually(lambda: all_sent(router_database), what="the outbox is empty")

    assert answers[:2] == ["lost", "handed on"]
    assert numbers(await topics.read(kafka, topic, 3)) == {story: [1, 2, 3]}


async def test_rows_stay_in_the_outbox_for_as_long_as_the_broker_has_not_answered(
    router_database: Database, kafka: str, topic: str
) -> None:
    await announce(Home("router", router_database), story_published(), story_published())
    stored, may_answer = asyncio.Event(), asyncio.Event()

    async def wait() -> bool:
        stored.set()
        await may_answer.wait()
        return True

    async with between(kafka, wait) as proxy, at_work(relay(router_database, proxy)):
        await asyncio.wait_for(stored.wait(), 20)
        unanswered = await waiting(router_database)
        may_answer.set()
        await eventually(lambda: all_sent(router_database), what="the outbox is empty")

    assert unanswered == 2


# --- commits that overtake each other -------------------------------------------------------------


async def test_a_row_that_commits_after_a_higher_one_was_sent_goes_out_before_anything_later_of_its_story(
    router_database: Database, kafka: str, topic: str
) -> None:
    home, slow, quick = Home("router", router_database), new_id(), new_id()
    async with at_work(relay(router_database, kafka)):
        async with router_database.transaction() as connection:
            work = await begin(home, connection, {f"story/{slow}"})
            work.announce(story_published(slow))
            await work.finish()
            await announce(home, story_published(quick))
            overtaken = await told_up_to(kafka, topic, quick, 1)
        await announce(home, story_published(slow, revision=2))

        told = await told_up_to(kafka, topic, slow, 2)

    assert overtaken == {quick: [1]}
    assert told == {quick: [1], slow: [1, 2]}


async def test_what_another_replica_committed_first_is_told_first_whoever_sends(
    router_database: Database, kafka: str, topic: str
) -> None:
    replicas = [relay(router_database, kafka) for _ in range(2)]
    first, second = (Home("router", router_database, committed=one.wake) for one in replicas)
    story = new_id()
    await announce(first, story_published(story))
    await announce(second, story_published(story, revision=2))

    async with at_work(replicas[1]):  # the first is slow, or gone
        told = await told_up_to(kafka, topic, story, 2)

    assert told == {story: [1, 2]}
