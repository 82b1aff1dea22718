"""Tracker's SQL."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from asyncpg import Record

from services.tracker.rules import Change, State, entries, judged
from shared.contracts import StoryEvent
from shared.database import Connection
from shared.events import CommentReceived, VerdictGiven

CHANGE = "change.change, change.story, change.team, change.state, change.what, change.due"


async def save_entries(connection: Connection, facts: Sequence[StoryEvent]) -> None:
    """Adds lines to timelines; a line that is there stays as it is."""
    rows = [
        (entry.story, entry.kind, entry.target, entry.at, entry.detail, fact.envelope.term, fact.envelope.sequence)
        for fact in facts
        for entry in entries(fact)
    ]
    if rows:
        await connection.execute(
            """
            INSERT INTO tracker.entry (story, kind, target, at, detail, term, sequence)
            SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::jsonb[], $6::bigint[],
                                 $7::bigint[])
            ON CONFLICT (story, kind, target) DO NOTHING
            """,
            *(list(column) for column in zip(*rows, strict=True)),
        )


async def add_changes(connection: Connection, changes: Sequence[Change]) -> list[Change]:
    """Adds changes; returns those that were not there."""
    if not changes:
        return []
    rows = await connection.fetch(
        f"""
        INSERT INTO tracker.change (change, story, team, state, what, due, made_at)
        SELECT change, story, team, state, what, due, CASE WHEN state = 'made' THEN now() END
          FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::date[])
            AS new (change, story, team, state, what, due)
        ON CONFLICT (change) DO NOTHING
        RETURNING {CHANGE}
        """,  # noqa: S608 - the list of columns is a constant
        [one.change for one in changes],
        [one.story for one in changes],
        [one.team for one in changes],
        [one.state for one in changes],
        [one.what for one in changes],
        [one.due for one in changes],
    )
    return [_change(row) for row in rows]


async def changes(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, Change]:
    """Changes by their ids."""
    rows = await connection.fetch(
        f"SELECT {CHANGE} FROM tracker.change WHERE change = ANY ($1::uuid[])",  # noqa: S608 - as above
        ids,
    )
    return {row["change"]: _change(row) for row in rows}


async def save_verdicts(connection: Connection, verdicts: Sequence[VerdictGiven]) -> None:
    """Keeps the newest verdict about each change."""
    newest = list({verdict.change: verdict for verdict in verdicts if judged(verdict.verdict)}.values())
    await connection.execute(
        """
        INSERT INTO tracker.verdict (change, story, state, term, sequence)
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::bigint[])
        ON CONFLICT (change) DO UPDATE
           SET state = excluded.state, term = excluded.term, sequence = excluded.sequence
         WHERE (verdict.term, verdict.sequence) < (excluded.term, excluded.sequence)
        """,
        [one.change for one in newest],
        [one.story for one in newest],
        [judged(one.verdict) for one in newest],
        [one.envelope.term for one in newest],
        [one.envelope.sequence for one in newest],
    )


async def judge_changes(connection: Connection, ids: Sequence[UUID]) -> list[Change]:
    """Moves those of these changes whose author has said something new; returns them.

    A plan can be disputed, but it is confirmed only once it is made: until then its clock goes on.
    """
    rows = await connection.fetch(
        f"""
        UPDATE tracker.change
           SET state = verdict.state, judged_term = verdict.term, judged_sequence = verdict.sequence
          FROM tracker.verdict
         WHERE change.change = ANY ($1::uuid[]) AND verdict.change = change.change
           AND (verdict.state = 'disputed' OR change.state NOT IN ('planned', 'missed'))
           AND (change.judged_term, change.judged_sequence) < (verdict.term, verdict.sequence)
        RETURNING {CHANGE}
        """,  # noqa: S608 - the list of columns is a constant
        ids,
    )
    return [_change(row) for row in rows]


async def miss_changes(connection: Connection, ids: Sequence[str], today: date) -> list[Change]:
    """Moves planned changes whose day is over to missed; returns them."""
    rows = await connection.fetch(
        f"""
        UPDATE tracker.change SET state = 'missed'
         WHERE change = ANY ($1::uuid[]) AND state = 'planned' AND due < $2
        RETURNING {CHANGE}
        """,  # noqa: S608 - as above
        ids,
        today,
    )
    return [_change(row) for row in rows]


async def make_change(connection: Connection, change: UUID, what: str) -> Change | None:
    """Reports a change as made; None if it cannot be now."""
    row = await connection.fetchrow(
        f"""
        UPDATE tracker.change SET state = 'made', what = $2, made_at = now()
         WHERE change = $1 AND state IN ('planned', 'missed', 'disputed')
        RETURNING {CHANGE}
        """,  # noqa: S608 - as above
        change,
        what,
    )
    return _change(row) if row is not None else None


async def save_comments(connection: Connection, comments: Sequence[CommentReceived]) -> None:
    """Keeps what is counted of comments."""
    await connection.execute(
        """
        INSERT INTO tracker.comment (comment, service, answer, given_on)
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::integer[], $4::date[])
        ON CONFLICT (comment) DO NOTHING
        """,
        [comment.comment for comment in comments],
        [comment.service for comment in comments],
        [comment.answer for comment in comments],
        [comment.given_on for comment in comments],
    )


async def forget_stories(connection: Connection, stories: Sequence[UUID]) -> None:
    """Deletes everything about erased stories."""
    await connection.execute("DELETE FROM tracker.entry WHERE story = ANY ($1::uuid[])", stories)
    await connection.execute("DELETE FROM tracker.verdict WHERE story = ANY ($1::uuid[])", stories)
    await connection.execute("DELETE FROM tracker.change WHERE story = ANY ($1::uuid[])", stories)


# --- what the API shows ----------------------------------------------------------------------------


async def timeline(connection: Connection, story: UUID) -> list[Record]:
    """A story's lines, in the order in which things happened."""
    return await connection.fetch(
        "SELECT kind, target, at, recorded_at, detail FROM tracker.entry WHERE story = $1 ORDER BY at, kind, target",
        story,
    )


async def changes_of(
    connection: Connection, story: UUID | None, state: State | None, after: UUID | None, limit: int
) -> list[Record]:
    """Changes of a story, or of all, perhaps in one state; in order of ids."""
    return await connection.fetch(
        f"""
        SELECT {CHANGE}, claimed_at, made_at FROM tracker.change
         WHERE ($1::uuid IS NULL OR story = $1) AND ($2::text IS NULL OR state = $2)
           AND ($3::uuid IS NULL OR change > $3)
         ORDER BY change LIMIT $4
        """,  # noqa: S608 - as above
        story,
        state,
        after,
        limit,
    )


async def comment_counts(connection: Connection, service: str) -> list[Record]:
    """How many comments gave which answer about a service."""
    return await connection.fetch(
        "SELECT answer, count(*) AS comments FROM tracker.comment WHERE service = $1 GROUP BY answer ORDER BY answer",
        service,
    )


def _change(row: Record) -> Change:
    return Change(row["change"], row["story"], row["team"], State(row["state"]), row["what"], row["due"])
