"""What each fact adds to a story's timeline, and how a change moves on."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from services.tracker.rules import (
    Change,
    State,
    announcement,
    can_be_made,
    claimed_change,
    is_missed,
    judged,
    missed_at,
)
from shared.events import Claim, Verdict
from shared.ids import new_id
from tests.factories import reply_published

DAY = date(2026, 6, 1)
PLANNED = Change(new_id(), new_id(), "T1", State.PLANNED, "A sign.", DAY)


@pytest.mark.parametrize(("claim", "state"), [(Claim.PLANNED, State.PLANNED), (Claim.MADE, State.MADE)])
def test_a_claim_becomes_a_change(claim: Claim, state: State) -> None:
    change = claimed_change(reply_published(claim=claim, explanation="A sign.", due=DAY))

    assert change is not None
    assert (change.state, change.what, change.due, change.team) == (state, "A sign.", DAY, "T1")


@pytest.mark.parametrize(
    "reply",
    [
        reply_published(claim=Claim.NONE),
        reply_published(claim=Claim.OTHER),
        reply_published(claim=Claim.MADE, explanation=None),
    ],
)
def test_without_a_known_claim_and_an_explanation_there_is_no_change(reply: object) -> None:
    assert claimed_change(reply) is None  # type: ignore[arg-type]  # a reply


def test_the_same_reply_gives_the_same_change_for_ever() -> None:
    reply = reply_published(claim=Claim.MADE)

    assert claimed_change(reply) == claimed_change(reply.model_copy())


def test_a_day_has_passed_when_it_is_over() -> None:
    assert missed_at(DAY) == datetime(2026, 6, 2, tzinfo=UTC)
    assert not is_missed(PLANNED, DAY)
    assert is_missed(PLANNED, date(2026, 6, 2))


@pytest.mark.parametrize("state", [State.MADE, State.MISSED, State.CONFIRMED, State.DISPUTED])
def test_only_a_planned_change_can_be_missed(state: State) -> None:
    assert not is_missed(replace(PLANNED, state=state), date(2026, 7, 1))


def test_a_planned_change_without_a_day_is_never_missed() -> None:
    assert not is_missed(replace(PLANNED, due=None), date(2030, 1, 1))


@pytest.mark.parametrize(
    ("verdict", "state"),
    [
        (Verdict.YES, State.CONFIRMED),
        (Verdict.PARTLY, State.CONFIRMED),
        (Verdict.NO, State.DISPUTED),
        (Verdict.OTHER, None),
    ],
)
def test_what_a_verdict_makes_of_a_change(verdict: Verdict, state: State | None) -> None:
    assert judged(verdict) is state


@pytest.mark.parametrize(
    ("state", "can"),
    [
        (State.PLANNED, True),
        (State.MISSED, True),
        (State.DISPUTED, True),
        (State.MADE, False),
        (State.CONFIRMED, False),
    ],
)
def test_what_is_not_there_yet_can_be_made(state: State, can: bool) -> None:
    assert can_be_made(replace(PLANNED, state=state)) is can


@pytest.mark.parametrize("state", State)
def test_each_state_is_announced_by_its_own_fact(state: State) -> None:
    fact = announcement(replace(PLANNED, state=state))

    assert fact.type == f"uk.nhs.storyloop.change.{state}.v1"
    assert (fact.story, fact.change, fact.team) == (PLANNED.story, PLANNED.change, "T1")
