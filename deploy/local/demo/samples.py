"""Samples: what is told, what scripted people do with it, and the state that it should reach; all invented."""

import json
from collections.abc import Sequence
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from services.intake.rules import Publisher
from shared.events import Claim, RejectionReason, Verdict

FOLDER = Path(__file__).parents[1] / "samples"
DIRECTORY = tuple(FOLDER / f"{name}.csv" for name in ("organisations", "teams", "subscriptions"))


class Way(StrEnum):
    """How a story comes in."""

    KAFKA_BINARY = "kafka_binary"
    KAFKA_STRUCTURED = "kafka_structured"
    HTTP_EVENT = "http_event"
    HTTP_BATCH = "http_batch"
    WEB = "web"


class Variety(StrEnum):
    """What a sample is there to show."""

    PRAISE = "praise"
    MIXED = "mixed"
    SERIOUS = "serious"
    SEVERAL_SERVICES = "several_services"
    VERY_SHORT = "very_short"
    VERY_LONG = "very_long"
    OTHER_LANGUAGE = "other_language"
    RIGHT_TO_LEFT = "right_to_left"
    EMOJI = "emoji"


class State(StrEnum):
    """How far a story has come; the furthest that the services' own answers show."""

    REFUSED = "refused"
    RECEIVED = "received"
    REJECTED = "rejected"
    UNHEARD = "unheard"
    SENT = "sent"
    HEARD = "heard"
    ANSWERED = "answered"
    CHANGE_PLANNED = "change_planned"
    CHANGE_MADE = "change_made"
    CHANGE_MISSED = "change_missed"
    CHANGE_CONFIRMED = "change_confirmed"
    CHANGE_DISPUTED = "change_disputed"
    WITHDRAWN = "withdrawn"
    ERASED = "erased"


class Sample(BaseModel):
    """Read strictly: a misspelt field in a sample is a fault."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Approve(Sample):
    """A moderator lets the story out."""

    do: Literal["approve"]
    criticality: int | None = None


class Reject(Sample):
    """A moderator does not."""

    do: Literal["reject"]
    reason: RejectionReason


class Hear(Sample):
    """A member of staff finds the story in the team's inbox and opens it."""

    do: Literal["hear"]
    team: str
    role: str


class Reply(Sample):
    """A team answers, and perhaps claims a change."""

    do: Literal["reply"]
    team: str
    text: str
    signed_name: str
    signed_role: str
    claim: Claim = Claim.NONE
    explanation: str | None = None
    due_in_days: int | None = None


class Decline(Sample):
    """A team says *not ours*, and whose it may be."""

    do: Literal["decline"]
    team: str
    suggestion: str


class Make(Sample):
    """The planned change is reported as made."""

    do: Literal["make"]
    what: str


class Judge(Sample):
    """The author says whether the change is what they meant."""

    do: Literal["judge"]
    verdict: Verdict


class Withdraw(Sample):
    """The author takes the story back."""

    do: Literal["withdraw"]


class Erase(Sample):
    """The author has everything deleted."""

    do: Literal["erase"]


class OfferAgain(Sample):
    """The publisher sends the same event a second time."""

    do: Literal["offer_again"]


Step = Annotated[
    Approve | Reject | Hear | Reply | Decline | Make | Judge | Withdraw | Erase | OfferAgain, Field(discriminator="do")
]


class Expected(Sample):
    """Where the story should be in the end, and which teams it should have reached."""

    state: State
    teams: tuple[str, ...] = ()
    reason: str | None = None
    """Of a refused one: what its receipt should say."""


class Story(Sample):
    """One sample story; `told` is what is sent, as it is."""

    reference: str
    way: Way
    publisher: str | None = None
    shows: tuple[Variety, ...]
    told: dict[str, Any]
    script: tuple[Step, ...]
    expected: Expected

    @property
    def title(self) -> str:
        return str(self.told["title"])


class Comment(Sample):
    """A short answer, in bulk."""

    reference: str
    service: str
    answer: int | None
    text: str


@cache
def stories() -> Sequence[Story]:
    """Every sample story, in order of references."""
    return [Story.model_validate_json(path.read_bytes()) for path in sorted(FOLDER.glob("stories/*.json"))]


@cache
def comments() -> Sequence[Comment]:
    """Every sample comment; all are offered by the first publisher."""
    return TypeAdapter(list[Comment]).validate_json((FOLDER / "comments.json").read_bytes())


@cache
def publishers() -> Sequence[Publisher]:
    """The register: who may submit what."""
    return [
        Publisher(one["name"], frozenset(one["sources"]), frozenset(one["services"]), one["trusted"])
        for one in json.loads((FOLDER / "publishers.json").read_bytes())
    ]
