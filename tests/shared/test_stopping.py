"""A cancellation is never lost, whenever it comes."""

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from shared import topics
from shared.stopping import stop


@pytest.mark.parametrize("turns", range(12))
async def test_who_is_cancelled_while_a_consumer_stops_is_cancelled(kafka: str, turns: int) -> None:
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka)
    await consumer.start()
    consumer.assign([TopicPartition(topics.STORIES.name, 0)])
    await consumer.getmany(timeout_ms=50)
    stopping = asyncio.create_task(stop(consumer))
    for _ in range(turns):
        await asyncio.sleep(0)

    cancelled_in_time = stopping.cancel()
    await asyncio.wait({stopping})

    assert stopping.cancelled() or not cancelled_in_time
