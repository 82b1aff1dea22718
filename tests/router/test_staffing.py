"""Whether anybody listens: what responder says of teams, and what router makes of it."""

import httpx
import pytest

from services.router.rules import Organisation, Team
from shared.database import Database
from shared.events import StoryRouted, StoryUnheard
from tests.factories import route_declined, story_published, team_staffed, team_unstaffed
from tests.router.directory import ORGANISATIONS, SUBSCRIPTIONS, TEAMS, files, put_in_place
from tests.service import STAFF, announced, column, execute, hear, said

SENT, UNHEARD = StoryRouted.type, StoryUnheard.type


@pytest.fixture(autouse=True)
async def directory(database: Database) -> None:
    """A directory of which nobody has said anything yet."""
    await put_in_place(database, files())
    await execute(database, "DELETE FROM outbox")


async def told(database: Database) -> list[str]:
    return [type_ for type_, _ in await announced(database)]


async def listened_to(pages: httpx.AsyncClient, code: str) -> bool:
    return bool((await pages.get(f"/organisations/{code}", headers=STAFF)).json()["listened_to"])


async def test_a_team_of_which_nothing_was_said_listens(database: Database, pages: httpx.AsyncClient) -> None:
    await hear("router", database, story_published(services=["C1"]))

    assert await told(database) == [SENT]
    assert await listened_to(pages, "C1")


async def test_a_story_for_teams_without_anybody_is_sent_and_said_to_be_unheard(
    database: Database, pages: httpx.AsyncClient
) -> None:
    await hear("router", database, team_unstaffed("T3"), team_unstaffed("T2"), story_published(services=["C1"]))

    assert await told(database) == [SENT, UNHEARD]
    assert await column(database, "SELECT team FROM router.route ORDER BY team") == ["T2", "T3"]
    assert not await listened_to(pages, "C1")


async def test_one_team_with_somebody_in_it_is_enough(database: Database, pages: httpx.AsyncClient) -> None:
    await hear("router", database, team_unstaffed("T3"), story_published(services=["C1"]))

    assert await told(database) == [SENT]
    assert await listened_to(pages, "C1")


async def test_a_team_that_has_somebody_again_listens_again(database: Database, pages: httpx.AsyncClient) -> None:
    await hear("router", database, team_unstaffed("T3"), team_unstaffed("T2"), story_published(services=["C1"]))

    await hear("router", database, team_staffed("T3"), story_published(services=["C1"]))

    assert await told(database) == [SENT, UNHEARD, SENT]
    assert await column(database, "SELECT story FROM router.unheard") == []
    assert await listened_to(pages, "C1")


async def test_a_story_that_nobody_was_sent_stays_unheard_when_some_team_fills(database: Database) -> None:
    await hear("router", database, story_published(services=["LONE"]), team_staffed("T3"))

    assert await column(database, "SELECT services FROM router.unheard") == [["LONE"]]


async def test_an_older_word_on_a_team_does_not_overwrite_a_newer_one(database: Database) -> None:
    older, newer = said(team_unstaffed("T3")), said(team_staffed("T3"))

    await hear("router", database, newer, older)

    assert await column(database, "SELECT staffed FROM router.staffing") == [True]


async def test_a_new_directory_forgets_nothing_that_was_said_of_its_teams(database: Database) -> None:
    await hear("router", database, team_unstaffed("T3"), team_unstaffed("T2"))

    await put_in_place(database, files(organisations=(*ORGANISATIONS, Organisation("W9", "Ward 9", "service", None))))

    await hear("router", database, story_published(services=["C1"]))
    assert (await told(database))[-2:] == [SENT, UNHEARD]


async def test_a_suggestion_that_leads_to_an_empty_team_leaves_the_story_unheard(database: Database) -> None:
    story = story_published(services=["LONE"])
    await hear("router", database, team_unstaffed("T3"), team_unstaffed("T2"), story)

    await hear("router", database, route_declined(story.story, "T9", suggestion="C1"))

    assert await told(database) == [UNHEARD, SENT]
    assert await column(database, "SELECT story FROM router.unheard") == [story.story]


@pytest.mark.parametrize("kind", ["icb", "region"])
async def test_a_commissioners_team_is_sent_stories_and_never_counts_as_listening(
    kind: str, database: Database, pages: httpx.AsyncClient
) -> None:
    above = Organisation("ICB1", "North board", kind, None)
    await put_in_place(
        database,
        files(
            organisations=(*ORGANISATIONS, above, Organisation("P1", "Practice 1", "practice", "ICB1")),
            teams=(*TEAMS, Team("T4", "Board team", "ICB1")),
            subscriptions=(*SUBSCRIPTIONS, ("S4", "T4", "ICB1")),
        ),
    )
    await execute(database, "DELETE FROM outbox")

    await hear("router", database, team_staffed("T4"), story_published(services=["P1"]), team_staffed("T4"))

    assert await told(database) == [SENT, UNHEARD]
    assert await column(database, "SELECT services FROM router.unheard") == [["P1"]]
    assert not await listened_to(pages, "P1")
