"""What each fact adds to a story's timeline, and how a change moves on."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
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
from shared.threads import Number

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
    step: int = 1
    made_at_step: int = 0
    """The step at which it was last reported as made; 0 for a plan."""
    judged: Number = (0, 0)
    """The number of the verdict that was last taken into account."""


@dataclass(frozen=True, slots=True)
class Said:
    """The author's word on a change."""

    change: UUID
    story: UUID
    verdict: Verdict
    number: Number


@dataclass(frozen=True, slots=True)
class Step:
    """A change before and after something happened to it."""

    before: Change
    after: Change


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
    return Entry(fact.story, fact.short_type, target, fact.envelope.time, detail)


CLAIMED = {Claim.PLANNED: State.PLANNED, Claim.MADE: State.MADE}


def claimed_change(reply: ReplyPublished) -> Change | None:
    """The change that a reply claims, if it claims one; the same reply gives the same change for ever."""
    state = CLAIMED.get(reply.claim)
    if state is None or reply.explanation is None:
        return None
    id_, made_at_step = uuid5(CHANGES, str(reply.reply)), int(state is State.MADE)
    return Change(id_, reply.story, reply.team, state, reply.explanation, reply.due, 1, made_at_step)


def missed_at(due: date) -> datetime:
    """The moment at which a planned change counts as missed: when its day is over."""
    return datetime.combine(due, time(), UTC) + timedelta(days=1)


def is_missed(change: Change, today: date) -> bool:
    """A planned change whose day is over, and that nobody has reported as made."""
    return change.state is State.PLANNED and change.due is not None and change.due < today


def missed(change: Change) -> Change:
    """Staff have not confirmed the change by its day."""
    return _moved(change, State.MISSED)


def said(given: VerdictGiven) -> Said:
    """What a verdict's fact says."""
    return Said(given.change, given.story, given.verdict, given.envelope.number)


def judged_in_turn(changes: Mapping[UUID, Change], words: Iterable[Said]) -> list[Step]:
    """What the author's words make of these changes, one word after the other; an older word changes nothing."""
    now, steps = dict(changes), []
    for word in words:
        before = now.get(word.change)
        if before is not None and before.judged < word.number:
            now[word.change] = replace(_moved(before, _judged(before, word.verdict)), judged=word.number)
            steps.append(Step(before, now[word.change]))
    return steps


def _judged(change: Change, verdict: Verdict) -> State:
    """A plan can be disputed, but it is confirmed only once it is made: until then its clock goes on."""
    match verdict:
        case Verdict.NO:
            return State.DISPUTED
        case Verdict.YES | Verdict.PARTLY if change.made_at_step:
            return State.CONFIRMED
        case Verdict.YES | Verdict.PARTLY if change.state is State.DISPUTED:
            return State.PLANNED
    return change.state


def can_be_made(change: Change) -> bool:
    """A change that was planned, and perhaps missed since, can be reported as made."""
    return change.state in {State.PLANNED, State.MISSED, State.DISPUTED}


def made(change: Change, what: str) -> Change:
    """The change is there, in the words of those who made it."""
    return replace(_moved(change, State.MADE), what=what, made_at_step=change.step + 1)


def _moved(change: Change, state: State) -> Change:
    return change if state is change.state else replace(change, state=state, step=change.step + 1)


def announcement(change: Change) -> ChangeEvent:
    """The fact that says where a change now stands."""
    return FACTS[change.state].model_validate(asdict(change))


FACTS: Mapping[State, type[ChangeEvent]] = {
    State.PLANNED: ChangePlanned,
    State.MADE: ChangeMade,
    State.MISSED: ChangeMissed,
    State.CONFIRMED: ChangeConfirmed,
    State.DISPUTED: ChangeDisputed,
}
"""Each state is announced by the fact that a change came into it."""
