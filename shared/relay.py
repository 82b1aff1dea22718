"""The relay: sends outbox rows to Kafka in the order of their ids; nobody else speaks to Kafka.

One is active for each service and lane, by a session's advisory lock. Rows come only from the table, from its
first row on, and are deleted by id once the broker has acknowledged them; after any error a new producer starts
again from the first row. So every announcement is stored at least once and first told in order.
"""

import asyncio
import time
from collections.abc import Collection, Sequence
from contextlib import suppress

import asyncpg
import orjson
from aiokafka import AIOKafkaProducer

from shared.database import Connection, open_direct
from shared.logs import log
from shared.topics import MAX_RECORD_BYTES, Lane

BATCH = 500
PATIENT_SECONDS = 10
"""A session that lasted longer was a good one: the next may begin at once."""
SHORTEST_POLL, LONGEST_POLL = 0.05, 0.4
"""Seconds: rows of other replicas are found by looking, more seldom the longer there were none; one's own commit wakes
the relay."""


class Relay:
    """Sends one lane of one service for as long as `run` runs."""

    def __init__(self, service: str, dsn: str, kafka: str, lane: Lane) -> None:
        self.service, self.dsn, self.kafka, self.lane = service, dsn, kafka, lane
        self._wake = asyncio.Event()

    def wake(self, lanes: Collection[Lane]) -> None:
        """Says that a commit has left rows in these lanes."""
        if self.lane in lanes:
            self._wake.set()

    async def run(self) -> None:
        """Sends until cancelled; begins again after every error, with a growing pause."""
        pause = 0.1
        while True:
            started = time.monotonic()
            try:
                await self._session()
            except asyncio.CancelledError:
                raise
            except Exception as error:
                log.warning("relay.failed", lane=self.lane, error=error, again_in=pause)
            lasted = time.monotonic() - started > PATIENT_SECONDS
            pause = 0.1 if lasted else min(pause * 2, 2.0)
            await asyncio.sleep(pause)

    async def _session(self) -> None:
        connection = await open_direct(self.dsn, f"{self.service} relay {self.lane}")
        try:
            # A deletion that a crash undoes is sent again, and dropped as a repeat: nobody needs to wait for the disk.
            await connection.execute("SET synchronous_commit = off")
            await self._hold_lock(connection)
            await self._produce(connection)
        finally:
            with suppress(Exception):
                await connection.close(timeout=2)

    async def _hold_lock(self, connection: Connection) -> None:
        """Waits until no other replica sends this lane; the lock goes with the connection."""
        name = f"relay {self.service} {self.lane}"
        while not await connection.fetchval("SELECT pg_try_advisory_lock(hashtextextended($1, 0))", name):
            await asyncio.sleep(0.5)
        log.info("relay.started", lane=self.lane)

    async def _produce(self, connection: Connection) -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=self.kafka,
            enable_idempotence=True,
            acks="all",
            linger_ms=0,
            max_batch_size=262_144,
            max_request_size=MAX_RECORD_BYTES + 100_000,
            client_id=f"{self.service}-relay-{self.lane}",
        )
        await producer.start()
        try:
            poll = SHORTEST_POLL
            while True:
                self._wake.clear()
                sent = await self._send_first_rows(connection, producer)
                poll = SHORTEST_POLL if sent else min(poll * 2, LONGEST_POLL)
                if sent < BATCH:
                    with suppress(TimeoutError):  # not wait_for: it loses a cancellation that comes with the wake
                        async with asyncio.timeout(poll):
                            await self._wake.wait()
        finally:
            # an idempotent producer's stop waits for ever while the broker is away
            with suppress(Exception):
                await asyncio.wait_for(producer.stop(), 2)

    async def _send_first_rows(self, connection: Connection, producer: AIOKafkaProducer) -> int:
        rows = await connection.fetch(
            """
            SELECT id, topic, partition, key, value, headers, personal AND value IS NULL AS erased
              FROM outbox WHERE lane = $1 ORDER BY id LIMIT $2
            """,
            self.lane,
            BATCH,
        )
        if rows:
            await send(producer, rows)
            await connection.execute("DELETE FROM outbox WHERE id = ANY ($1::bigint[])", [row["id"] for row in rows])
            log.info("relay.sent", lane=self.lane, rows=len(rows))
        return len(rows)


async def send(producer: AIOKafkaProducer, rows: Sequence[asyncpg.Record]) -> None:
    """Hands rows to the broker in order and waits until it has acknowledged every one."""
    waiting = [
        await producer.send(
            row["topic"], row["value"], key=row["key"], partition=row["partition"], headers=_headers(row)
        )
        for row in rows
    ]
    for result in await asyncio.gather(*waiting, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result


def _headers(row: asyncpg.Record) -> list[tuple[str, bytes]]:
    headers = [(name, value.encode()) for name, value in orjson.loads(row["headers"])]
    return [*headers, ("ce_erased", b"true")] if row["erased"] else headers
