"""Topics of a test's own on the shared broker, written and read by a plain client."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from deploy.local.system import make_topics
from shared import topics
from shared.cloudevents import Record
from shared.topics import Topic
from tests.waiting import eventually


async def fact_topic(
    kafka: str, monkeypatch: pytest.MonkeyPatch, partitions: int = 2, announcer: str = "intake"
) -> str:
    """A fact topic of a name that nobody else has; while the test runs it stands in the table of topics."""
    topic = Topic(f"storyloop.test-{uuid4().hex[:10]}", announcer, sequenced=True, partitions=partitions)
    monkeypatch.setitem(topics.BY_NAME, topic.name, topic)
    await make_topics(kafka, (), (topic,))
    return topic.name


@asynccontextmanager
async def producer(kafka: str, **how: Any) -> AsyncIterator[AIOKafkaProducer]:
    """A producer that is stopped at the end."""
    async with AIOKafkaProducer(bootstrap_servers=kafka, **how) as one:
        yield one


async def write(kafka: str, topic: str, records: Sequence[Record], partition: int = 0, **how: Any) -> int:
    """Writes records as they are, in order; the offset of the first."""
    async with producer(kafka, **how) as one:
        sent = [
            await one.send(topic, record.value, key=record.key, partition=partition, headers=list(record.headers))
            for record in records
        ]
        return int((await asyncio.gather(*sent))[0].offset)


async def read(kafka: str, topic: str, count: int, within: float = 20) -> list[ConsumerRecord]:
    """A topic from its beginning to its present end, once there are so many records; each partition's in order."""
    parts = [TopicPartition(topic, number) for number in range(topics.BY_NAME[topic].partitions)]
    found: list[ConsumerRecord] = []
    async with AIOKafkaConsumer(bootstrap_servers=kafka, auto_offset_reset="earliest") as consumer:
        consumer.assign(parts)

        async def all_there() -> bool:
            for batch in (await consumer.getmany(timeout_ms=100)).values():
                found.extend(batch)
            ends = await consumer.end_offsets(parts)
            return len(found) >= count and {part: await consumer.position(part) for part in parts} == ends

        await eventually(all_there, within, f"{count} records in {topic}")
    return found


async def delete_before(kafka: str, topic: str, offset: int, partition: int = 0) -> None:
    """What retention does: the partition's log begins at this offset from now on."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        await admin.delete_records({TopicPartition(topic, partition): RecordsToDelete(before_offset=offset)})
    finally:
        await admin.close()


async def allow(kafka: str, topic: str, size: int) -> None:
    """The broker takes no record larger than so many bytes from now on; it needs a second or two to know it."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    settings = topics.BY_NAME[topic].config | {"max.message.bytes": str(size)}
    await admin.start()

    async def is_known() -> bool:
        [answer] = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
        return ("max.message.bytes", str(size)) in [entry[:2] for entry in answer.resources[0][4]]

    try:
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=settings)])
        await eventually(is_known, what=f"{topic} takes {size} bytes")
    finally:
        await admin.close()
