"""Whose a story is: the teams that it came to, each with its organisation."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from shared.contracts import StoryEvent
from shared.events import ReplyPublished, StoryRouted


@dataclass(frozen=True, slots=True)
class Reader:
    """A team that a story came to, and whose it is."""

    story: UUID
    organisation: str
    team: str


def readers(facts: Iterable[StoryEvent]) -> list[Reader]:
    """The teams that these facts say a story came to."""
    return [one for fact in facts for one in _of(fact)]


def _of(fact: StoryEvent) -> list[Reader]:
    match fact:
        case StoryRouted():
            return [Reader(fact.story, team.organisation, team.team) for team in fact.teams]
        case ReplyPublished():
            return [Reader(fact.story, fact.organisation, fact.team)]
    return []
