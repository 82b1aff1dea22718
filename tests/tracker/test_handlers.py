"""What tracker does with facts about a story, in whatever order they come."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.contracts import Event
from shared.database import Database
from shared.events import (
    Claim,
    CopyErased,
    StoryRejected,
    StoryUnheard,
)
from shared.ids import new_id
from tests.factories import (
    REPLY_TEXT,
    comment_received,
    reply_published,
    route_declined,
    story_erased,
    story_heard,
    story_published,
    story_received,
    story_routed,
    story_withdrawn,
    verdict_given,
)
from tests.service import (
    announced,
    column,
    fetch,
    hear,
    parked,
    redrive,
    said,
    tables_with,
)
from tests.tracker.changes import change_of, claim

TODAY = datetime.now(UTC).date()
TOMORROW, YESTERDAY = TODAY + timedelta(days=1), TODAY - timedelta(days=1)


async def timeline(database: Database, story: UUID) -> list[tuple[str, str, datetime, Any]]:
    rows = await fetch(
        database,
        "SELECT kind, target, at, detail FROM tracker.entry WHERE story = $1 ORDER BY at, kind, target",
        story,
    )
    return [tuple(row) for row in rows]


async def test_each_fact_is_a_line_in_order_of_time(database: Database) -> None:
    story, reply = new_id(), new_id()
    facts: list[Event] = [
        story_received(story),
        story_published(story),
        story_routed(story, teams=["T1", "T2"]),
        story_heard(story),
        reply_published(story, reply=reply),
        route_declined(story, "T2"),
        story_withdrawn(story),
    ]

    await hear("tracker", database, *(at_minute(number, fact) for number, fact in enumerate(facts)))

    assert [(kind, target) for kind, target, _, _ in await timeline(database, story)] == [
        ("story.received", ""),
        ("story.published", ""),
        ("story.routed", "T1"),
        ("story.routed", "T2"),
        ("story.heard", "T1"),
        ("reply.published", str(reply)),
        ("route.declined", "T2"),
        ("story.withdrawn", ""),
    ]


def at_minute(minute: int, fact: Event) -> Any:
    return said(fact, time=f"2026-05-04T10:{minute:02}:00Z")


def a_storys_facts() -> list[list[Event]]:
    """The facts of one story by announcer; each announcer keeps its own order, nothing else is in order."""
    story = new_id()
    reply = reply_published(story, claim=Claim.MADE)
    return [
        [story_received(story), story_published(story), verdict_of(story, reply), story_withdrawn(story)],
        [story_routed(story, teams=["T1", "T2"]), story_routed(story, teams=["T3"])],
        [story_heard(story), reply, route_declined(story, "T2")],
    ]


def verdict_of(story: UUID, reply: Any) -> Event:
    return verdict_given(story, change_of(reply))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations([0] * 4 + [1] * 2 + [2] * 3), batch=st.integers(1, 9))
async def test_whatever_the_order_of_arrival_the_timeline_is_the_same(
    database: Database, order: list[int], batch: int
) -> None:
    threads = a_storys_facts()
    records = [[at_minute(10 * who + n, fact) for n, fact in enumerate(facts)] for who, facts in enumerate(threads)]
    story = threads[0][0].story  # type: ignore[attr-defined]  # all are facts of one story
    arriving = [records[who].pop(0) for who in order]

    for start in range(0, len(arriving), batch):
        await hear("tracker", database, *arriving[start : start + batch])
    await redrive("tracker", database)

    assert [(kind, target) for kind, target, _, _ in await timeline(database, story)] == [
        ("story.received", ""),
        ("story.published", ""),
        ("verdict.given", str(change_of(threads[2][1]))),  # type: ignore[arg-type]  # the reply
        ("story.withdrawn", ""),
        ("story.routed", "T1"),
        ("story.routed", "T2"),
        ("story.routed", "T3"),
        ("story.heard", "T1"),
        ("reply.published", str(threads[2][1].reply)),  # type: ignore[attr-defined]  # the reply
        ("route.declined", "T2"),
    ]
    assert await column(database, "SELECT state FROM tracker.change WHERE story = $1", story) == ["confirmed"]
    assert await parked(database) == []


async def test_a_fact_told_twice_is_one_line(database: Database) -> None:
    story = new_id()
    record = said(story_heard(story))

    await hear("tracker", database, record, record)
    await hear("tracker", database, record)

    assert len(await timeline(database, story)) == 1


async def test_rejected_and_unheard_stories_have_their_line_too(database: Database) -> None:
    rejected, unheard = new_id(), new_id()

    await hear(
        "tracker",
        database,
        StoryRejected(story=rejected, reason="legal"),
        StoryUnheard(story=unheard, revision=1, services=("W1",)),
    )

    assert await column(database, "SELECT kind FROM tracker.entry ORDER BY kind") == [
        "story.rejected",
        "story.unheard",
    ]


async def test_a_comment_is_counted_without_its_words(database: Database) -> None:
    comment = comment_received(text="The nurse was kind.")

    await hear("tracker", database, comment, comment)

    assert await column(database, "SELECT comment FROM tracker.comment") == [comment.comment]
    assert await tables_with(database, "The nurse was kind.") == []


async def test_an_erased_story_leaves_no_line_and_no_change_and_is_said_to_be_gone(database: Database) -> None:
    story, _ = await claim(database, due=TOMORROW, explanation="A sign on the corridor wall.")

    await hear("tracker", database, story_erased(story))

    assert (await announced(database))[-1] == (CopyErased.type, {"story": str(story)})
    assert [await tables_with(database, words) for words in ("A sign on the corridor wall.", REPLY_TEXT)] == [[], []]
    assert await timeline(database, story) == []
    assert await column(database, "SELECT target FROM timer") == []
