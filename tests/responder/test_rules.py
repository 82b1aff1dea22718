"""What a reply must hold, and when a team has been silent for too long."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.responder.rules import Case, claim_is_explained, due_at, is_overdue, why_not_answer
from shared.events import Claim
from shared.ids import new_id

MONDAY = datetime(2026, 5, 4, 10, tzinfo=UTC)
WEEK = timedelta(days=7)
OPEN = Case(new_id(), "T1", "Team T1", "TRUST1", MONDAY, MONDAY + WEEK, None, None, None, None, None)


def test_the_clock_starts_when_the_case_opens() -> None:
    assert due_at(MONDAY, WEEK) == datetime(2026, 5, 11, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("after", "overdue"), [(WEEK - timedelta(seconds=1), False), (WEEK, True), (WEEK + timedelta(days=1), True)]
)
def test_a_silent_team_is_late_from_the_moment_its_clock_runs_out(after: timedelta, overdue: bool) -> None:
    assert is_overdue(OPEN, MONDAY + after) is overdue


def test_a_team_that_only_opened_the_story_is_late_too() -> None:
    assert is_overdue(replace(OPEN, heard_at=MONDAY), MONDAY + WEEK)


@pytest.mark.parametrize(
    "moved",
    [replace(OPEN, answered_at=MONDAY), replace(OPEN, declined_at=MONDAY), replace(OPEN, closed_at=MONDAY)],
)
def test_a_team_that_has_spoken_or_owes_nothing_is_never_late(moved: Case) -> None:
    assert not is_overdue(moved, MONDAY + 2 * WEEK)


def test_a_case_that_is_not_open_has_no_clock() -> None:
    assert not is_overdue(replace(OPEN, opened_at=None, due_at=None), MONDAY + 2 * WEEK)


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        (None, "no_such_case"),
        (replace(OPEN, opened_at=None, due_at=None), "no_such_case"),
        (replace(OPEN, closed_at=MONDAY), "story_withdrawn"),
        (replace(OPEN, declined_at=MONDAY), "declined"),
        (OPEN, None),
        (replace(OPEN, answered_at=MONDAY), None),
    ],
)
def test_only_an_open_case_can_be_answered(case: Case | None, reason: str | None) -> None:
    assert why_not_answer(case) == reason


@pytest.mark.parametrize(
    ("claim", "explanation", "enough"),
    [
        (Claim.NONE, None, True),
        (Claim.PLANNED, None, False),
        (Claim.MADE, "", False),
        (Claim.OTHER, None, False),
        (Claim.PLANNED, "A sign.", True),
    ],
)
def test_no_explanation_no_claim(claim: Claim, explanation: str | None, enough: bool) -> None:
    assert claim_is_explained(claim, explanation) is enough
