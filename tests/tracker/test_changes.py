"""How a reply's claim becomes a change, and what becomes of it."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.database import Database
from shared.events import (
    ChangeConfirmed,
    ChangeDisputed,
    ChangeMade,
    ChangeMissed,
    ChangePlanned,
    Claim,
    Verdict,
)
from tests.factories import (
    reply_published,
    verdict_given,
)
from tests.service import (
    announced,
    announced_types,
    column,
    hear,
    redrive,
    time_passes,
)
from tests.tracker.changes import change_of, claim, states

TODAY = datetime.now(UTC).date()
TOMORROW, YESTERDAY = TODAY + timedelta(days=1), TODAY - timedelta(days=1)


@pytest.mark.parametrize(
    ("claimed", "type_", "state"),
    [(Claim.PLANNED, ChangePlanned.type, "planned"), (Claim.MADE, ChangeMade.type, "made")],
)
async def test_a_claim_becomes_a_change(claimed: Claim, type_: str, state: str, database: Database) -> None:
    story, change = await claim(database, claimed, explanation="A sign.")

    ((told, data),) = await announced(database)
    assert (told, data["story"], data["change"], data["what"]) == (type_, str(story), str(change), "A sign.")
    assert await states(database) == [state]


async def test_a_reply_that_claims_nothing_is_a_line_and_no_change(database: Database) -> None:
    reply = reply_published()

    await hear("tracker", database, reply)

    assert await announced(database) == []
    assert await states(database) == []
    assert await column(database, "SELECT kind FROM tracker.entry") == ["reply.published"]


async def test_a_planned_change_whose_day_is_over_is_missed_once(database: Database) -> None:
    await claim(database, due=YESTERDAY)

    await time_passes("tracker", database)
    await time_passes("tracker", database)

    assert await announced_types(database) == [ChangePlanned.type, ChangeMissed.type]
    assert await states(database) == ["missed"]


async def test_a_planned_change_whose_day_is_not_over_is_not_missed(database: Database) -> None:
    await claim(database, due=TOMORROW)

    await time_passes("tracker", database)

    assert await states(database) == ["planned"]


async def test_a_change_without_a_day_has_no_timer(database: Database) -> None:
    await claim(database, due=None)
    await claim(database, Claim.MADE, due=YESTERDAY)

    assert await column(database, "SELECT target FROM timer") == []


@pytest.mark.parametrize(
    ("verdict", "type_", "state"),
    [
        (Verdict.YES, ChangeConfirmed.type, "confirmed"),
        (Verdict.PARTLY, ChangeConfirmed.type, "confirmed"),
        (Verdict.NO, ChangeDisputed.type, "disputed"),
    ],
)
async def test_the_authors_verdict_is_the_last_word(
    verdict: Verdict, type_: str, state: str, database: Database
) -> None:
    story, change = await claim(database, Claim.MADE)

    await hear("tracker", database, verdict_given(story, change, verdict))

    assert await announced_types(database) == [ChangeMade.type, type_]
    assert await states(database) == [state]


async def test_of_two_verdicts_the_newer_counts(database: Database) -> None:
    story, change = await claim(database, Claim.MADE)

    await hear("tracker", database, verdict_given(story, change, Verdict.NO), verdict_given(story, change, Verdict.YES))

    assert await states(database) == ["confirmed"]


@pytest.mark.parametrize("batches", [1, 2])
async def test_two_verdicts_on_a_plan_say_the_same_in_one_batch_and_in_two(batches: int, database: Database) -> None:
    story, change = await claim(database)
    verdicts = [verdict_given(story, change, Verdict.NO), verdict_given(story, change, Verdict.YES)]

    for batch in [verdicts] if batches == 1 else [verdicts[:1], verdicts[1:]]:
        await hear("tracker", database, *batch)

    assert await announced_types(database) == [ChangePlanned.type, ChangeDisputed.type, ChangePlanned.type]
    assert await states(database) == ["planned"]


async def test_a_plan_that_is_no_longer_disputed_has_its_day_again(database: Database) -> None:
    story, change = await claim(database, due=YESTERDAY)
    await hear("tracker", database, verdict_given(story, change, Verdict.NO))
    await time_passes("tracker", database)

    await hear("tracker", database, verdict_given(story, change, Verdict.YES))
    await time_passes("tracker", database)

    assert await states(database) == ["missed"]


async def test_of_an_authors_words_the_timeline_shows_the_last(database: Database) -> None:
    story, change = await claim(database, Claim.MADE)
    for verdict in (Verdict.YES, Verdict.NO):
        await hear("tracker", database, verdict_given(story, change, verdict))

    words = "SELECT detail ->> 'verdict' FROM tracker.entry WHERE kind = 'verdict.given'"
    assert await column(database, words) == ["no"]


async def test_a_verdict_that_comes_before_its_change_waits_for_it(database: Database) -> None:
    reply = reply_published(claim=Claim.MADE)
    (early,) = await hear("tracker", database, verdict_given(reply.story, change_of(reply)))
    assert early.outcome == "handled"
    assert await states(database) == []

    await hear("tracker", database, reply)

    assert await states(database) == ["confirmed"]
    assert await announced_types(database) == [ChangeMade.type, ChangeConfirmed.type]


async def test_a_verdict_that_is_newer_than_this_reader_moves_nothing(database: Database) -> None:
    story, change = await claim(database, Claim.MADE)

    await hear("tracker", database, verdict_given(story, change, Verdict.OTHER))

    assert await states(database) == ["made"]


async def test_a_redriven_verdict_does_not_overwrite_a_newer_one(database: Database) -> None:
    reply = reply_published(claim=Claim.MADE)
    old = verdict_given(reply.story, change_of(reply), Verdict.NO)
    await hear("tracker", database, old)
    await hear("tracker", database, reply, verdict_given(reply.story, change_of(reply), Verdict.YES))

    await redrive("tracker", database)

    assert await states(database) == ["confirmed"]
