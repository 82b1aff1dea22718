"""The publisher: offers what it has at once, or open loop at a pace that does not wait for anybody."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from uuid import UUID

from aiokafka import AIOKafkaProducer

from tests.bench.stories import Offered


class Driver:
    """One producer."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self.producer = producer

    @classmethod
    @asynccontextmanager
    async def of(cls, kafka: str) -> AsyncIterator["Driver"]:
        """Connected while the block lasts."""
        producer = AIOKafkaProducer(bootstrap_servers=kafka, enable_idempotence=True, max_batch_size=262_144)
        await producer.start()
        try:
            yield cls(producer)
        finally:
            await producer.stop()

    async def load(self, topic: str, offers: Iterable[Offered]) -> None:
        """Everything at once; returns when the broker has it."""
        sent = [await self.producer.send(topic, one.value, key=one.key, headers=list(one.headers)) for one in offers]
        await asyncio.gather(*sent)

    async def pace(
        self, topic: str, offers: Iterable[Offered], rate: float, enough: Callable[[], bool] = lambda: False
    ) -> dict[UUID, float]:
        """So many a second until all are sent or it is enough; when each was due to be sent (Unix seconds).

        Open loop: the moment that counts is the planned one, so a driver that is late makes latencies longer, never
        shorter.
        """
        sent, due, start = [], {}, time.time() + 0.05
        for number, one in enumerate(offers):
            due[one.id] = start + number / rate
            await asyncio.sleep(max(0.0, due[one.id] - time.time()))
            if enough():
                del due[one.id]
                break
            sent.append(await self.producer.send(topic, one.value, key=one.key, headers=list(one.headers)))
        await asyncio.gather(*sent)
        return due
