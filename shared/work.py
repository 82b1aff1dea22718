"""Work: one transaction over locked threads, and what it will have said when it commits.

Handlers load, decide, save and announce through it. Saved and announced commit together;
nobody but the relay speaks to Kafka.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import ModuleType
from typing import Any, TypeVar

from shared import deliveries, erasure, outbox, threads, timers
from shared.cloudevents import Envelope
from shared.contracts import Event
from shared.database import Connection, Database
from shared.deliveries import Delivery
from shared.outbox import Announcement
from shared.threads import NeedsThreads, Thread
from shared.timers import Timer
from shared.topics import Lane

Handler = Callable[[Any, "Work"], Awaitable[None]]
Fn = TypeVar("Fn", bound=Handler)
T = TypeVar("T")


def hears(*contracts: type[Event]) -> Callable[[Fn], Fn]:
    """Marks a handler: it is called with a run of events of one of these types."""

    def mark(handler: Fn) -> Fn:
        handler.hears = contracts  # type: ignore[attr-defined]  # read by hearings()
        return handler

    return mark


def due(kind: str) -> Callable[[Fn], Fn]:
    """Marks a handler of timers of this kind: it is called with those that are due."""

    def mark(handler: Fn) -> Fn:
        handler.due = kind  # type: ignore[attr-defined]  # read by dues()
        return handler

    return mark


def hearings(module: ModuleType) -> dict[type[Event], Handler]:
    """The handlers of a module, by the contract that they hear."""
    return {contract: handler for handler in vars(module).values() for contract in getattr(handler, "hears", ())}


def dues(module: ModuleType) -> dict[str, Handler]:
    """The timer handlers of a module, by kind."""
    return {handler.due: handler for handler in vars(module).values() if hasattr(handler, "due")}


@dataclass(slots=True)
class Home:
    """What all transactions of a process know: whose they are, where its rows are, and its settings."""

    service: str
    database: Database
    settings: Any = None
    """The service's own Settings; each service knows its kind."""
    committed: Callable[[Collection[Lane]], None] = lambda _lanes: None
    """Called after every commit, with the lanes in which it left announcements."""


@dataclass(slots=True)
class Work:
    """What one transaction does; `now` is the database's clock at its start."""

    home: Home
    connection: Connection
    now: datetime
    threads: dict[str, Thread]
    lane: Lane = Lane.LIVE
    announcements: list[Announcement] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    timers: list[Timer] = field(default_factory=list)
    cancelled: list[tuple[str, str, str]] = field(default_factory=list)
    refused: list[tuple[Event, str]] = field(default_factory=list)
    causes: dict[str, Envelope] = field(default_factory=dict)
    erasing: set[str] = field(default_factory=set)

    def announce(self, *events: Event, cause: Envelope | None = None) -> None:
        """Tells these facts when the transaction commits, in this order; the cause is what was heard of the subject."""
        self._must_hold({event.subject for event in events if event.topic is None or event.topic.sequenced})
        for event in events:
            caused_by, lane = cause or self.causes.get(event.subject), event.lane or self.lane
            self.announcements.append(Announcement(event, caused_by, lane))

    def refuse(self, event: Event, reason: str) -> None:
        """Parks this event for good with a reason code; the others go on."""
        self.refused.append((event, reason))

    def deliver(self, *messages: Delivery) -> None:
        """Sends mails or webhooks once the transaction has committed; a repeat of (subject, target, kind) is none."""
        self.deliveries.extend(message for message in messages if not self._replayed(message.subject))

    def remind(self, *due_later: Timer) -> None:
        """Sets timers; one that is set already keeps its time. Replayed facts set them too: clocks go on."""
        self.timers.extend(due_later)

    def cancel(self, subject: str, kind: str, target: str = "") -> None:
        """Takes a timer off, if it is there."""
        self.cancelled.append((subject, kind, target))

    def erase(self, subject: str) -> None:
        """Empties the shared tables of this subject at the end and keeps its tombstone."""
        self._must_hold({subject})
        self.erasing.add(subject)

    @property
    def lanes(self) -> set[Lane]:
        """In which it announces."""
        return {announcement.lane for announcement in self.announcements}

    def hold(self, *subjects: str) -> None:
        """For who learns of a subject only after reading: all begins again, if need be, with its thread locked too."""
        self._must_hold(set(subjects))

    def _must_hold(self, subjects: set[str]) -> None:
        if subjects <= self.threads.keys():
            return
        missing = {one for one in subjects - self.threads.keys() if one.partition("/")[0] not in THREADLESS}
        if missing:
            raise NeedsThreads(missing)

    def _replayed(self, subject: str) -> bool:
        return subject in self.causes and self.causes[subject].replayed

    def mark(self) -> tuple[int, ...]:
        """Where a savepoint stands; `back_to` forgets what came after."""
        return tuple(len(kept) for kept in self._kept())

    def back_to(self, mark: tuple[int, ...]) -> None:
        """Drops what was said since the mark, with the savepoint that drops what was saved."""
        for kept, length in zip(self._kept(), mark, strict=True):
            del kept[length:]

    def _kept(self) -> Sequence[list[Any]]:
        return (self.announcements, self.deliveries, self.timers, self.cancelled, self.refused)

    async def finish(self) -> None:
        """Strips what is erased, numbers and writes announcements, then threads, timers and deliveries."""
        for subject in self.erasing & self.threads.keys():
            self.threads[subject].erased = self.threads[subject].moved = True
        await erasure.strip(self.connection, sorted(self.erasing))
        await outbox.write(self.connection, self.home.service, self.announcements, self.threads)
        await threads.save(self.connection, list(self.threads.values()))
        await timers.cancel(self.connection, self.cancelled)
        await timers.save(self.connection, self._alive(self.timers))
        await deliveries.save(self.connection, self._alive(self.deliveries))

    def _alive(self, rows: list[Any]) -> list[Any]:
        return [row for row in rows if row.subject not in self.erasing]


THREADLESS = frozenset({"comment", "comments", "submission"})
"""Kinds of subjects without a thread: each of their events stands by itself."""


async def begin(
    home: Home, connection: Connection, subjects: Iterable[str], lane: Lane = Lane.LIVE, now: datetime | None = None
) -> Work:
    """Locks the threads of these subjects in the open transaction and starts a piece of work on them."""
    held = await threads.lock(connection, (s for s in subjects if s.partition("/")[0] not in THREADLESS))
    return Work(home, connection, now or await connection.fetchval("SELECT now()"), held, lane)


async def on_threads(home: Home, subjects: Iterable[str], do: Callable[[Work], Awaitable[T]]) -> T:
    """One transaction over the locked threads of these subjects; HTTP, timers and redrives all write through it.

    `do` loads, decides, saves and announces; if it names a subject that is not locked, all begins again with it.
    """
    wanted = set(subjects)
    while True:
        try:
            async with home.database.transaction() as connection:
                work = await begin(home, connection, wanted)
                answer = await do(work)
                await work.finish()
        except NeedsThreads as need:
            wanted |= need.subjects
        else:
            home.committed(work.lanes)
            return answer
