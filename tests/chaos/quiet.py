"""Quiet: waits until everything is read, told and sent; and watches memory and connections meanwhile and before."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress

import asyncpg
import psutil
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from tests.chaos.world import REPLICAS, World

Peaks = dict[str, float]


async def quiet(world: World, within: float) -> list[str]:
    """What still waits when waiting is given up; empty as soon as nothing does."""
    consumer = AIOKafkaConsumer(bootstrap_servers=world.system.kafka.address)
    await consumer.start()
    try:
        give_up_at = time.monotonic() + within
        while (waits := await _what_waits(world, consumer)) and time.monotonic() < give_up_at:
            await asyncio.sleep(0.3)
        return waits
    finally:
        await consumer.stop()


async def _what_waits(world: World, consumer: AIOKafkaConsumer) -> list[str]:
    waits = []
    connection = await asyncpg.connect(world.direct.admin, timeout=10)
    try:
        for service in REPLICAS:
            if count := await connection.fetchval(f'SELECT count(*) FROM "{service}".outbox'):  # noqa: S608 - our own names
                waits.append(f"{count} announcements of {service}")
            places = {
                TopicPartition(row["topic"], row["partition"]): row["next_offset"]
                for row in await connection.fetch(f'SELECT * FROM "{service}".position')  # noqa: S608
            }
            ends = await consumer.end_offsets(list(places))
            behind = sum(ends[place] - offset for place, offset in places.items())
            if behind or not places:
                waits.append(f"{service} is {behind} records behind")
        if count := await connection.fetchval(
            "SELECT count(*) FROM intake.delivery WHERE sent_at IS NULL AND given_up_at IS NULL"
        ):
            waits.append(f"{count} letters")
    finally:
        await connection.close()
    return waits


async def committed_offsets(kafka: str) -> Mapping[tuple[str, str, int], int]:
    """What each of our groups has committed at the broker."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        found = {}
        for group, *_ in await admin.list_consumer_groups():
            for at, offset in (await admin.list_consumer_group_offsets(group)).items():
                found[(group, at.topic, at.partition)] = offset.offset
        return found
    finally:
        await admin.close()


async def watch(world: World, peaks: Peaks) -> None:
    """Notes the highest memory of each replica and the most connections, until it is cancelled."""
    while True:
        for name, child in list(world.children.items()):
            with suppress(psutil.Error, TypeError):
                used = psutil.Process(child.pid).memory_info().rss / 1_000_000
                peaks[name] = max(peaks.get(name, 0), used)
        peaks["connections"] = max(peaks.get("connections", 0), len(world.proxy.links))
        await asyncio.sleep(1)
