"""What router does when it hears of a story."""

import pytest

from services.router.rules import Organisation
from shared.database import Database
from shared.events import CopyErased, RouteDeclined, StoryRouted, StoryUnheard
from shared.hearing import Outcome
from shared.ids import new_id
from tests.factories import STORY_TEXT, route_declined, story_erased, story_published, story_withdrawn
from tests.router.directory import ORGANISATIONS, files, put_in_place
from tests.service import announced, column, execute, fetch, hear, parked, said, tables_with


@pytest.fixture(autouse=True)
async def directory(database: Database) -> None:
    """The small directory, already announced and sent."""
    await put_in_place(database, files())
    await execute(database, "DELETE FROM outbox")


async def routes(database: Database) -> list[tuple[str, str]]:
    """(team, rule) of every route."""
    return [(row[0], row[1]) for row in await fetch(database, "SELECT team, rule FROM router.route ORDER BY team")]


async def told(database: Database) -> list[tuple[str, list[str]]]:
    """(type, teams) of every announcement."""
    return [(type_, [team["team"] for team in data.get("teams", ())]) for type_, data in await announced(database)]


async def test_a_published_story_is_routed_to_the_ward_and_to_those_above(database: Database) -> None:
    await hear("router", database, story_published(services=["W1"]))

    assert await told(database) == [(StoryRouted.type, ["T1", "T2"])]
    assert await routes(database) == [("T1", "same_service"), ("T2", "service_above")]


async def test_what_is_announced_carries_all_names(database: Database) -> None:
    story = story_published(services=["W1"], revision=3)

    await hear("router", database, story)

    ((_, data),) = await announced(database)
    assert data == {
        "story": str(story.story),
        "revision": 3,
        "directory_version": 1,
        "teams": [
            {
                "team": "T1",
                "team_name": "Ward team",
                "organisation": "W1",
                "organisation_name": "Ward 1",
                "rule": "same_service",
                "evidence": "The story is about Ward 1.",
                "path": ["North Trust", "Hill Hospital", "Ward 1"],
                "subscription": "S1",
            },
            {
                "team": "T2",
                "team_name": "Patient experience",
                "organisation": "TRUST1",
                "organisation_name": "North Trust",
                "rule": "service_above",
                "evidence": "The story is about Ward 1, which is part of North Trust.",
                "path": ["North Trust", "Hill Hospital", "Ward 1"],
                "subscription": "S2",
            },
        ],
    }


async def test_a_story_about_several_services_has_one_row_for_each_team(database: Database) -> None:
    await hear("router", database, story_published(services=["W1", "W2", "C1"]))

    assert await routes(database) == [("T1", "same_service"), ("T2", "service_above"), ("T3", "same_service")]


async def test_a_story_that_nobody_listens_to_is_said_to_be_unheard(database: Database) -> None:
    await hear("router", database, story_published(services=["LONE"]))

    ((type_, data),) = await announced(database)
    assert (type_, data["services"]) == (StoryUnheard.type, ["LONE"])
    assert await column(database, "SELECT services FROM router.unheard") == [["LONE"]]


async def test_a_redelivered_story_is_decided_once(database: Database) -> None:
    record = said(story_published(services=["W1"]))

    await hear("router", database, record)
    (again,) = await hear("router", database, record)

    assert again.outcome is Outcome.REPEATED
    assert await told(database) == [(StoryRouted.type, ["T1", "T2"])]


async def test_a_story_told_twice_in_one_batch_is_decided_once(database: Database) -> None:
    record = said(story_published(services=["W1"]))

    await hear("router", database, record, record)

    assert await told(database) == [(StoryRouted.type, ["T1", "T2"])]


async def test_many_stories_of_one_batch_are_each_routed(database: Database) -> None:
    stories = [story_published(services=["W1" if number % 2 else "LONE"]) for number in range(20)]

    await hear("router", database, *stories)

    assert [type_ for type_, _ in await told(database)] == [StoryUnheard.type, StoryRouted.type] * 10


async def test_a_declined_story_goes_to_whoever_listens_to_the_suggestion(database: Database) -> None:
    story = story_published(services=["W1"])
    await hear("router", database, story)

    await hear("router", database, route_declined(story.story, "T1", suggestion="C1"))

    assert (await told(database))[1:] == [(StoryRouted.type, ["T3"])]
    declined = await column(database, "SELECT team FROM router.route WHERE declined_at IS NOT NULL")
    assert declined == ["T1"]


async def test_a_story_that_somebody_listens_to_after_all_is_no_longer_kept_as_unheard(database: Database) -> None:
    story = story_published(services=["LONE"])
    await hear("router", database, story)

    await hear("router", database, route_declined(story.story, "T9", suggestion="C1"))

    assert await column(database, "SELECT story FROM router.unheard") == []


async def test_a_decline_without_a_suggestion_brings_nobody_new(database: Database) -> None:
    story = story_published(services=["W1"])

    await hear("router", database, story, route_declined(story.story, "T1"))

    assert await told(database) == [(StoryRouted.type, ["T1", "T2"])]


async def test_two_teams_that_suggest_the_same_service_bring_it_the_story_once(database: Database) -> None:
    story = story_published(services=["W1"])
    await hear("router", database, story)

    await hear(
        "router",
        database,
        route_declined(story.story, "T1", suggestion="C1"),
        route_declined(story.story, "T2", suggestion="C1"),
    )

    assert (await told(database))[1:] == [(StoryRouted.type, ["T3"])]


async def test_a_withdrawn_story_is_not_sent_to_a_suggested_service(database: Database) -> None:
    story = story_published(services=["W1"])
    await hear("router", database, story, story_withdrawn(story.story))

    await hear("router", database, route_declined(story.story, "T1", suggestion="C1"))

    assert [type_ for type_, _ in await told(database)] == [StoryRouted.type]
    assert ("T3", "same_service") not in await routes(database)


async def test_a_story_withdrawn_before_its_publication_is_redriven_is_routed_to_nobody(database: Database) -> None:
    story = story_published(services=["W1"])
    published, withdrawn = said(story), said(story_withdrawn(story.story))

    await hear("router", database, withdrawn)
    (late,) = await hear("router", database, published)

    assert late.outcome is Outcome.REPEATED
    assert await announced(database) == []
    assert await column(database, "SELECT state FROM router.story") == ["withdrawn"]


async def test_an_erased_story_leaves_no_route_and_is_said_to_be_gone(database: Database) -> None:
    story = story_published(services=["W1"])
    await hear("router", database, story, story_published(services=["LONE"]))

    await hear("router", database, story_erased(story.story))

    assert await column(database, "SELECT count(*) FROM router.route") == [0]
    assert (await announced(database))[-1] == (CopyErased.type, {"story": str(story.story)})
    assert await tables_with(database, STORY_TEXT) == []


async def test_what_comes_for_an_erased_story_goes_no_further(database: Database) -> None:
    story = story_published(services=["W1"])
    await hear("router", database, story_erased(story.story))

    (late,) = await hear("router", database, story)
    await hear("router", database, route_declined(story.story, "T1", suggestion="C1"))

    assert late.outcome is Outcome.ERASED
    assert [type_ for type_, _ in await told_types(database)] == [CopyErased.type]
    assert await routes(database) == []


async def told_types(database: Database) -> list[tuple[str, object]]:
    return [(type_, None) for type_, _ in await announced(database)]


async def test_a_decline_with_a_broken_suggestion_is_parked_and_the_rest_goes_on(database: Database) -> None:
    story = story_published(services=["W1"])
    broken = RouteDeclined.model_construct(story=new_id(), team="T1", suggestion="no code at all!")

    await hear("router", database, broken, story)

    assert await parked(database) == ["contract_broken"]
    assert await told(database) == [(StoryRouted.type, ["T1", "T2"])]


async def test_a_route_keeps_the_version_of_the_directory_that_decided_it(database: Database) -> None:
    await put_in_place(
        database, files(organisations=(*ORGANISATIONS, Organisation("W9", "Ward 9", "service", "SITE1")))
    )

    await hear("router", database, story_published(services=["W9"]))

    assert await column(database, "SELECT directory_version FROM router.route") == [2]
