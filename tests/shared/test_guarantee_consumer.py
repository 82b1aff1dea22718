"""Nothing is passed: while a batch fails, neither the stored position nor Kafka's committed offset moves on."""

from datetime import timedelta

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from structlog.testing import capture_logs

from shared.database import Database
from tests.shared import topics
from tests.shared.consuming import Hearer
from tests.waiting import eventually


@pytest.fixture
async def hearer(kafka: str, router_database: Database, monkeypatch: pytest.MonkeyPatch) -> Hearer:
    """The small service with one partition to read."""
    one = Hearer(kafka, router_database, await topics.fact_topic(kafka, monkeypatch, partitions=1))
    await one.keeper.prepare()
    return one


async def committed(hearer: Hearer) -> int:
    """Kafka's own idea of where the group is."""
    admin = AIOKafkaAdminClient(bootstrap_servers=hearer.kafka)
    await admin.start()
    try:
        offsets = await admin.list_consumer_group_offsets(hearer.group)
    finally:
        await admin.close()
    told = offsets.get(TopicPartition(hearer.topic, 0))
    return int(told.offset) if told else 0


async def test_kafkas_offset_is_never_past_the_stored_position_and_a_batch_that_failed_is_read_again(
    hearer: Hearer,
) -> None:
    async def two_are_committed() -> bool:
        return await committed(hearer) == 2

    async def has_failed_twice() -> bool:
        return hearer.keeper.troubles <= 998

    await hearer.write("one", "two")
    async with hearer.consuming(instance="the-only-one"):
        await hearer.is_at(2)
        await eventually(two_are_committed, what="the offset of what was heard is committed")
        hearer.keeper.troubles = 1_000
        await hearer.write("three")
        await eventually(has_failed_twice, what="the third is tried")
    after_the_end = (await hearer.positions(), await committed(hearer))
    hearer.keeper.troubles = 0

    async with hearer.consuming(instance="the-only-one"):
        await hearer.has_kept(["one", "two", "three"])

    assert after_the_end == ([2], 2)


async def test_a_batch_that_was_dropped_is_read_again_as_soon_as_it_can_be_taken(hearer: Hearer) -> None:
    async def is_dropped() -> bool:
        return any(line["event"] == "consumer.paused" for line in lines)

    with capture_logs() as lines:
        async with hearer.consuming(patience=timedelta(seconds=0.2)):
            await hearer.is_at(0)
            hearer.keeper.troubles = 1_000
            await hearer.write("one", "two")
            await eventually(is_dropped, what="the batch is dropped")
            hearer.keeper.troubles = 0
            await hearer.write("three")

            await eventually(lambda: kept(hearer), what="something is heard again")

    assert await hearer.keeper.kept() == ["one", "two", "three"]
    assert [line for line in lines if line["event"] == "records.lost"] == []


async def kept(hearer: Hearer) -> bool:
    return "three" in await hearer.keeper.kept()
