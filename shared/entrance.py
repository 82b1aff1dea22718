"""The entrance: every record of every service comes through here, a batch in one transaction.

Positions move, threads are locked, what was heard before is dropped, handlers are called with runs of one type,
announcements are numbered and written, and all of it commits together. What cannot be accepted is parked and the
rest goes on; what may pass by itself is tried again by the consumer.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from shared import hearing, logs, parking, positions
from shared.breaker import BadDeploy, Breaker
from shared.cloudevents import Envelope, Record, Unreadable, read, subject_of_key
from shared.contracts import CONTRACTS
from shared.database import Connection, is_temporary
from shared.hearing import Arrival, Outcome
from shared.logs import describe, log
from shared.positions import Fenced, Step
from shared.runs import Run, runs
from shared.streams import Stream
from shared.threads import NeedsThreads
from shared.topics import Lane
from shared.work import Home, Work, begin

HANDLER_FAILED = "handler_failed"
"""The reason of an event that our own code failed on."""


class _Tried(Exception):
    """It would have gone well: roll back."""


class HandlerFailed(Exception):
    """A run failed in our own code: begin again with care, and find out which of its events it was."""


class Entrance:
    """Takes batches of one stream for one service."""

    def __init__(self, home: Home, stream: Stream) -> None:
        self.home, self.stream = home, stream
        self.breaker = Breaker()

    async def take(self, records: Sequence[Record], steps: list[Step]) -> list[Arrival]:
        """Hears a batch and moves the positions with it.

        Raises `Fenced` if the batch does not begin at the stored positions, `BadDeploy`, or what is temporary.
        """
        started = time.perf_counter()
        arrivals = [self.arrive(record) for record in records]
        extra: set[str] = set()
        careful = False
        while True:
            try:
                async with self.home.database.transaction() as connection:
                    now = await positions.move(connection, steps)
                    work = await self._hear(connection, arrivals, extra, careful, now)
                break
            except NeedsThreads as need:
                extra |= need.subjects
            except HandlerFailed:
                careful = True
            except Exception as error:
                passes = is_temporary(error) or isinstance(error, Fenced | BadDeploy)
                if passes or not await self._find_culprits(arrivals, extra):
                    raise
        if not careful:
            self._went_well(arrivals)
        self.home.committed(work.lanes)
        self.say(arrivals, time.perf_counter() - started)
        return arrivals

    def arrive(self, record: Record) -> Arrival:
        """A record with its envelope, or parked because it has none that can be read."""
        arrival = Arrival(record)
        try:
            arrival.envelope = self._as_meant(read(record))
            arrival.subject = self.stream.subject(record.topic, arrival.envelope.subject)
        except Unreadable as unreadable:
            arrival.park("unreadable", str(unreadable))
            named = subject_of_key(record)  # so that an erasure reaches what is parked
            arrival.subject = self.stream.subject(record.topic, named) if named else None
        return arrival

    def _as_meant(self, envelope: Envelope) -> Envelope:
        """Numbers are the announcers' own: what a publisher calls so means nothing here. Its journey is our story's."""
        if not self.stream.submissions:
            return envelope
        ours = self.stream.subject(envelope.topic, envelope.subject).partition("/")[2]
        return replace(envelope, term=0, sequence=0, erased=False, correlationid=ours)

    async def _hear(
        self,
        connection: Connection,
        arrivals: Sequence[Arrival],
        extra: set[str],
        careful: bool = True,
        now: datetime | None = None,
    ) -> Work:
        subjects = {arrival.subject for arrival in arrivals if arrival.subject is not None} | extra
        work = await begin(self.home, connection, subjects, self.stream.lane, now)
        for arrival in arrivals:
            arrival.again()
            thread = work.threads.get(arrival.subject or "")
            if thread is not None and not hearing.number_is_new(arrival, thread):
                arrival.outcome = Outcome.REPEATED
            else:
                self.decide(arrival, work)
        await self.handle(arrivals, work, careful)
        await work.finish()
        return work

    async def _find_culprits(self, arrivals: Sequence[Arrival], extra: set[str]) -> bool:
        """What fails after its handler, when all is written, is found by trying each record alone; True if one was."""
        found = False
        for arrival in arrivals:
            try:
                await self._try_alone(arrival, extra)
            except (_Tried, NeedsThreads):
                continue
            except Exception as error:
                if arrival.culprit or is_temporary(error):
                    raise
                arrival.culprit, found = describe(error), True
        return found

    async def _try_alone(self, arrival: Arrival, extra: set[str]) -> None:
        async with self.home.database.transaction() as connection:
            await self._hear(connection, [arrival], extra)
            raise _Tried

    async def redrive(self, arrival: Arrival, work: Work) -> None:
        """Takes up a parked record whose row is locked: the row is what makes it new, so its number is not judged."""
        arrival.again()
        thread = work.threads.get(arrival.subject or "")
        if thread is not None and arrival.envelope is not None and arrival.envelope.sequence:
            thread.hear(arrival.envelope.source, arrival.envelope.number)
        self.decide(arrival, work, redriven=True)
        await self.handle([arrival], work)
        if arrival.outcome is not Outcome.PARKED:
            await parking.delete(work.connection, arrival)

    def decide(self, arrival: Arrival, work: Work, redriven: bool = False) -> None:
        """Decodes what is to be handled; an erasure counts from here on."""
        if arrival.culprit:
            self.breaker.count(arrival.envelope.id if arrival.envelope else "", failed=True)
            arrival.park(HANDLER_FAILED, arrival.culprit)
            return
        thread = work.threads.get(arrival.subject or "")
        hearing.decide(arrival, thread, self.stream.handlers.keys(), self.stream.submissions, redriven)
        hearing.mark_erased(arrival, thread)
        if arrival.subject and any(event.erases for event in arrival.events):
            work.erase(arrival.subject)

    async def handle(self, arrivals: Sequence[Arrival], work: Work, careful: bool = True) -> None:
        """Calls the handlers and parks what cannot be accepted; publishers are told of it."""
        await self.work_off(arrivals, work, careful)
        parked = [arrival for arrival in arrivals if arrival.outcome is Outcome.PARKED]
        for arrival in parked:
            thread = work.threads.get(arrival.subject or "")
            arrival.wordless = thread is not None and thread.erased and hearing.may_hold_words(arrival)
        if parked:
            await parking.save(work.connection, parked)
            await self.stream.refused(parked, work)

    async def work_off(self, arrivals: Sequence[Arrival], work: Work, careful: bool = True) -> None:
        """Calls the handlers, run by run; what they refuse has its reason afterwards.

        Savepoints cost more than most handlers: a batch goes without them, and again with care if a run fails.
        """
        for run in runs(arrivals):
            work.causes.update((arrival.subject or "", event.envelope) for arrival, event in run.arrivals)
            await (self._handle if careful else self._handle_boldly)(run, work)
        self._refused(arrivals, work)

    def _went_well(self, arrivals: Iterable[Arrival]) -> None:
        for arrival in arrivals:
            if arrival.outcome is Outcome.HANDLED and arrival.envelope is not None:
                self.breaker.count(arrival.envelope.id, failed=False)

    async def _handle_boldly(self, run: Run, work: Work) -> None:
        """One handler's call; `HandlerFailed` for what would fail again."""
        events = [event for _, event in run.arrivals]
        try:
            await self.stream.handlers[run.contract](events, work)
        except NeedsThreads:
            raise
        except Exception as error:
            if is_temporary(error):
                raise
            raise HandlerFailed from error

    async def _handle(self, run: Run, work: Work) -> None:
        """One handler's call under a savepoint; a run that fails is halved until the culprit stands alone."""
        events = [event for _, event in run.arrivals]
        mark = work.mark()
        try:
            async with work.connection.transaction():
                await self.stream.handlers[run.contract](events, work)
        except NeedsThreads:
            raise
        except Exception as error:
            if is_temporary(error):
                raise
            work.back_to(mark)
            await self._after_failure(run, work, error)
        else:
            for event in events:
                self.breaker.count(event.envelope.id, failed=False)

    async def _after_failure(self, run: Run, work: Work, error: Exception) -> None:
        if len(run.arrivals) == 1:
            arrival, event = run.arrivals[0]
            arrival.park(HANDLER_FAILED, describe(error))
            self.breaker.count(event.envelope.id, failed=True)
            return
        middle = len(run.arrivals) // 2
        await self._handle(Run(run.contract, run.arrivals[:middle]), work)
        await self._handle(Run(run.contract, run.arrivals[middle:]), work)

    @staticmethod
    def _refused(arrivals: Sequence[Arrival], work: Work) -> None:
        reasons = {id(event): reason for event, reason in work.refused}
        for arrival in arrivals:
            for event in arrival.events:
                if id(event) in reasons and arrival.outcome is Outcome.HANDLED:
                    arrival.park(reasons[id(event)])

    def say(self, arrivals: Sequence[Arrival], took: float) -> None:
        """One line for each event of the live lane, one for each run of the bulk lane; `took` is in seconds."""
        ms = round(took * 1000, 1)
        with logs.together():
            for arrival in arrivals:
                self._say_one(arrival, ms, len(arrivals))
        if self.stream.lane is not Lane.LIVE:
            counts = {outcome.value: sum(a.outcome is outcome for a in arrivals) for outcome in Outcome}
            log.info("batch.heard", topic=arrivals[0].record.topic, ms=ms, events=len(arrivals), **counts)

    def _say_one(self, arrival: Arrival, ms: float, batch: int) -> None:
        if arrival.notice:
            log.warning(str(arrival.notice), **described(arrival))
        if arrival.outcome is Outcome.PARKED:
            log.warning("event.parked", reason=arrival.reason, detail=arrival.detail, **described(arrival))
        if self.stream.lane is Lane.LIVE:
            log.info("event.heard", outcome=arrival.outcome, ms=ms, batch=batch, **described(arrival))


def described(arrival: Arrival) -> dict[str, object]:
    """What a log line may say of a record: where it lay, and ids where they are ours."""
    record, envelope = arrival.record, arrival.envelope
    where: dict[str, object] = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
    if envelope is None:
        return where
    type_ = envelope.type if envelope.type in CONTRACTS else "unknown"  # what we do not know, a publisher made up
    where |= {"type": type_, "subject": arrival.subject, "correlation": envelope.correlationid}
    return where | ({"id": envelope.id, "sequence": envelope.sequence} if envelope.sequence else {})
