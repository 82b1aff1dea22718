"""What a reply must hold, and when a team has been silent for too long."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from shared.events import Claim

OVERDUE = "reply_overdue"
"""The kind of a case's timer."""
NO_CASE = "no_such_case"


@dataclass(frozen=True, slots=True)
class Case:
    """One story at one team."""

    story: UUID
    team: str
    team_name: str
    organisation: str
    opened_at: datetime | None
    due_at: datetime | None
    heard_at: datetime | None
    answered_at: datetime | None
    declined_at: datetime | None
    closed_at: datetime | None
    overdue_at: datetime | None
    """When it was said to be overdue."""


def due_at(opened_at: datetime, allowed: timedelta) -> datetime:
    """When a case that was opened then becomes overdue."""
    return opened_at + allowed


def is_overdue(case: Case, now: datetime) -> bool:
    """A team that has neither answered nor handed the story back by then is late."""
    silent = case.answered_at is None and case.declined_at is None and case.closed_at is None
    return silent and case.due_at is not None and case.due_at <= now


def why_not_answer(case: Case | None) -> str | None:
    """Why this team cannot answer this story now; None if it can."""
    if case is None or case.opened_at is None:
        return NO_CASE
    if case.closed_at is not None:
        return "story_withdrawn"
    if case.declined_at is not None:
        return "declined"
    return None


def claim_is_explained(claim: Claim, explanation: str | None) -> bool:
    """No explanation, no claim."""
    return claim is Claim.NONE or bool(explanation)
