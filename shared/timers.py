"""Timers: rows that become due by the database's clock, handled under their story's lock."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.database import Connection

AGAIN = timedelta(minutes=1)
"""How long a timer whose handler failed waits, times two for each failure."""


@dataclass(frozen=True, slots=True)
class Timer:
    """Something due; (subject, kind, target) is its key."""

    subject: str
    kind: str
    due_at: datetime
    target: str = ""


async def save(connection: Connection, timers: Sequence[Timer]) -> None:
    """Sets timers; one that is there keeps its time."""
    if timers:
        await connection.execute(
            """
            INSERT INTO timer (subject, kind, target, due_at)
            SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[])
            ON CONFLICT (subject, kind, target) DO NOTHING
            """,
            [timer.subject for timer in timers],
            [timer.kind for timer in timers],
            [timer.target for timer in timers],
            [timer.due_at for timer in timers],
        )


async def cancel(connection: Connection, keys: Sequence[tuple[str, str, str]]) -> None:
    """Takes timers off by (subject, kind, target)."""
    if keys:
        subjects, kinds, targets = (list(column) for column in zip(*keys, strict=True))
        await connection.execute(
            """
            DELETE FROM timer
             WHERE (subject, kind, target) IN (SELECT * FROM unnest($1::text[], $2::text[], $3::text[]))
            """,
            subjects,
            kinds,
            targets,
        )


async def waiting(connection: Connection, limit: int = 100) -> list[Timer]:
    """The timers that are due, without locking them: their threads are locked first."""
    rows = await connection.fetch(
        "SELECT subject, kind, due_at, target FROM timer WHERE due_at <= now() ORDER BY due_at LIMIT $1", limit
    )
    return [Timer(*row) for row in rows]


async def claim(connection: Connection, timers: Sequence[Timer]) -> list[Timer]:
    """Takes those of the timers that are still due and that nobody else is at; they are gone with the commit."""
    rows = await connection.fetch(
        """
        DELETE FROM timer
         WHERE (subject, kind, target) IN (
               SELECT subject, kind, target FROM timer
                WHERE (subject, kind, target) IN (SELECT * FROM unnest($1::text[], $2::text[], $3::text[]))
                  AND due_at <= now()
                ORDER BY subject, kind, target
                  FOR UPDATE SKIP LOCKED)
        RETURNING subject, kind, due_at, target
        """,
        [timer.subject for timer in timers],
        [timer.kind for timer in timers],
        [timer.target for timer in timers],
    )
    return sorted((Timer(*row) for row in rows), key=lambda timer: timer.due_at)


async def postpone(connection: Connection, timer: Timer) -> None:
    """Makes a timer whose handler failed due again later."""
    await connection.execute(
        """
        UPDATE timer
           SET failures = failures + 1, due_at = now() + $4::interval * power(2, least(failures, 10))
         WHERE (subject, kind, target) = ($1, $2, $3)
        """,
        timer.subject,
        timer.kind,
        timer.target,
        AGAIN,
    )
