"""What each fact adds to a story's timeline, and how a change moves on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import singledispatch
from typing import Any
from uuid import UUID, uuid5

from shared.contracts import StoryEvent
from shared.events import (
    ChangeConfirmed,
    ChangeDisputed,
    ChangeEvent,
    ChangeMade,
    ChangeMissed,
    ChangePlanned,
    Claim,
    ReplyOverdue,
    ReplyPublished,
    RouteDeclined,
    StoryHeard,
    StoryRouted,
    Verdict,
    VerdictGiven,
)

CHANGES = UUID("b8f0d9a1-6c3d-4f38-9d52-0f4de8c0a933")


MISSED = "change_missed"
"""The kind of a planned change's timer."""


class State(StrEnum):
    """Where a change stands."""

    PLANNED = "planned"
    MADE = "made"
    MISSED = "missed"
    """The day has passed and staff have not confirmed it."""
    CONFIRMED = "confirmed"
    DISPUTED = "disputed"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a timeline; (story, kind, target) says which, so a repeat is the same line."""

    story: UUID
    kind: str
    target: str
    at: datetime
    detail: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Change:
    """What a team says that it changes because of a story."""

    change: UUID
    story: UUID
    team: str
    state: State
    what: str = field(repr=False)
    due: date | None


@singledispatch
def entries(fact: StoryEvent) -> list[Entry]:
    """The timeline's lines of one fact; a fact that has no more to say is one line of its own name."""
    return [_entry(fact)]


@entries.register
def _(fact: StoryRouted) -> list[Entry]:
    return [
        _entry(fact, team.team, team_name=team.team_name, organisation=team.organisation_name, evidence=team.evidence)
        for team in fact.teams
    ]


@entries.register
def _(fact: StoryHeard) -> list[Entry]:
    return [_entry(fact, fact.team, team_name=fact.team_name, role=fact.role)]


@entries.register
def _(fact: ReplyPublished) -> list[Entry]:
    return [
        _entry(fact, str(fact.reply), team=fact.team, team_name=fact.team_name, role=fact.signed_role, claim=fact.claim)
    ]


@entries.register
def _(fact: RouteDeclined | ReplyOverdue) -> list[Entry]:
    return [_entry(fact, fact.team)]


@entries.register
def _(fact: VerdictGiven) -> list[Entry]:
    return [_entry(fact, str(fact.change), verdict=fact.verdict)]


def _entry(fact: StoryEvent, target: str = "", **detail: Any) -> Entry:
    kind = fact.type.removeprefix("uk.nhs.storyloop.").rpartition(".v")[0]
    return Entry(fact.story, kind, target, fact.envelope.time, detail)


CLAIMED = {Claim.PLANNED: State.PLANNED, Claim.MADE: State.MADE}
JUDGED = {Verdict.YES: State.CONFIRMED, Verdict.PARTLY: State.CONFIRMED, Verdict.NO: State.DISPUTED}


def claimed_change(reply: ReplyPublished) -> Change | None:
    """The change that a reply claims, if it claims one; the same reply gives the same change for ever."""
    state = CLAIMED.get(reply.claim)
    if state is None or reply.explanation is None:
        return None
    return Change(uuid5(CHANGES, str(reply.reply)), reply.story, reply.team, state, reply.explanation, reply.due)


def missed_at(due: date) -> datetime:
    """The moment at which a planned change counts as missed: when its day is over."""
    return datetime.combine(due, time(), UTC) + timedelta(days=1)


def is_missed(change: Change, today: date) -> bool:
    """A planned change whose day is over, and that nobody has reported as made."""
    return change.state is State.PLANNED and change.due is not None and change.due < today


def judged(verdict: Verdict) -> State | None:
    """What the author's verdict makes of a change; None for one that is not known here."""
    return JUDGED.get(verdict)


def can_be_made(change: Change) -> bool:
    """A change that was planned, and perhaps missed since, can be reported as made."""
    return change.state in {State.PLANNED, State.MISSED, State.DISPUTED}


def announcement(change: Change) -> ChangeEvent:
    """The fact that says where a change now stands."""
    said = {"story": change.story, "change": change.change, "team": change.team, "what": change.what, "due": change.due}
    return FACTS[change.state].model_validate(said)


FACTS: Mapping[State, type[ChangeEvent]] = {
    State.PLANNED: ChangePlanned,
    State.MADE: ChangeMade,
    State.MISSED: ChangeMissed,
    State.CONFIRMED: ChangeConfirmed,
    State.DISPUTED: ChangeDisputed,
}
"""Each state is announced by the fact that a change came into it."""
