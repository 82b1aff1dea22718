"""What responder does when it hears of a story, and when a clock runs out."""

from datetime import timedelta

import httpx
import pytest

from shared.contracts import Event
from shared.database import Database
from shared.events import CopyErased, ReplyOverdue, StoryHeard
from shared.hearing import Outcome
from shared.ids import new_id
from tests.factories import (
    REPLY_TEXT,
    STORY_TEXT,
    comment_received,
    story_erased,
    story_published,
    story_routed,
    story_withdrawn,
    team_listed,
)
from tests.responder.cases import act, open_case, reply
from tests.service import announced, announced_types, column, execute, fetch, hear, said, tables_with, time_passes

OPEN = "SELECT team FROM responder.team_case WHERE opened_at IS NOT NULL ORDER BY team"


@pytest.mark.parametrize("published_first", [True, False])
async def test_a_case_opens_when_the_story_is_both_published_and_routed(
    published_first: bool, database: Database
) -> None:
    story = new_id()
    facts: list[Event] = [story_published(story), story_routed(story, teams=["T1", "T2"])]
    first, second = facts if published_first else facts[::-1]

    await hear("responder", database, first)
    assert await column(database, OPEN) == []
    await hear("responder", database, second)

    assert await column(database, OPEN) == ["T1", "T2"]
    assert await column(database, "SELECT target FROM timer WHERE kind = 'reply_overdue' ORDER BY target") == [
        "T1",
        "T2",
    ]


async def test_the_clock_runs_for_the_time_that_the_settings_allow(database: Database) -> None:
    await open_case(database)

    assert await column(database, "SELECT due_at - opened_at FROM responder.team_case") == [timedelta(days=7)]


async def test_a_story_routed_again_opens_no_second_case_and_starts_no_second_clock(database: Database) -> None:
    story = await open_case(database)
    before = await fetch(database, "SELECT * FROM responder.team_case")

    await hear("responder", database, story_routed(story, teams=["T1"], revision=2))

    assert await fetch(database, "SELECT * FROM responder.team_case") == before


async def test_a_team_that_is_routed_later_gets_a_case_of_its_own(database: Database) -> None:
    story = await open_case(database, "T1")

    await hear("responder", database, story_routed(story, teams=["T3"]))

    assert await column(database, OPEN) == ["T1", "T3"]


async def test_a_new_revision_is_what_staff_read(database: Database) -> None:
    story = await open_case(database)

    await hear("responder", database, story_published(story, revision=2, title="What I really meant"))

    assert await column(database, "SELECT published ->> 'title' FROM responder.story") == ["What I really meant"]


async def test_a_withdrawn_story_is_shown_to_nobody_and_closes_its_cases(database: Database) -> None:
    story = await open_case(database)

    await hear("responder", database, story_withdrawn(story))

    assert await column(database, "SELECT published FROM responder.story") == [None]
    assert await column(database, "SELECT team FROM responder.team_case WHERE closed_at IS NULL") == []
    assert await tables_with(database, STORY_TEXT) == []


async def test_a_story_withdrawn_before_its_late_publication_stays_withdrawn(database: Database) -> None:
    story = new_id()
    published, withdrawn = said(story_published(story)), said(story_withdrawn(story))
    await hear("responder", database, withdrawn)

    (late,) = await hear("responder", database, published)
    await hear("responder", database, story_routed(story))

    assert late.outcome is Outcome.REPEATED
    assert await column(database, OPEN) == []


async def test_an_erased_story_leaves_no_words_and_is_said_to_be_gone(
    database: Database, pages: httpx.AsyncClient
) -> None:
    story = await open_case(database)
    await reply(pages, story)

    await hear("responder", database, story_erased(story))

    assert await tables_with(database, STORY_TEXT) == []
    assert await tables_with(database, REPLY_TEXT) == []
    assert await column(database, "SELECT subject FROM timer") == []
    assert (await announced(database))[-1] == (CopyErased.type, {"story": str(story)})


async def test_what_comes_for_an_erased_story_goes_no_further(database: Database) -> None:
    story = new_id()

    await hear("responder", database, story_erased(story), story_published(story), story_routed(story))

    assert await column(database, OPEN) == []
    assert await tables_with(database, STORY_TEXT) == []


async def a_week_passes(database: Database) -> None:
    """As if all had begun eight days ago."""
    await execute(
        database,
        "UPDATE responder.team_case SET opened_at = opened_at - interval '8 days', due_at = due_at - interval '8 days'",
    )
    await time_passes("responder", database)


async def test_silent_teams_are_said_to_be_overdue_once(database: Database) -> None:
    story = await open_case(database, "T1", "T2")

    await a_week_passes(database)
    await a_week_passes(database)

    assert sorted((type_, data["story"], data["team"]) for type_, data in await announced(database)) == [
        (ReplyOverdue.type, str(story), "T1"),
        (ReplyOverdue.type, str(story), "T2"),
    ]


async def test_a_team_that_answered_is_not_overdue(database: Database, pages: httpx.AsyncClient) -> None:
    story = await open_case(database, "T1", "T2")
    await reply(pages, story, "T1")

    await a_week_passes(database)

    late = [data["team"] for type_, data in await announced(database) if type_ == ReplyOverdue.type]
    assert late == ["T2"]


async def test_a_team_that_said_not_ours_is_not_overdue(database: Database, pages: httpx.AsyncClient) -> None:
    story = await open_case(database)
    await act(pages, story, "declines")

    await a_week_passes(database)

    assert ReplyOverdue.type not in await announced_types(database)


async def test_a_team_that_only_opened_the_story_is_overdue(database: Database, pages: httpx.AsyncClient) -> None:
    story = await open_case(database)
    await act(pages, story, "heard", role="Ward manager")

    await a_week_passes(database)

    assert await announced_types(database) == [StoryHeard.type, ReplyOverdue.type]


async def test_nobody_is_overdue_with_a_withdrawn_story(database: Database) -> None:
    story = await open_case(database)
    await hear("responder", database, story_withdrawn(story))

    await a_week_passes(database)

    assert await announced(database) == []


async def test_a_comment_is_for_reading_and_makes_no_case_and_no_clock(database: Database) -> None:
    comment = comment_received()

    await hear("responder", database, comment, comment)

    assert await column(database, "SELECT comment FROM responder.comment") == [comment.comment]
    assert await column(database, "SELECT story FROM responder.team_case") == []
    assert await column(database, "SELECT subject FROM timer") == []
    assert await announced(database) == []


async def test_of_two_facts_about_a_team_the_newer_stays(database: Database) -> None:
    old, new = (
        said(team_listed(name=name), number=(1, place)) for place, name in enumerate(["Old name", "New name"], start=1)
    )

    await hear("responder", database, new)
    await hear("responder", database, old)

    assert await column(database, "SELECT name FROM responder.team") == ["New name"]
