"""The backlog: how much of what was announced a service has not heard yet, whichever process reads it.

A consumer knows only the lag of its own partitions, and none before its first poll; stored positions and the log's
ends know all of it.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from shared.database import Database
from shared.stopping import stop
from shared.streams import Stream

PATIENT_SECONDS = 5
UNKNOWN = 2**62
HELD_SECONDS = 120
"""For so long what is due waits for a broker that does not answer; then it goes on without it."""


class Backlog:
    """Asks the broker when it is asked; keeps one connection."""

    def __init__(self, kafka: str, database: Database, streams: Sequence[Stream]) -> None:
        self.kafka, self.database, self.streams = kafka, database, streams
        self._client: AIOKafkaConsumer | None = None
        self._away_since = 0.0

    async def records(self) -> int:
        """Records between the stored positions and the ends of the log.

        Unknown, which is a lot, while the broker cannot say; 0 when it has been away for two minutes, because what is
        due must not wait for it for ever.
        """
        places = await self._places()
        try:
            async with asyncio.timeout(PATIENT_SECONDS):
                ends = await (await self._connected()).end_offsets(list(places)) if places else {}
        except (KafkaError, OSError, TimeoutError):
            await self.close()
            self._away_since = self._away_since or time.monotonic()
            return UNKNOWN if time.monotonic() - self._away_since < HELD_SECONDS else 0
        self._away_since = 0.0
        return sum(max(0, end - places[partition]) for partition, end in ends.items())

    async def close(self) -> None:
        """Lets the connection go."""
        client, self._client = self._client, None
        if client is not None:
            with suppress(Exception):
                await stop(client)

    async def _connected(self) -> AIOKafkaConsumer:
        if self._client is None:
            self._client = AIOKafkaConsumer(bootstrap_servers=self.kafka)
            await self._client.start()
        return self._client

    async def _places(self) -> dict[TopicPartition, int]:
        async with self.database.connection() as connection:
            rows = await connection.fetch("SELECT topic, partition, next_offset FROM position")
        return {
            TopicPartition(row["topic"], row["partition"]): row["next_offset"]
            for row in rows
            if any(stream.reads(row["topic"]) for stream in self.streams)
        }
