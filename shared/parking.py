"""Parked rows: what could not be accepted, byte for byte, and how the running service takes them up again.

The command line only marks rows. The service locks the thread, then the row, and handles the event without the
check of its number: its row is what makes it new.
"""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import asyncpg

from shared.cloudevents import Headers
from shared.contracts import erasing_types
from shared.database import Connection
from shared.hearing import Arrival

KEPT_FOR = timedelta(days=30)
WARNED_BEFORE = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class ParkedRecord:
    """A parked record as it came; reads like a Kafka record."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers


async def save(connection: Connection, arrivals: Sequence[Arrival]) -> None:
    """Parks records; the same record a second time is the same row."""
    rows = [_row(arrival) for arrival in sorted(arrivals, key=_place)]
    if rows:
        await connection.execute(
            """
            INSERT INTO parked (topic, partition, "offset", timestamp, key, value, headers, reason, detail,
                                subject, source, event_id, type)
            SELECT * FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::bigint[], $5::bytea[], $6::bytea[],
                                 $7::bytea[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[],
                                 $13::text[])
            ON CONFLICT (topic, partition, "offset", timestamp)
            DO UPDATE SET reason = excluded.reason, detail = excluded.detail, mark = NULL, marked_by = NULL,
                          marked_at = NULL, mark_reason = NULL
            """,
            *(list(column) for column in zip(*rows, strict=True)),
        )


def _place(arrival: Arrival) -> tuple[str, int, int]:
    return (arrival.record.topic, arrival.record.partition, arrival.record.offset)


def _row(arrival: Arrival) -> tuple[object, ...]:
    record, envelope = arrival.record, arrival.envelope
    return (
        record.topic,
        record.partition,
        record.offset,
        record.timestamp,
        None if arrival.wordless else record.key,
        None if arrival.wordless else record.value,
        pack(record.headers),
        arrival.reason,
        arrival.detail,
        arrival.subject,
        envelope and envelope.source,
        envelope and envelope.id,
        envelope and envelope.type,
    )


def pack(headers: Headers) -> bytes:
    """Headers as JSON that loses no byte: nulls stay null, and names that are not UTF-8 keep their surrogates."""
    return json.dumps(
        [[name, None if value is None else base64.b64encode(value).decode()] for name, value in headers]
    ).encode()


def unpack(packed: bytes) -> list[tuple[str, bytes | None]]:
    """What `pack` was given."""
    return [(name, None if value is None else base64.b64decode(value)) for name, value in json.loads(packed)]


async def marked_topics(connection: Connection) -> list[str]:
    """Where rows that are to be taken up again came from."""
    return [row["topic"] for row in await connection.fetch("SELECT DISTINCT topic FROM parked WHERE mark = 'redrive'")]


async def marked(connection: Connection, topics: Sequence[str], limit: int = 100) -> list[ParkedRecord]:
    """Rows of these topics to be taken up again; not locked yet, because threads come first."""
    rows = await connection.fetch(
        """
        SELECT topic, partition, "offset", timestamp, key, value, headers
          FROM parked WHERE mark = 'redrive' AND topic = ANY ($1::text[])
         ORDER BY marked_at, topic, partition, "offset" LIMIT $2
        """,
        topics,
        limit,
    )
    return [_record(row) for row in rows]


async def lock(connection: Connection, record: ParkedRecord) -> bool:
    """Locks a marked row; False if it is gone or no longer marked."""
    return (
        await connection.fetchval(
            """
        SELECT true FROM parked
         WHERE (topic, partition, "offset", timestamp) = ($1, $2, $3, $4) AND mark = 'redrive' FOR UPDATE
        """,
            record.topic,
            record.partition,
            record.offset,
            record.timestamp,
        )
        is not None
    )


async def delete(connection: Connection, arrival: Arrival) -> None:
    """Deletes a row that was handled, and every other row of the same event."""
    record, envelope = arrival.record, arrival.envelope
    await connection.execute(
        """
        DELETE FROM parked
         WHERE (topic, partition, "offset", timestamp) = ($1, $2, $3, $4)
            OR (source = $5 AND event_id = $6 AND topic = $1)
        """,
        record.topic,
        record.partition,
        record.offset,
        record.timestamp,
        envelope and envelope.source,
        envelope and envelope.id,
    )


async def expire(connection: Connection) -> tuple[int, int]:
    """Deletes rows older than their retention; (deleted, those with less than a week left).

    A parked erasure stays, and is warned of, until it is redriven: what it erases is still there.
    """
    status = await connection.execute(
        "DELETE FROM parked WHERE parked_at < now() - $1::interval AND (type IS NULL OR type <> ALL ($2::text[]))",
        KEPT_FOR,
        erasing_types(),
    )
    soon = await connection.fetchval(
        "SELECT count(*) FROM parked WHERE mark IS DISTINCT FROM 'discarded' AND parked_at < now() - $1::interval",
        KEPT_FOR - WARNED_BEFORE,
    )
    return int(status.rsplit(" ", 1)[1]), soon


def _record(row: asyncpg.Record) -> ParkedRecord:
    return ParkedRecord(
        row["topic"],
        row["partition"],
        row["offset"],
        row["timestamp"],
        row["key"],
        row["value"],
        unpack(row["headers"]),
    )
