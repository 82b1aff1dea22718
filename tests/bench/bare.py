"""Contender c: the services' statements in plain aiokafka and asyncpg, `python -m tests.bench.bare STAGE`.

What it shares with the services: batches of 500, one transaction each, positions and threads in Postgres, the
sequence check, an outbox in the same transaction, and a relay that sends it in order with an idempotent producer;
without these it would do another job. What it leaves away: FastStream, consumer groups, contracts (only an offer is
checked, by one pydantic model; all other values are dicts), CloudEvents' rules, savepoints, parking, erasure, bisection
of failures, fencing on rebalances, letters, logs, health, pages. It stops at the first error.
"""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import asyncpg
import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from tests.bench import bare_stages, bare_tables
from tests.bench.bare_facts import Fact, Out
from tests.bench.bare_stages import Stream

BATCH = 500


@dataclass
class Stage:
    """One process of the chain."""

    name: str
    kafka: str
    dsn: str
    term: int = 0
    wake: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Until it is stopped, or something fails."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.relay())
            for stream in bare_stages.STREAMS[self.name]:
                tasks.create_task(self.consume(stream))

    async def connect(self) -> Any:
        """A connection with jsonb as Python values."""
        connection: Any = await asyncpg.connect(self.dsn)
        await connection.set_type_codec(
            "jsonb",
            schema="pg_catalog",
            encoder=lambda value: b"\x01" + orjson.dumps(value),
            decoder=lambda value: orjson.loads(value[1:]),
            format="binary",
        )
        self.term = await connection.fetchval("SELECT extract(epoch FROM clock_timestamp())::bigint")
        return connection

    async def consume(self, stream: Stream) -> None:
        """Takes batch after batch of all partitions of a stream's topics."""
        connection = await self.connect()
        consumer = AIOKafkaConsumer(bootstrap_servers=self.kafka, enable_auto_commit=False)
        await consumer.start()
        places = await bare_tables.positions(connection, stream.topics)
        consumer.assign(list(places))
        for place, offset in places.items():
            consumer.seek(place, offset)
        while True:
            found = await consumer.getmany(timeout_ms=20, max_records=BATCH)
            if found:
                async with connection.transaction():
                    await self.take(connection, stream, found)
                self.wake.set()

    async def take(self, connection: Any, stream: Stream, found: Mapping[TopicPartition, Sequence[Any]]) -> None:
        """Positions, threads, what is new, the stage's own statements, numbers, threads."""
        await bare_tables.move(connection, found)
        facts = [_fact(record, stream) for records in found.values() for record in records]
        threads = await bare_tables.lock(connection, {fact.subject for fact in facts})
        fresh = [fact for fact in facts if _is_new(fact, threads[fact.subject])]
        out: list[Out] = []
        for type_, handler in stream.handlers.items():
            run = [fact for fact in fresh if fact.type == type_]
            if run:
                out += await handler(connection, run)
        await bare_tables.write(connection, self.name, self.term, out, threads)
        await bare_tables.save(connection, threads)

    async def relay(self) -> None:
        """Sends the outbox from its first row on and deletes what is acknowledged."""
        connection = await self.connect()
        producer = AIOKafkaProducer(bootstrap_servers=self.kafka, enable_idempotence=True, max_batch_size=262_144)
        await producer.start()
        while True:
            self.wake.clear()
            rows = await bare_tables.first_rows(connection, BATCH)
            sent = []
            for row in rows:
                headers = [(name, value.encode()) for name, value in orjson.loads(row["headers"])]
                sent.append(await producer.send(row["topic"], row["value"], key=row["key"], headers=headers))
            await asyncio.gather(*sent)
            if rows:
                await bare_tables.delete(connection, [row["id"] for row in rows])
            if len(rows) < BATCH:
                await self.wake.wait()


def _fact(record: Any, stream: Stream) -> Fact:
    said = {name: value.decode() for name, value in record.headers}
    return Fact(
        id=said["ce_id"],
        type=said["ce_type"],
        source=said["ce_source"],
        reference=said["ce_subject"],
        subject=stream.subject(said["ce_subject"]),
        time=datetime.fromisoformat(said["ce_time"]),
        number=(int(said.get("ce_term", 0)), int(said.get("ce_sequence", 0))),
        correlation=said.get("ce_correlationid", said["ce_id"]),
        value=record.value,
    )


def _is_new(fact: Fact, thread: dict[str, Any]) -> bool:
    if not fact.number[1]:
        return True
    if fact.number <= tuple(thread["heard"].get(fact.source, (0, 0))):
        return False
    thread["heard"][fact.source], thread["moved"] = fact.number, True
    return True


if __name__ == "__main__":
    asyncio.run(Stage(sys.argv[1], os.environ["BENCH_KAFKA"], os.environ["BENCH_POSTGRES"]).run())
