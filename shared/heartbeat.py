"""The heartbeat: one line a minute that says whether hearing goes on, and what waits."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from shared.consumer import Consumer
from shared.database import Connection, Database, is_temporary
from shared.logs import log

EVERY_SECONDS = 60
Placeholders = Callable[[Connection], Awaitable[int]]


async def no_placeholders(_connection: Connection) -> int:
    """For services in which no fact waits for another."""
    return 0


class Heartbeat:
    """Tells of all consumers of a process."""

    def __init__(self, database: Database, consumers: Sequence[Consumer], placeholders: Placeholders) -> None:
        self.database, self.consumers, self.placeholders = database, consumers, placeholders

    async def run(self) -> None:
        """Beats until cancelled; a database that is away is said, not fatal."""
        while True:
            try:
                async with self.database.connection() as connection:
                    waiting = await _waiting(connection)
                    await self._say_placeholders(connection)
            except Exception as error:
                if not is_temporary(error):
                    raise
                waiting = {"database": "away"}
            for consumer in self.consumers:
                self._beat(consumer, waiting)
            await asyncio.sleep(EVERY_SECONDS)

    async def _say_placeholders(self, connection: Connection) -> None:
        if count := await self.placeholders(connection):
            log.warning("placeholder.waiting", placeholders=count)

    @staticmethod
    def _beat(consumer: Consumer, waiting: dict[str, object]) -> None:
        log.info(
            "consumer.heartbeat",
            group=consumer.stream.group,
            partitions=len(consumer.expected),
            lag=consumer.lag(),
            events=consumer.events,
            in_flight=consumer.in_flight,
            stopped=consumer.stopped,
            idle_seconds=round(time.monotonic() - consumer.turned_at),
            **waiting,
        )
        consumer.events = 0


async def _waiting(connection: Connection) -> dict[str, object]:
    row = await connection.fetchrow(
        """
        SELECT (SELECT count(*) FROM outbox) AS outbox,
               (SELECT count(*) FROM parked WHERE mark IS DISTINCT FROM 'discarded') AS parked,
               (SELECT coalesce(extract(epoch FROM now() - min(parked_at)), 0)::bigint FROM parked
                 WHERE mark IS DISTINCT FROM 'discarded') AS oldest_parked_seconds,
               (SELECT count(*) FROM delivery WHERE sent_at IS NULL AND given_up_at IS NULL) AS deliveries
        """
    )
    return dict(row) if row is not None else {}
