"""Threads: one row per subject. Locking the row is locking the story.

Lock order everywhere: positions, threads, then parked, timer and delivery rows, each sorted, one statement each.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from shared.database import Connection

Number = tuple[int, int]
"""(term, sequence), compared as a pair."""


class NeedsThreads(Exception):
    """Not all threads that are needed are locked: begin the transaction again, with these added to its set."""

    def __init__(self, subjects: set[str]) -> None:
        super().__init__("begin again with more threads")
        self.subjects = subjects


@dataclass(slots=True)
class Thread:
    """A locked thread, as it was read and as this transaction has moved it on."""

    subject: str
    term: int = 0
    announced: int = 0
    erased: bool = False
    heard: dict[str, Sequence[int]] = field(default_factory=dict)
    moved: bool = False

    def heard_from(self, announcer: str) -> Number:
        """The highest number heard of this announcer; (0, 0) before the first."""
        term, sequence = self.heard.get(announcer, (0, 0))
        return (term, sequence)

    def hear(self, announcer: str, number: Number) -> None:
        """Counts a fact as heard, whatever becomes of it."""
        if number > self.heard_from(announcer):
            self.heard[announcer] = number
            self.moved = True

    def next_number(self, term: int) -> Number:
        """The number of the next announcement; `term` is the connection's."""
        self.term = max(self.term, term)
        self.announced += 1
        self.moved = True
        return (self.term, self.announced)


async def lock(connection: Connection, subjects: Iterable[str]) -> dict[str, Thread]:
    """Locks the threads of these subjects, in order, and makes those that are missing; or `NeedsThreads`."""
    wanted = sorted(set(subjects))
    if not wanted:
        return {}
    rows = await connection.fetch(
        """
        WITH made AS (
            INSERT INTO thread (subject) SELECT unnest($1::text[])
            ON CONFLICT (subject) DO NOTHING
            RETURNING subject, term, announced, false AS erased, heard
        ), there AS (
            SELECT subject, term, announced, erased_at IS NOT NULL AS erased, heard
              FROM thread
             WHERE subject = ANY ($1::text[])
             ORDER BY subject COLLATE "C"
               FOR UPDATE
        )
        SELECT * FROM made UNION ALL SELECT * FROM there  -- what is new is made before anything is waited for
        """,
        wanted,
    )
    if len(rows) < len(wanted):  # another transaction has just made one; waiting for it now would be out of order
        raise NeedsThreads(set())
    return {row["subject"]: Thread(*row) for row in rows}


async def save(connection: Connection, threads: Sequence[Thread]) -> None:
    """Writes the threads that have moved."""
    moved = [thread for thread in threads if thread.moved]
    if not moved:
        return
    await connection.execute(
        """
        UPDATE thread
           SET term = new.term,
               announced = new.announced,
               heard = new.heard,
               erased_at = CASE WHEN new.erased THEN coalesce(thread.erased_at, now()) END
          FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::jsonb[], $5::boolean[])
            AS new (subject, term, announced, heard, erased)
         WHERE thread.subject = new.subject
        """,
        [thread.subject for thread in moved],
        [thread.term for thread in moved],
        [thread.announced for thread in moved],
        [thread.heard for thread in moved],
        [thread.erased for thread in moved],
    )
