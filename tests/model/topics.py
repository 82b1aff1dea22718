"""What Kafka holds, as lists: records lie in the order in which they were sent, and nothing is ever taken away."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from zlib import crc32

from aiokafka import TopicPartition

from shared import topics
from shared.cloudevents import Headers
from shared.parking import ParkedRecord

PARTITIONS = 2


class BrokerAway(OSError):
    """The broker took no more."""


class Log:
    """Stands where the broker stands; a relay's `send` finds the method of a producer here."""

    def __init__(self) -> None:
        self.records: dict[TopicPartition, list[ParkedRecord]] = defaultdict(list)
        self.takes: int | None = None
        """How many more records are taken before the broker is away; None: all."""

    def __len__(self) -> int:
        """How many records there are."""
        return sum(map(len, self.records.values()))

    async def send(
        self, topic: str, value: bytes | None, *, key: bytes, partition: int | None, headers: Headers
    ) -> "asyncio.Future[None]":
        """Appends a record, or fails as a producer does: by what it answers."""
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.takes == 0:
            answer.set_exception(BrokerAway())
        else:
            self.takes = None if self.takes is None else self.takes - 1
            self.append(topic, value, key, headers, partition)
            answer.set_result(None)
        return answer

    def append(
        self, topic: str, value: bytes | None, key: bytes, headers: Headers, partition: int | None = None
    ) -> None:
        """Lays a record at the end of its key's partition."""
        number = crc32(key) % partitions_of(topic) if partition is None else partition
        lane = self.records[TopicPartition(topic, number)]
        lane.append(ParkedRecord(topic, number, len(lane), 1_777_000_000_000, key, value, headers))

    def of(self, topic: str) -> Sequence[ParkedRecord]:
        """All records of a topic, in order within each partition."""
        return [record for place in sorted(self.records) if place.topic == topic for record in self.records[place]]


def partitions_of(topic: str) -> int:
    """Fewer than in production, so that neighbours meet; the directory has one everywhere."""
    known = topics.BY_NAME.get(topic)
    return min(PARTITIONS, known.partitions if known else PARTITIONS)
