"""Start-up's first step: the erasures topic is read to its end before consumers, relay, deliveries and pages begin.

After a restore the database holds texts that were erased since; nothing may show or send them again.
"""

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared import positions
from shared.database import Database
from shared.entrance import Entrance
from shared.positions import Fenced, Step
from shared.stopping import stop
from shared.topics import Topic


async def read_to_end(kafka: str, entrance: Entrance, topic: Topic) -> int:
    """Hears a topic from the stored positions to its present end; how many records that were.

    Another replica may move the same positions at the same time: whoever is late goes back and looks again.
    """
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=2_000_000,
    )
    await consumer.start()
    try:
        partitions = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        return await _hear(consumer, entrance, ends)
    finally:
        await stop(consumer)


async def _hear(consumer: AIOKafkaConsumer, entrance: Entrance, ends: dict[TopicPartition, int]) -> int:
    """`places` are the stored positions; where a hole follows them, the consumer itself is further on."""
    heard = 0
    places = await _seek(consumer, entrance.home.database, list(ends))
    while any([await consumer.position(partition) < end for partition, end in ends.items()]):
        batches = await consumer.getmany(timeout_ms=500, max_records=500)
        steps = [Step(partition, places[partition], records[-1].offset + 1) for partition, records in batches.items()]
        records = [record for batch in batches.values() for record in batch]
        try:
            if records:
                heard += len(await entrance.take(records, steps))
            places.update({step.partition: step.end for step in steps})
        except Fenced:
            places = await _seek(consumer, entrance.home.database, list(ends))
    return heard


async def _seek(
    consumer: AIOKafkaConsumer, database: Database, partitions: list[TopicPartition]
) -> dict[TopicPartition, int]:
    starts = await consumer.beginning_offsets(partitions)
    async with database.transaction() as connection:
        places = await positions.stored(connection, starts)
        await positions.mend(connection, places, starts, await consumer.end_offsets(partitions))
    for partition, place in places.items():
        consumer.seek(partition, place)
    return places
