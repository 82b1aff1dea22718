"""What the author is shown of each fact: what happened, when, and who as team and role."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import singledispatch
from typing import Any
from uuid import UUID

from shared.contracts import StoryEvent
from shared.events import ChangeEvent, ChangeMade, ChangePlanned, ReplyPublished, StoryHeard, StoryRouted


@dataclass(frozen=True, slots=True)
class Line:
    """One line; (story, kind, target) says which, so a repeat is the same line."""

    story: UUID
    kind: str
    target: str
    at: datetime
    detail: Mapping[str, Any] = field(repr=False)


@singledispatch
def lines(fact: StoryEvent) -> list[Line]:
    """The lines of one fact."""
    return [_line(fact)]


@lines.register
def _(fact: StoryRouted) -> list[Line]:
    return [_line(fact, team.team, team=team.team_name, organisation=team.organisation_name) for team in fact.teams]


@lines.register
def _(fact: StoryHeard) -> list[Line]:
    return [_line(fact, fact.team, team=fact.team_name, role=fact.role)]


@lines.register
def _(fact: ReplyPublished) -> list[Line]:
    return [
        _line(fact, str(fact.reply), team=fact.team_name, name=fact.signed_name, role=fact.signed_role, text=fact.text)
    ]


@lines.register
def _(fact: ChangePlanned | ChangeMade) -> list[Line]:
    return [_line(fact, step_of(fact), change=str(fact.change), what=fact.what)]


@lines.register
def _(fact: ChangeEvent) -> list[Line]:
    return [_line(fact, step_of(fact), change=str(fact.change))]


def step_of(fact: ChangeEvent) -> str:
    """What was disputed can be made again, and that is another line."""
    return f"{fact.change}.{fact.step}"


def _line(fact: StoryEvent, target: str = "", **detail: Any) -> Line:
    return Line(fact.story, fact.short_type, target, fact.envelope.time, detail)
