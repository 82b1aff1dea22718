"""What runs beside the consumers: due timers, deliveries, and parked rows that were marked."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from shared import deliveries, idempotency, parking, timers
from shared.database import is_temporary
from shared.deliveries import Leased
from shared.entrance import Entrance
from shared.hearing import Outcome
from shared.logs import log
from shared.parking import ParkedRecord
from shared.sign_in.sweeping import sweep
from shared.timers import Timer
from shared.work import Handler, Home, Work, on_threads

Send = Callable[[Leased], Awaitable[None]]
BACKLOG_THAT_HOLDS_TIMERS = 1000
"""After a stop what was missed is heard first; a reply may be among it that a timer would call missing."""


@dataclass(slots=True)
class Jobs:
    """One service's background work; every replica runs it, and rows are claimed with SKIP LOCKED."""

    home: Home
    entrances: Sequence[Entrance]
    due: Mapping[str, Handler]
    channels: Mapping[str, Send]
    backlog: Callable[[], Awaitable[int]]
    """Records that the service has not heard yet."""
    pace: float = 1.0
    next_expiry: float = 0.0
    next_sweep: float = 0.0

    async def run(self) -> None:
        """Turns until cancelled; what fails for a while is tried again at the next turn."""
        while True:
            for part in (self.fire_timers, self.send_deliveries, self.redrive, self.expire, self.sweep):
                try:
                    await part()
                except Exception as error:
                    log.warning("job.failed", job=part.__name__, error=error, temporary=is_temporary(error))
            await asyncio.sleep(self.pace)

    # --- timers --------------------------------------------------------------------------------

    async def fire_timers(self) -> None:
        """Handles what is due, all of a kind in one transaction; if that fails, one by one."""
        if not self.due:
            return
        async with self.home.database.connection() as connection:
            waiting = await timers.waiting(connection)
        if waiting and await self.backlog() > BACKLOG_THAT_HOLDS_TIMERS:
            return
        for kind, of_kind in groupby(sorted(waiting, key=lambda timer: timer.kind), key=lambda timer: timer.kind):
            await self._fire(kind, list(of_kind))

    async def _fire(self, kind: str, of_kind: Sequence[Timer]) -> None:
        try:
            await self._fire_together(kind, of_kind)
        except Exception as error:
            if is_temporary(error):
                raise
            if len(of_kind) == 1:
                log.error("timer.failed", kind=kind, subject=of_kind[0].subject, error=error)
                async with self.home.database.transaction() as connection:
                    await timers.postpone(connection, of_kind[0])
                return
            for timer in of_kind:
                await self._fire(kind, [timer])

    async def _fire_together(self, kind: str, of_kind: Sequence[Timer]) -> None:
        async def handle(work: Work) -> int:
            claimed = await timers.claim(work.connection, of_kind)
            if claimed:
                await self.due[kind](claimed, work)
            return len(claimed)

        count = await on_threads(self.home, {timer.subject for timer in of_kind}, handle)
        if count:
            log.info("timer.due", kind=kind, timers=count)

    # --- deliveries ------------------------------------------------------------------------------

    async def send_deliveries(self) -> None:
        """Sends what waits, outside any transaction."""
        if not self.channels:
            return
        async with self.home.database.connection() as connection:
            leased = await deliveries.lease(connection)
        await asyncio.gather(*map(self._send, leased))

    async def _send(self, message: Leased) -> None:
        ids = {"kind": message.kind, "subject": message.subject, "delivery": str(message.id)}
        try:
            await self.channels[message.channel](message)
        except Exception as error:
            async with self.home.database.connection() as connection:
                given_up = await deliveries.postpone(connection, message.id)
            if given_up:
                log.error("delivery.given_up", error=error, **ids)
            else:
                log.warning("delivery.postponed", error=error, attempts=message.attempts, **ids)
        else:
            async with self.home.database.connection() as connection:
                await deliveries.sent(connection, message.id)
            log.info("delivery.sent", attempts=message.attempts, **ids)

    # --- parked rows -----------------------------------------------------------------------------

    async def redrive(self) -> None:
        """Takes up parked rows that the command line has marked."""
        async with self.home.database.connection() as connection:
            found = await parking.marked_topics(connection)
            readers = {topic: one for topic in found for one in self.entrances if one.stream.reads(topic)}
            records = await parking.marked(connection, list(readers))
        for record in records:
            await self._redrive_or_say(readers[record.topic], record)

    async def _redrive_or_say(self, entrance: Entrance, record: ParkedRecord) -> None:
        try:
            await self._redrive(entrance, record)
        except Exception as error:
            where = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
            log.warning("job.failed", job="redrive", error=error, temporary=is_temporary(error), **where)

    async def _redrive(self, entrance: Entrance, record: ParkedRecord) -> None:
        arrival = entrance.arrive(record)

        async def handle(work: Work) -> bool:
            work.lane = entrance.stream.lane
            if not await parking.lock(work.connection, record):
                return False
            await entrance.redrive(arrival, work)
            return True

        if await on_threads(self.home, {arrival.subject} if arrival.subject else (), handle):
            name = "parked.kept" if arrival.outcome is Outcome.PARKED else "parked.redriven"
            log.info(
                name,
                topic=record.topic,
                partition=record.partition,
                offset=record.offset,
                outcome=arrival.outcome,
                reason=arrival.reason,
            )

    async def expire(self) -> None:
        """Once an hour: warns of parked rows whose time runs out, and deletes those whose time has."""
        now = asyncio.get_running_loop().time()
        if now < self.next_expiry:
            return
        self.next_expiry = now + 3600
        async with self.home.database.connection() as connection:
            deleted, soon = await parking.expire(connection)
            await idempotency.expire(connection)
        if deleted:
            log.warning("parked.expired", rows=deleted)
        if soon:
            log.error("parked.expiring", rows=soon)

    async def sweep(self) -> None:
        """Once a minute: sessions and sign-ins that are over."""
        now = asyncio.get_running_loop().time()
        if now >= self.next_sweep:
            self.next_sweep = now + 60
            await sweep(self.home.database, self.home.settings.session_idle)
