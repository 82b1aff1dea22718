"""What each fact adds to a story's timeline, and how a change moves on."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from services.tracker.rules import (
    Change,
    Said,
    State,
    announcement,
    can_be_made,
    claimed_change,
    is_missed,
    judged_in_turn,
    missed_at,
)
from shared.events import Claim, Verdict
from shared.ids import new_id
from tests.factories import reply_published

DAY = date(2026, 6, 1)
PLANNED = Change(new_id(), new_id(), "T1", State.PLANNED, "A sign.", DAY)
MADE = replace(PLANNED, state=State.MADE, made_at_step=1)


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


def after(change: Change, *verdicts: Verdict) -> list[State]:
    """Where the author's words bring a change, one after the other."""
    words = [Said(change.change, change.story, verdict, (1, number + 1)) for number, verdict in enumerate(verdicts)]
    return [step.after.state for step in judged_in_turn({change.change: change}, words)]


@pytest.mark.parametrize(
    ("change", "verdicts", "states"),
    [
        (MADE, [Verdict.YES], [State.CONFIRMED]),
        (MADE, [Verdict.PARTLY], [State.CONFIRMED]),
        (MADE, [Verdict.NO, Verdict.YES], [State.DISPUTED, State.CONFIRMED]),
        (MADE, [Verdict.OTHER], [State.MADE]),
        (PLANNED, [Verdict.YES], [State.PLANNED]),
        (PLANNED, [Verdict.NO, Verdict.PARTLY], [State.DISPUTED, State.PLANNED]),
        (replace(PLANNED, state=State.MISSED), [Verdict.YES], [State.MISSED]),
    ],
)
def test_a_plan_can_be_disputed_but_only_what_was_made_is_confirmed(
    change: Change, verdicts: list[Verdict], states: list[State]
) -> None:
    assert after(change, *verdicts) == states


def test_an_older_word_changes_nothing() -> None:
    word = Said(MADE.change, MADE.story, Verdict.NO, (1, 5))

    assert judged_in_turn({MADE.change: replace(MADE, judged=(1, 5))}, [word]) == []


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
