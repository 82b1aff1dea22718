"""Streams: what a consumer group reads, and how its records name their subject."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from shared import topics
from shared.contracts import Event
from shared.hearing import Arrival
from shared.topics import Lane
from shared.work import Handler, Work


def as_announced(_topic: str, subject: str) -> str:
    """Inside the system a subject is the same for all."""
    return subject


async def nobody_is_told(_parked: Sequence[Arrival], _work: Work) -> None:
    """Inside the system nobody waits for a receipt."""


@dataclass(frozen=True, slots=True)
class Stream:
    """One consumer group of one service; either `topics` or `pattern` says what it reads."""

    group: str
    handlers: Mapping[type[Event], Handler] = field(repr=False)
    topics: tuple[str, ...] = ()
    pattern: str | None = None
    lane: Lane = Lane.LIVE
    submissions: bool = False
    """Publishers write it: what is unknown is refused, and offsets may have holes."""
    subject: Callable[[str, str], str] = as_announced
    """Our subject of what a topic calls by this one."""
    refused: Callable[[Sequence[Arrival], Work], Awaitable[None]] = nobody_is_told
    """Tells the senders of parked records."""

    def reads(self, topic: str) -> bool:
        """True if records of this topic come through this stream."""
        prefix = self.pattern.removesuffix(".*").replace("\\", "").removeprefix("^") if self.pattern else None
        return topic in self.topics or (prefix is not None and topic.startswith(prefix))

    def may_have_holes(self, topic: str) -> bool:
        """True where a missing offset is no loss: compacted topics, and what outsiders write in transactions."""
        known = topics.BY_NAME.get(topic)
        return self.submissions or known is None or known.retention is None


def streams_of(service: str, handlers: Mapping[type[Event], Handler]) -> list[Stream]:
    """The live and the bulk stream of what these handlers hear of other services."""
    heard = {contract.topic for contract in handlers if contract.topic is not None}
    groups = {Lane.LIVE: f"storyloop.{service}", Lane.BULK: f"storyloop.{service}.bulk"}
    streams = []
    for lane, group in groups.items():
        names = tuple(sorted(topic.name for topic in heard if topic.lane is lane))
        if names:
            streams.append(Stream(group, handlers, topics=names, lane=lane))
    return streams
