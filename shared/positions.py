"""Positions: the next offset of each partition, kept in Postgres and moved with the work itself.

Kafka's committed offsets only show lag. A consumer whose idea of a position is not the stored one is a zombie
or has skipped records: it moves nothing and goes back.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from aiokafka import TopicPartition

from shared.database import Connection

Offsets = Mapping[TopicPartition, int]


class Fenced(Exception):
    """The stored position is not where this batch begins: roll back, and read again from there."""


@dataclass(frozen=True, slots=True)
class Step:
    """One partition's move: from the position last read to the one after the batch."""

    partition: TopicPartition
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Loss:
    """Records that were never read; 0 where the log was made anew and nobody can say how many."""

    partition: TopicPartition
    records: int


async def move(connection: Connection, steps: list[Step]) -> datetime | None:
    """Locks and moves positions; `Fenced` if any of them is not where it should be. Answers the transaction's time."""
    steps = sorted(steps, key=lambda step: step.partition)
    moved = await connection.fetch(
        """
        WITH here AS (
            SELECT position.topic, position.partition, step.finish
              FROM position
              JOIN unnest($1::text[], $2::integer[], $3::bigint[], $4::bigint[])
                     AS step (topic, partition, begin, finish)
                ON position.topic = step.topic AND position.partition = step.partition
             WHERE position.next_offset = step.begin
             ORDER BY position.topic COLLATE "C", position.partition
               FOR UPDATE OF position
        )
        UPDATE position
           SET next_offset = here.finish, moved_at = now()
          FROM here
         WHERE position.topic = here.topic AND position.partition = here.partition
        RETURNING now() AS at
        """,
        [step.partition.topic for step in steps],
        [step.partition.partition for step in steps],
        [step.begin for step in steps],
        [step.end for step in steps],
    )
    if len(moved) != len(steps):
        raise Fenced
    return moved[0]["at"] if moved else None


async def stored(connection: Connection, starts: Offsets) -> dict[TopicPartition, int]:
    """The stored positions of these partitions; one that has none yet gets the given start."""
    partitions = sorted(starts)
    await connection.execute(
        """
        INSERT INTO position (topic, partition, next_offset)
        SELECT * FROM unnest($1::text[], $2::integer[], $3::bigint[])
        ON CONFLICT (topic, partition) DO NOTHING
        """,
        [partition.topic for partition in partitions],
        [partition.partition for partition in partitions],
        [starts[partition] for partition in partitions],
    )
    rows = await connection.fetch(
        """
        SELECT topic, partition, next_offset FROM position
         WHERE (topic, partition) IN (SELECT * FROM unnest($1::text[], $2::integer[]))
        """,
        [partition.topic for partition in partitions],
        [partition.partition for partition in partitions],
    )
    return {TopicPartition(row["topic"], row["partition"]): row["next_offset"] for row in rows}


async def mend(connection: Connection, places: dict[TopicPartition, int], starts: Offsets, ends: Offsets) -> list[Loss]:
    """Moves positions that the log no longer holds to its start: retention has passed them, or it was made anew.

    The ends are asked for after the places, or another consumer's move in between would look like a new log.
    """
    losses = []
    for partition, place in places.items():
        start = starts[partition]
        if not start <= place <= ends[partition]:
            await connection.execute(
                "UPDATE position SET next_offset = $4, moved_at = now()"
                " WHERE topic = $1 AND partition = $2 AND next_offset = $3",
                partition.topic,
                partition.partition,
                place,
                start,
            )
            losses.append(Loss(partition, max(0, start - place)))
            places[partition] = start
    return losses
