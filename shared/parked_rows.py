"""Parked rows as a person asks for them: found, shown, and marked; the running service does the rest."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import asyncpg

from shared.cloudevents import Headers
from shared.database import Connection
from shared.parking import unpack


class Mark(StrEnum):
    """What a person decided about a parked row."""

    REDRIVE = "redrive"
    """The running service takes it up again."""
    DISCARDED = "discarded"
    """Nobody needs it; its bytes stay until it expires."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record lay; a topic that was made anew can have two rows at one place."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows: every part that is given must fit; a part that is None fits all."""

    topic: str | None = None
    reason: str | None = None
    type: str | None = None
    subject: str | None = None
    since: datetime | None = None
    place: Place | None = None

    @property
    def is_everything(self) -> bool:
        """True if nothing was given."""
        return self == Wanted()


@dataclass(frozen=True, slots=True)
class Parked:
    """One row without its bytes; what a person may see without asking for words."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    reason: str
    detail: str
    type: str | None
    subject: str | None
    source: str | None
    event_id: str | None
    parked_at: datetime
    mark: str | None
    marked_by: str | None
    marked_at: datetime | None
    mark_reason: str | None


@dataclass(frozen=True, slots=True)
class Content:
    """The bytes of one row as they came."""

    key: bytes | None
    value: bytes | None
    headers: Headers


COLUMNS = """topic, partition, "offset", timestamp, reason, detail, type, subject, source, event_id, parked_at,
             mark, marked_by, marked_at, mark_reason"""
FITS = """($1::text IS NULL OR topic = $1) AND ($2::text IS NULL OR reason = $2)
      AND ($3::text IS NULL OR type = $3) AND ($4::text IS NULL OR subject = $4)
      AND ($5::timestamptz IS NULL OR parked_at >= $5)
      AND ($6::text IS NULL OR (topic, partition, "offset") = ($6, $7::integer, $8::bigint))"""
IN_ORDER = 'ORDER BY parked_at, topic, partition, "offset", timestamp'


async def find(connection: Connection, wanted: Wanted, limit: int) -> list[Parked]:
    """Rows that fit, the oldest first."""
    rows = await connection.fetch(
        f"SELECT {COLUMNS} FROM parked WHERE {FITS} {IN_ORDER} LIMIT $9",  # noqa: S608 - constants
        *_parts(wanted),
        limit,
    )
    return [Parked(*row) for row in rows]


async def contents(connection: Connection, place: Place) -> list[tuple[Parked, Content]]:
    """The rows at a place, with their bytes."""
    rows = await connection.fetch(
        f"""
        SELECT {COLUMNS}, key, value, headers FROM parked
         WHERE (topic, partition, "offset") = ($1, $2, $3) {IN_ORDER}
        """,  # noqa: S608 - constants
        place.topic,
        place.partition,
        place.offset,
    )
    return [(_parked(row), Content(row["key"], row["value"], unpack(row["headers"]))) for row in rows]


async def markable(connection: Connection, wanted: Wanted, mark: Mark, limit: int) -> list[Parked]:
    """The rows that `mark` would be set on: filters leave marked rows alone, a place changes a mark as well."""
    rows = await connection.fetch(
        f"""
        SELECT {COLUMNS} FROM parked
         WHERE {FITS} AND mark IS DISTINCT FROM $9 AND (mark IS NULL OR $6 IS NOT NULL)
        {IN_ORDER} LIMIT $10
        """,  # noqa: S608 - constants
        *_parts(wanted),
        mark,
        limit,
    )
    return [Parked(*row) for row in rows]


async def set_mark(connection: Connection, rows: Sequence[Parked], mark: Mark, by: str, reason: str) -> list[Parked]:
    """Marks rows, as far as they are still there and as they were found; locked in order, as everywhere."""
    marked = await connection.fetch(
        f"""
        UPDATE parked SET mark = $1, marked_by = $2, marked_at = now(), mark_reason = $3
         WHERE (topic, partition, "offset", timestamp) IN (
               SELECT parked.topic, parked.partition, parked."offset", parked.timestamp
                 FROM parked
                 JOIN unnest($4::text[], $5::integer[], $6::bigint[], $7::bigint[], $8::text[])
                   AS found (topic, partition, "offset", timestamp, mark)
                   ON (parked.topic, parked.partition, parked."offset", parked.timestamp)
                    = (found.topic, found.partition, found."offset", found.timestamp)
                WHERE parked.mark IS NOT DISTINCT FROM found.mark
                ORDER BY parked.topic, parked.partition, parked."offset", parked.timestamp
                  FOR UPDATE OF parked)
        RETURNING {COLUMNS}
        """,  # noqa: S608 - constants
        mark,
        by,
        reason,
        [row.topic for row in rows],
        [row.partition for row in rows],
        [row.offset for row in rows],
        [row.timestamp for row in rows],
        [row.mark for row in rows],
    )
    return sorted(map(_parked, marked), key=lambda row: (row.parked_at, row.topic, row.partition, row.offset))


def _parts(wanted: Wanted) -> tuple[object, ...]:
    place = (wanted.place.topic, wanted.place.partition, wanted.place.offset) if wanted.place else (None, None, None)
    return (wanted.topic, wanted.reason, wanted.type, wanted.subject, wanted.since, *place)


def _parked(row: asyncpg.Record) -> Parked:
    return Parked(*(row[name] for name in Parked.__dataclass_fields__))
