"""What every event contract is made of: the frozen base, its registration, and the shapes that fields share."""

from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self, TypeVar
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, StringConstraints

from shared.ids import refuse_nhs_number
from shared.topics import Lane, Topic

if TYPE_CHECKING:
    from shared.cloudevents import Envelope

PREFIX = "uk.nhs.storyloop."
OPAQUE = r"^[A-Za-z0-9._:-]{1,64}$"
NO_CONTROLS = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f]*$"
"""No control characters but tab and line ends: Postgres keeps no U+0000, and six bytes of JSON for each of the others
would let a story outgrow what a record may hold. Pydantic refuses lone surrogates by itself."""

Reference = Annotated[str, StringConstraints(pattern=OPAQUE), AfterValidator(refuse_nhs_number)]
Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,39}$")]
Line = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=NO_CONTROLS, strip_whitespace=True)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=64_000, pattern=NO_CONTROLS, strip_whitespace=True)]
Language = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]


class OpenEnum(StrEnum):
    """A closed list for those who write and an open one for those who read: what is new reads as *other*."""

    @classmethod
    def _missing_(cls, _value: object) -> Self | None:
        return cls.__members__.get("OTHER")


def one_of(enum: type[OpenEnum], *, other: bool = True) -> BeforeValidator:
    """Closes an open list for those who write; without `other` where that only means *newer than this reader*."""
    listed = [member.value for member in enum if other or member.name != "OTHER"]

    def check(value: object) -> object:
        if value not in listed:
            raise ValueError(f"must be one of {' '.join(listed)}")
        return value

    return BeforeValidator(check)


class Event(BaseModel):
    """One fact or submission. Subclasses say `name`, `topic`, `personal` and `version` in their class line.

    `personal` contracts carry people's words: of an erased story they reach no handler.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: ClassVar[str]
    short_type: ClassVar[str]
    """The type without prefix and version: `story.routed`."""
    topic: ClassVar[Topic | None]
    personal: ClassVar[bool]
    erases: ClassVar[bool]
    lane: ClassVar[Lane | None]
    """Where it is told in whatever lane the work is done; None: in its topic's, or in that of the work."""
    _envelope: "ClassVar[Envelope | None]" = None
    """Of an event that was heard it stands in the instance: pydantic's private attributes cost more than the fields."""

    def __init_subclass__(
        cls,
        *,
        name: str = "",
        version: int = 1,
        topic: Topic | None = None,
        personal: bool = False,
        erases: bool = False,
        lane: Lane | None = None,
        **rest: Any,
    ) -> None:
        super().__init_subclass__(**rest)
        if name:
            cls.type, cls.short_type = f"{PREFIX}{name}.v{version}", name
            cls.topic, cls.personal, cls.erases = topic, personal, erases
            cls.lane = lane or (topic.lane if topic else None)
            CONTRACTS[cls.type] = cls

    @property
    def subject(self) -> str:
        """What the fact is about, and the Kafka key that keeps its order."""
        raise NotImplementedError

    @property
    def envelope(self) -> "Envelope":
        """How it came; only events that were heard have one."""
        if self._envelope is None:
            raise LookupError(f"{self.type} was made here, not heard")
        return self._envelope

    def topic_for(self, _service: str) -> str:
        """The topic on which this service announces it."""
        if self.topic is None:
            raise LookupError(f"{self.type} names no topic")
        return self.topic.name

    def come_as(self, envelope: "Envelope") -> Self:
        """The same event with the envelope in which it was heard."""
        object.__setattr__(self, "_envelope", envelope)
        return self


CONTRACTS: dict[str, type[Event]] = {}
"""Every contract by its full type; filled by importing `shared.events`."""


def erasing_types() -> list[str]:
    """The types of facts that erase: what they are about to delete is still there until they are handled."""
    return [contract.type for contract in CONTRACTS.values() if contract.erases]


class StoryEvent(Event):
    """A fact about one story."""

    story: UUID

    @property
    def subject(self) -> str:
        return f"story/{self.story}"


E = TypeVar("E", bound=Event)


def last_of_each(events: Iterable[E]) -> list[E]:
    """The last event of each subject, in order; one statement must not meet a row twice."""
    return list({event.subject: event for event in events}.values())
