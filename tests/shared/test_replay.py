"""Replay: what announcers restate reaches a new listener once, and live facts go on from there."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest

from deploy.local.system import Databases, make_topics
from services.intake import restate as intake_restate
from services.responder import handlers
from services.router import restate as router_restate
from shared import replay, topics
from shared.database import Database
from shared.entrance import Entrance
from shared.erasures import read_to_end
from shared.events import StoryWithdrawn
from shared.relay import Relay
from shared.restating import restate
from shared.streams import streams_of
from shared.topics import Lane
from shared.work import Home, Work, hearings, on_threads
from tests.factories import STORY_TEXT, comment_offered, story_offered, story_published
from tests.service import column, execute, fetch, hear, home_of, submitted
from tests.waiting import eventually

STORIES = 5


@dataclass
class Loop:
    """Two announcers that have known things for long, and a listener that knows nothing."""

    kafka: str
    intake: Database
    router: Database
    responder: Database
    listener: str
    stories: list[UUID]

    @property
    def home(self) -> Home:
        """The listener under a name of its own, so that its replay topic is its own."""
        return Home(self.listener, self.responder, home_of("responder", self.responder).settings)

    async def hear_replay(self) -> None:
        await replay.hear(self.home, self.kafka, streams_of("responder", hearings(handlers)))

    async def hear_live(self) -> int:
        """Reads the stories topic from the stored positions, as the consumer does."""
        stream = streams_of("responder", hearings(handlers))[0]
        return await read_to_end(self.kafka, Entrance(self.home, stream), topics.STORIES)

    async def intake_restates(self) -> int:
        count = await restate(
            "intake", self.intake, self.listener, intake_restate.restate, intake_restate.restate_comments
        )
        await self.relayed("intake", self.intake)
        return count

    async def router_restates(self) -> int:
        count = await restate("router", self.router, self.listener, router_restate.restate)
        await self.relayed("router", self.router)
        return count

    async def all_restate(self) -> None:
        """Both restate, and the listener hears it to the end."""
        await self.intake_restates()
        await self.router_restates()
        await asyncio.wait_for(self.hear_replay(), 60)

    async def relayed(self, service: str, database: Database) -> None:
        """Its relays send until the outbox is empty."""

        async def empty() -> bool:
            return await column(database, "SELECT count(*) FROM outbox") == [0]

        async with running(*(Relay(service, database.dsn, self.kafka, lane).run() for lane in Lane)):
            await eventually(empty)

    async def withdraw(self, story: UUID) -> None:
        """Intake says live that a story was taken back."""

        async def do(work: Work) -> None:
            await work.connection.execute(
                "UPDATE intake.story SET state = 'withdrawn', withdrawn_at = now() WHERE story = $1", story
            )
            work.announce(StoryWithdrawn(story=story))

        await on_threads(home_of("intake", self.intake), {f"story/{story}"}, do)
        await self.relayed("intake", self.intake)


@asynccontextmanager
async def running(*parts: object) -> AsyncIterator[None]:
    tasks = [asyncio.ensure_future(part) for part in parts]  # type: ignore[call-overload]  # coroutines
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
async def loop(kafka: str, databases: Databases, intake: Database, responder: Database) -> AsyncIterator[Loop]:
    """Five stories, two comments and their routes, told so long ago that no topic holds them any more."""
    router = await Database.connect(databases.dsns["router"], application="test")
    listener = f"responder-{uuid4().hex[:8]}"
    await make_topics(kafka, (), (topics.replay_to(listener),))
    await execute(intake, "INSERT INTO intake.publisher VALUES ('surveys', '{/surveys/wards}', '{*}', true)")
    for number in range(STORIES):
        await hear("intake", intake, submitted(story_offered(), reference=f"ref-{number}"))
    for number in range(2):
        await hear("intake", intake, submitted(comment_offered(), reference=f"comment-{number}"))
    stories = await column(intake, "SELECT story FROM intake.story ORDER BY story")
    await execute(router, "INSERT INTO router.organisation VALUES ('W1', 'Ward 1', 'service', NULL)")
    await execute(router, "INSERT INTO router.team VALUES ('T1', 'Team 1', 'W1')")
    await execute(router, "INSERT INTO router.subscription VALUES ('S1', 'T1', 'W1')")
    await hear("router", router, *(story_published(story) for story in stories))
    for database in (intake, router):
        await execute(database, "DELETE FROM outbox")
    yield Loop(kafka, intake, router, responder, listener, stories)
    await router.close()


async def cases(loop: Loop) -> list[tuple[object, ...]]:
    """(story, state, text, team, open) of everything that the listener keeps of stories."""
    rows = await fetch(
        loop.responder,
        """
        SELECT story.story, state, published ->> 'text', team, opened_at IS NOT NULL AND closed_at IS NULL
          FROM responder.story LEFT JOIN responder.team_case USING (story) ORDER BY story.story
        """,
    )
    return [tuple(row) for row in rows]


async def test_a_new_listener_hears_what_was_restated_and_then_live_facts_from_where_it_was_made_ready(
    loop: Loop,
) -> None:
    await replay.make_ready(loop.kafka, loop.responder, loop.listener)
    restated = (await loop.intake_restates(), await loop.router_restates())
    await loop.withdraw(loop.stories[0])  # after the restatement, before the listener starts

    await asyncio.wait_for(loop.hear_replay(), 60)
    replayed = await cases(loop)
    await loop.hear_live()

    assert restated == (STORIES + 1, STORIES)
    assert await column(loop.responder, "SELECT topic FROM position WHERE topic = 'storyloop.outcomes'") == []
    assert replayed == [(story, "published", STORY_TEXT, "T1", True) for story in loop.stories]
    assert await cases(loop) == [
        (loop.stories[0], "withdrawn", None, "T1", False),
        *((story, "published", STORY_TEXT, "T1", True) for story in loop.stories[1:]),
    ]
    assert await column(loop.responder, "SELECT count(*) FROM responder.comment") == [2]


async def test_replayed_facts_set_clocks_again_and_nothing_is_sent_or_parked(loop: Loop) -> None:
    await replay.make_ready(loop.kafka, loop.responder, loop.listener)
    await loop.intake_restates()
    await loop.router_restates()

    await asyncio.wait_for(loop.hear_replay(), 60)

    counts = await fetch(
        loop.responder,
        "SELECT (SELECT count(*) FROM timer), (SELECT count(*) FROM responder.team_case WHERE opened_at IS NOT NULL),"
        " (SELECT count(*) FROM delivery), (SELECT count(*) FROM parked)",
    )
    clocks, open_cases, *others = counts[0]
    assert clocks == open_cases > 0
    assert others == [0, 0]


async def test_a_listener_that_is_stopped_in_the_middle_goes_on_where_it_was(loop: Loop) -> None:
    async def knows_stories() -> bool:
        return await column(loop.responder, "SELECT count(*) FROM responder.story") == [STORIES]

    await replay.make_ready(loop.kafka, loop.responder, loop.listener)
    await loop.intake_restates()
    async with running(loop.hear_replay()):
        await eventually(knows_stories)
    await loop.router_restates()

    await asyncio.wait_for(loop.hear_replay(), 60)

    assert await cases(loop) == [(story, "published", STORY_TEXT, "T1", True) for story in loop.stories]


async def test_a_second_restatement_and_a_live_fact_that_was_restated_too_change_nothing(loop: Loop) -> None:
    await replay.make_ready(loop.kafka, loop.responder, loop.listener)
    await loop.withdraw(loop.stories[0])  # live after it was made ready, and part of what is restated
    await loop.intake_restates()
    await loop.intake_restates()
    await loop.router_restates()

    await asyncio.wait_for(loop.hear_replay(), 60)
    before = await cases(loop)
    await loop.hear_live()

    assert before[0][:3] == (loop.stories[0], "withdrawn", None)
    assert await cases(loop) == before
    assert await column(loop.responder, "SELECT count(*) FROM responder.comment") == [2]


async def test_an_upgraded_listener_hears_again_of_router_what_it_did_not_keep_and_decides_nothing_twice(
    loop: Loop,
) -> None:
    await replay.make_ready(loop.kafka, loop.responder, loop.listener)
    await loop.all_restate()
    before, clocks = await cases(loop), await fetch(loop.responder, "SELECT * FROM timer ORDER BY subject")
    await execute(loop.responder, "DELETE FROM responder.team_case WHERE story = $1", loop.stories[0])
    moved = "UPDATE responder.story SET state = 'withdrawn', published = NULL, sequence = 1 WHERE story = $1"
    await execute(loop.responder, moved, loop.stories[1])

    await replay.make_ready(loop.kafka, loop.responder, loop.listener)
    await loop.all_restate()

    after = await cases(loop)
    assert after[0] == before[0] == (loop.stories[0], "published", STORY_TEXT, "T1", True), "the case is back"
    assert after[1][1] == "withdrawn", "what intake said is not judged again"
    assert after[2:] == before[2:]
    assert await fetch(loop.responder, "SELECT * FROM timer ORDER BY subject") == clocks
    assert await column(loop.responder, "SELECT count(*) FROM outbox") == [0]


async def test_hearing_waits_until_every_announcer_has_set_its_markers(loop: Loop) -> None:
    await replay.make_ready(loop.kafka, loop.responder, loop.listener)
    await loop.intake_restates()

    with suppress(TimeoutError):
        await asyncio.wait_for(loop.hear_replay(), 3)
        raise AssertionError("router has said nothing yet")
    await loop.router_restates()

    await asyncio.wait_for(loop.hear_replay(), 60)


async def test_what_an_earlier_replay_left_on_the_topic_does_not_end_this_one(loop: Loop) -> None:
    await loop.intake_restates()
    await loop.router_restates()
    await replay.make_ready(loop.kafka, loop.responder, loop.listener)

    with suppress(TimeoutError):
        await asyncio.wait_for(loop.hear_replay(), 3)
        raise AssertionError("nobody has restated since")
    assert await cases(loop) == []
    await loop.intake_restates()
    await loop.router_restates()

    await asyncio.wait_for(loop.hear_replay(), 60)
    assert len(await cases(loop)) == STORIES


async def test_markers_of_an_announcer_that_is_not_heard_do_not_count(loop: Loop) -> None:
    await replay.make_ready(loop.kafka, loop.responder, loop.listener)
    await loop.intake_restates()
    marks = [f"replay/{loop.listener}.{number}" for number in range(12)]
    await execute(
        loop.responder,
        """INSERT INTO thread (subject, heard) SELECT unnest($1::text[]), '{"/storyloop/tracker": [1, 1]}'""",
        marks,
    )

    with suppress(TimeoutError):
        await asyncio.wait_for(loop.hear_replay(), 3)
        raise AssertionError("router has said nothing yet")
