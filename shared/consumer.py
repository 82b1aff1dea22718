"""The consumer: FastStream's batch subscriber, made safe by positions that are kept in Postgres.

Every batch is either taken whole, or read again: nothing is passed because an exception was swallowed.
The settings are those that lose nothing; FastStream's defaults acknowledge before the work, or not at all.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from faststream import AckPolicy, NoCast
from faststream.kafka import KafkaBroker
from faststream.kafka.message import FAKE_CONSUMER, KafkaAckableMessage

from shared import header_names, positions
from shared.breaker import BadDeploy
from shared.cloudevents import Record
from shared.database import is_temporary
from shared.entrance import Entrance
from shared.logs import log
from shared.positions import Fenced, Step
from shared.settings import Settings

MAX_RECORDS = 500
POLL_MS = 500
"""How long a poll waits for a first record; while it waits nothing else needs the loop to turn."""
COMMIT_SECONDS = 1.0
"""Kafka's offsets only show lag, so that they need not be told after every batch."""
Hole = tuple[TopicPartition, int]
"""How many records are missing."""
header_names.let_through()


class Consumer(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    """One stream of one service in this process."""

    def __init__(self, broker: KafkaBroker, entrance: Entrance, settings: Settings) -> None:
        self.entrance, self.settings, self.stream = entrance, settings, entrance.stream
        self.expected: dict[TopicPartition, int] = {}
        self.doubted: set[tuple[TopicPartition, int]] = set()
        self.stopped = False
        self.events = 0
        self.turned_at = time.monotonic()
        self._batch = asyncio.Lock()
        self._leaving = asyncio.Event()
        self._placing: asyncio.Task[None] | None = None
        self._unplaced: set[TopicPartition] = set()
        self._done: dict[TopicPartition, int] = {}
        """What Kafka has not been told yet."""
        self._told_at = 0.0
        self._patient: AIOKafkaConsumer | None = None
        self.subscriber = broker.subscriber(
            *self.stream.topics,
            pattern=self.stream.pattern,
            group_id=self.stream.group,
            group_instance_id=f"{self.stream.group}.{settings.instance}",
            batch=True,
            max_records=MAX_RECORDS,
            batch_timeout_ms=20,
            auto_offset_reset="earliest",
            ack_policy=AckPolicy.MANUAL,
            parser=self._parse,
            decoder=self._decode,
            listener=self,
            session_timeout_ms=_ms(settings.session.total_seconds()),
            heartbeat_interval_ms=_ms(min(2.0, settings.session.total_seconds() / 5)),
            rebalance_timeout_ms=20_000,
            max_poll_interval_ms=300_000,
            max_partition_fetch_bytes=2_000_000,
        )
        self.subscriber(self._entrance)

    # --- what FastStream calls -------------------------------------------------------------

    async def _parse(self, raw: tuple[Record, ...]) -> KafkaAckableMessage:
        return KafkaAckableMessage(
            raw_message=raw,
            body=b"",
            correlation_id="-",
            consumer=self.consumer or FAKE_CONSUMER,
            message_id=f"{raw[0].partition}:{raw[0].offset}-{raw[-1].offset}",
        )

    @staticmethod
    async def _decode(message: KafkaAckableMessage) -> tuple[Record, ...]:
        return message.raw_message

    async def _entrance(self, records: NoCast[tuple]) -> None:  # type: ignore[type-arg]  # FastStream reads it
        """Never lets an exception out; never returns without success, or without having sought back."""
        self.turned_at = time.monotonic()
        async with self._batch:
            batch = [record for record in records if _partition(record) in self.expected]
            if batch and not self.stopped:
                await self._take_until_done(batch)

    def _end_no_poll_empty(self) -> None:
        """FastStream sleeps after an empty poll; so the consumer's own polls go on until they have found something."""
        consumer = self.consumer
        if consumer is None or consumer is self._patient:
            return
        self._patient, poll = consumer, consumer.getmany

        async def find(**_: object) -> Mapping[TopicPartition, Sequence[Record]]:
            while True:
                found: Mapping[TopicPartition, Sequence[Record]]
                found = await poll(timeout_ms=POLL_MS, max_records=MAX_RECORDS)
                if found:
                    return found
                await self._tell_offsets()

        consumer.getmany = find

    @property
    def consumer(self) -> AIOKafkaConsumer | None:
        """aiokafka's consumer, once FastStream has started it."""
        return self.subscriber.consumer

    @property
    def in_flight(self) -> bool:
        """True while a batch is being worked on."""
        return self._batch.locked()

    async def finish_batch(self) -> None:
        """Takes no more: the batch in hand is brought to its end, or dropped if it waits to be tried again."""
        self._leaving.set()
        async with self._batch:
            await self._tell_offsets()
            self.expected.clear()

    # --- a batch -----------------------------------------------------------------------------

    async def _take_until_done(self, batch: Sequence[Record]) -> None:
        give_up_at, pause = time.monotonic() + self.settings.patience.total_seconds(), 0.1
        while not self._leaving.is_set():
            try:
                steps, holes = self._steps(batch)
                self.events += len(await self.entrance.take(batch, steps))
                return await self._moved(steps, holes)
            except Fenced:
                return await self._place_again(batch)
            except BadDeploy:
                return self._stop_taking()
            except Exception as error:
                log.warning(
                    "consumer.retrying",
                    group=self.stream.group,
                    error=error,
                    again_in=pause,
                    temporary=is_temporary(error),
                )
            if time.monotonic() > give_up_at:
                return self._pause()
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._leaving.wait()
            pause = min(pause * 2, 5.0)
        return None

    def _steps(self, batch: Sequence[Record]) -> tuple[list[Step], list[Hole]]:
        """From the position last read to the one after the batch, and what is missing between."""
        steps: dict[TopicPartition, Step] = {}
        holes: list[Hole] = []
        before: set[tuple[TopicPartition, int]] = set()
        for record in batch:
            partition = _partition(record)
            begin = steps[partition].begin if partition in steps else self.expected[partition]
            follows = steps[partition].end if partition in steps else begin
            if record.offset < follows:
                raise Fenced
            if record.offset > follows:
                before.add((partition, record.offset))
                holes.append((partition, record.offset - follows))
            steps[partition] = Step(partition, begin, record.offset + 1)
        self._doubt(before)
        return list(steps.values()), holes

    def _doubt(self, before: set[tuple[TopicPartition, int]]) -> None:
        """Holes before these offsets that are still there on second reading are no slips of the client's.

        Also where publishers' transactions leave holes: a story that was skipped there would be lost without a word.
        """
        if not before <= self.doubted:
            self.doubted |= before
            raise Fenced

    async def _moved(self, steps: Sequence[Step], holes: Sequence[Hole]) -> None:
        self.expected.update({step.partition: step.end for step in steps})
        self.doubted = {one for one in self.doubted if one[1] >= self.expected.get(one[0], 0)}
        for partition, records in holes:
            self._lost(partition, records)
        self._done.update({step.partition: step.end for step in steps})
        if time.monotonic() - self._told_at > COMMIT_SECONDS:
            await self._tell_offsets()

    async def _tell_offsets(self) -> None:
        """Says to Kafka how far the work is, for those who look at the group's lag."""
        done, self._done = self._done, {}
        self._told_at = time.monotonic()
        offsets = {partition: end for partition, end in done.items() if partition in self._assigned()}
        try:
            if self.consumer is not None and offsets:
                await asyncio.wait_for(self.consumer.commit(offsets), 5)
        except Exception as error:
            self._done = done | self._done
            log.info("commit.failed", group=self.stream.group, error=error)

    def _assigned(self) -> set[TopicPartition]:
        return set(self.consumer.assignment()) if self.consumer is not None else set()

    def _stop_taking(self) -> None:
        self.stopped = True
        self._hold(self.expected)
        log.error("consumer.stopped", group=self.stream.group)

    def _hold(self, partitions: Iterable[TopicPartition]) -> None:
        """Pauses partitions at the position that was read: polling goes on, so that the member stays in its group."""
        here = [partition for partition in partitions if partition in self._assigned()]
        if self.consumer is not None and here:
            self.consumer.pause(*here)
            for partition in here:
                self.consumer.seek(partition, self.expected[partition])

    def _pause(self) -> None:
        log.warning("consumer.paused", group=self.stream.group, partitions=len(self.expected))
        self._hold(self.expected)
        self._place_later(set(self.expected))

    # --- places ------------------------------------------------------------------------------

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Waits for the batch in hand, so that two consumers never work on the same records."""
        self._leaving.set()
        if self._placing is not None:
            self._placing.cancel()
        self._placing, self._unplaced = None, set()
        async with self._batch:
            await self._tell_offsets()
            self.expected.clear()
        if revoked:
            log.info("consumer.revoked", group=self.stream.group, partitions=len(revoked))

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Reading goes on at the stored positions; while they cannot be had, the partitions wait, paused."""
        self._leaving.clear()
        self.doubted.clear()
        self._end_no_poll_empty()
        if assigned:
            await self._place(assigned)
            log.info("consumer.assigned", group=self.stream.group, partitions=len(assigned))

    async def _place_again(self, batch: Sequence[Record]) -> None:
        partitions = {_partition(record) for record in batch}
        log.warning("consumer.fenced", group=self.stream.group, partitions=len(partitions))
        await self._place(partitions)

    async def _place(self, partitions: set[TopicPartition]) -> None:
        try:
            await asyncio.wait_for(self._seek(partitions), 8)
        except Exception as error:
            log.warning("consumer.retrying", group=self.stream.group, error=error, again_in=1.0)
            if self.consumer is not None:
                self.consumer.pause(*(partitions & self._assigned()))
            self._place_later(partitions)

    def _place_later(self, partitions: set[TopicPartition]) -> None:
        self._unplaced |= partitions
        if self._placing is None or self._placing.done():
            self._placing = asyncio.create_task(self._keep_placing())

    async def _keep_placing(self) -> None:
        while self._unplaced:
            await asyncio.sleep(1)
            waiting, self._unplaced = self._unplaced & self._assigned(), set()
            try:
                await asyncio.wait_for(self._seek(waiting), 8)
            except Exception as error:
                self._unplaced |= waiting
                log.info("consumer.retrying", group=self.stream.group, error=error, again_in=1.0)
            else:
                log.info("consumer.resumed", group=self.stream.group, partitions=len(waiting))

    async def _seek(self, partitions: set[TopicPartition]) -> None:
        """Puts partitions at their stored positions; those that retention has passed raise an alarm."""
        if self.consumer is None or not partitions:
            return
        starts = await self.consumer.beginning_offsets(partitions)
        async with self.entrance.home.database.transaction() as connection:
            places = await positions.stored(connection, starts)
            ends = await self.consumer.end_offsets(partitions)
            losses = await positions.mend(connection, places, starts, ends)
        for loss in losses:
            self._lost(loss.partition, loss.records)
        for partition in partitions & self._assigned():
            self.expected[partition] = places[partition]
            self.consumer.seek(partition, places[partition])
            if not self.stopped:
                self.consumer.resume(partition)

    def _lost(self, partition: TopicPartition, records: int) -> None:
        if not self.stream.may_have_holes(partition.topic):
            log.error(
                "records.lost",
                group=self.stream.group,
                topic=partition.topic,
                partition=partition.partition,
                records=records,
            )

    # --- what the heartbeat tells --------------------------------------------------------------

    def lag(self) -> int:
        """Records at the broker that were not heard, as far as the last poll knew."""
        if self.consumer is None:
            return 0
        ends = {partition: self.consumer.highwater(partition) for partition in self._assigned() & self.expected.keys()}
        return sum(max(0, end - self.expected[partition]) for partition, end in ends.items() if end is not None)


def _partition(record: Record) -> TopicPartition:
    return TopicPartition(record.topic, record.partition)


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
