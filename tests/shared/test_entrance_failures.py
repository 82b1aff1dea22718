"""The entrance when handlers refuse or fail, and when its idea of a position is not the stored one."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from aiokafka import TopicPartition

from shared import parking
from shared.breaker import BadDeploy
from shared.database import Database
from shared.hearing import Outcome
from shared.ids import new_id
from shared.positions import Fenced, Step
from shared.work import on_threads
from tests.factories import story_erased
from tests.records import told
from tests.service import column, execute
from tests.shared.keeper import TOPIC, Keeper, published

A, B = new_id(), new_id()


@pytest.fixture
async def keeper(router_database: Database) -> AsyncIterator[Keeper]:
    """The small service on a fresh database."""
    one = Keeper(router_database)
    await one.prepare()
    yield one


async def positions_of(keeper: Keeper) -> list[int]:
    return await column(keeper.database, "SELECT next_offset FROM position ORDER BY topic, partition")


# --- handlers that refuse or fail -----------------------------------------------------------------


async def test_a_handler_refuses_one_and_the_rest_goes_on(keeper: Keeper) -> None:
    await keeper.hear(published(A, "refused", 1), published(B, "wanted", 1))

    assert await keeper.kept() == ["wanted"]
    assert await keeper.parked() == [("not_wanted", "")]
    assert await keeper.about() == [(f"story/{B}", 1)]
    assert keeper.calls == [("keep", 2)]


@pytest.mark.parametrize("place", [0, 1, 6, 12])
async def test_a_bug_parks_only_the_culprit_and_drops_what_it_saved_and_announced(keeper: Keeper, place: int) -> None:
    stories = [new_id() for _ in range(13)]
    titles = ["bug" if number == place else f"story {number}" for number in range(13)]

    arrivals = await keeper.hear(*(published(story, title, 1) for story, title in zip(stories, titles, strict=True)))

    good = [number for number in range(13) if number != place]
    assert await keeper.kept() == [titles[number] for number in good]
    assert await keeper.about() == [(f"story/{stories[number]}", 1) for number in good]
    assert [one.outcome is Outcome.PARKED for one in arrivals] == [number == place for number in range(13)]
    assert [reason for reason, _ in await keeper.parked()] == ["handler_failed"]


async def test_what_a_bug_said_of_people_is_in_no_detail(keeper: Keeper) -> None:
    lines = await keeper.hear_logged(published(A, "bug", 1))

    assert (await keeper.parked())[0][1].startswith("ZeroDivisionError")
    assert "corridor" not in str(lines)


async def test_what_the_database_refuses_for_good_is_a_bug_too(keeper: Keeper) -> None:
    await execute(keeper.database, "ALTER TABLE router.kept ADD CHECK (title <> 'unlucky')")

    await keeper.hear(published(A, "one", 1), published(B, "unlucky", 1))

    assert await keeper.kept() == ["one"]
    assert (await keeper.parked())[0][1].startswith("CheckViolationError 23514")


async def test_an_erasure_whose_handler_failed_is_kept_and_done_when_redriven(keeper: Keeper) -> None:
    await keeper.hear(published(A, "words", 1))
    await execute(keeper.database, "ALTER TABLE router.kept RENAME TO away")
    await keeper.hear(told(story_erased(A), "intake", offset=0))
    assert [reason for reason, _ in await keeper.parked()] == ["handler_failed"]
    await execute(keeper.database, "ALTER TABLE router.away RENAME TO kept")
    assert await keeper.kept() == ["words"]

    await redrive(keeper)

    assert await keeper.kept() == []
    assert await keeper.parked() == []
    assert [type_ for type_, *_ in await keeper.announced()] == ["unheard", "erased"]


async def redrive(keeper: Keeper) -> None:
    """Takes up the one parked row."""
    async with keeper.database.transaction() as connection:
        await connection.execute("UPDATE parked SET mark = 'redrive', marked_by = 'test', marked_at = now()")
        [record] = await parking.marked(connection, await parking.marked_topics(connection))
    arrival = keeper.entrance.arrive(record)
    await on_threads(keeper.home, {str(arrival.subject)}, lambda work: keeper.entrance.redrive(arrival, work))


async def test_what_fails_only_when_all_is_written_is_found_and_parked_and_the_rest_goes_on(keeper: Keeper) -> None:
    await execute(keeper.database, f"ALTER TABLE outbox ADD CHECK (subject <> 'story/{A}')")

    await keeper.hear(published(A, "unlucky", 1), published(B, "lucky", 1))

    assert await keeper.kept() == ["lucky"]
    assert [reason for reason, _ in await keeper.parked()] == ["handler_failed"]


# --- errors that pass by themselves ---------------------------------------------------------------


async def test_a_temporary_error_leaves_nothing_and_the_same_batch_goes_through_later(keeper: Keeper) -> None:
    batch = [published(A, "one", 1), published(B, "bug", 1)]
    keeper.troubles = 1

    with pytest.raises(asyncpg.DeadlockDetectedError):
        await keeper.hear(*batch)

    left = "SELECT (SELECT count(*) FROM thread) + (SELECT count(*) FROM outbox) + (SELECT count(*) FROM parked)"
    assert await column(keeper.database, left) == [0]
    assert await positions_of(keeper) == [0]

    await keeper.hear(*batch)

    assert await keeper.kept() == ["one"]
    assert [reason for reason, _ in await keeper.parked()] == ["handler_failed"]
    assert await positions_of(keeper) == [batch[-1].offset + 1]


# --- a bad deploy ---------------------------------------------------------------------------------


async def test_a_bad_deploy_stops_and_parks_nothing_of_the_batch(keeper: Keeper) -> None:
    batch = [published(new_id(), "bug", 1) for _ in range(30)]

    with pytest.raises(BadDeploy):
        await keeper.hear(*batch)

    assert await keeper.parked() == []
    assert await positions_of(keeper) == [0]


async def test_twenty_failures_are_no_bad_deploy_while_most_goes_well(keeper: Keeper) -> None:
    good = [published(new_id(), "good", 1) for _ in range(60)]
    bad = [published(new_id(), "bug", 1) for _ in range(25)]

    await keeper.hear(*good)
    await keeper.hear(*bad)

    assert len(await keeper.parked()) == 25


async def test_what_goes_well_in_a_batch_that_is_tried_again_with_care_counts_once(keeper: Keeper) -> None:
    good = [told(story_erased(new_id()), "intake", offset=0) for _ in range(40)]
    bad = [published(new_id(), "bug", 1) for _ in range(50)]

    with pytest.raises(BadDeploy):
        await keeper.hear(*good, *bad)

    assert await keeper.parked() == []


async def test_one_event_that_fails_again_and_again_is_no_bad_deploy(keeper: Keeper) -> None:
    for number in range(40):
        await keeper.hear(published(A, "bug", number + 1, id_="the-same"))

    assert len(await keeper.parked()) == 40


async def test_broken_contracts_and_refusals_are_no_bad_deploy(keeper: Keeper) -> None:
    refused = [published(new_id(), "refused", 1) for _ in range(60)]

    await keeper.hear(*refused)

    assert await keeper.parked() == [("not_wanted", "")] * 60


# --- positions ------------------------------------------------------------------------------------


@pytest.mark.parametrize("begin", [-1, 1, 7])
async def test_a_batch_that_does_not_begin_at_the_stored_position_moves_nothing(keeper: Keeper, begin: int) -> None:
    fact = published(A, "one", 1)
    [step] = await keeper.steps(fact)

    with pytest.raises(Fenced):
        await keeper.entrance.take([fact], [Step(step.partition, step.begin + begin, step.end)])

    assert await keeper.kept() == []
    assert await positions_of(keeper) == [0]


async def test_one_partition_out_of_place_fences_the_whole_batch(keeper: Keeper) -> None:
    fact = published(A, "one", 1)
    [step] = await keeper.steps(fact)

    with pytest.raises(Fenced):
        await keeper.entrance.take([fact], [step, Step(TopicPartition(TOPIC, 9), 0, 1)])

    assert await positions_of(keeper) == [0]


async def test_of_two_consumers_with_the_same_batch_one_is_fenced(keeper: Keeper) -> None:
    batch = [published(A, "one", 1), published(B, "two", 1)]
    steps = await keeper.steps(*batch)

    await keeper.entrance.take(batch, steps)
    with pytest.raises(Fenced):
        await Keeper(keeper.database).entrance.take(batch, steps)

    assert await keeper.kept() == ["one", "two"]
