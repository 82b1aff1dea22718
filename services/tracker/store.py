"""Tracker's SQL."""

from collections.abc import Sequence
from uuid import UUID

from asyncpg import Record

from services.tracker.rules import Change, Said, State, entries
from shared.contracts import StoryEvent
from shared.database import Connection
from shared.events import CommentReceived, Verdict

CHANGE = "change, story, team, state, what, due, step, made_at_step, judged_term, judged_sequence"


async def save_entries(connection: Connection, facts: Sequence[StoryEvent]) -> None:
    """Adds lines to timelines; a line that is there stays as it is, but of an author's words the last counts."""
    found = [(entry, fact.envelope.number) for fact in facts for entry in entries(fact)]
    lines = {(entry.story, entry.kind, entry.target): (entry, number) for entry, number in found}
    rows = [
        (entry.story, entry.kind, entry.target, entry.at, entry.detail, *number) for entry, number in lines.values()
    ]
    if rows:
        await connection.execute(
            """
            INSERT INTO tracker.entry (story, kind, target, at, detail, term, sequence)
            SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::jsonb[], $6::bigint[],
                                 $7::bigint[])
            ON CONFLICT (story, kind, target) DO UPDATE
               SET at = excluded.at, detail = excluded.detail, term = excluded.term, sequence = excluded.sequence
             WHERE entry.kind = 'verdict.given'
               AND (entry.term, entry.sequence) < (excluded.term, excluded.sequence)
            """,
            *(list(column) for column in zip(*rows, strict=True)),
        )


async def add_changes(connection: Connection, changes: Sequence[Change]) -> dict[UUID, Change]:
    """Adds changes; returns those that were not there."""
    if not changes:
        return {}
    rows = await connection.fetch(
        f"""
        INSERT INTO tracker.change (change, story, team, claimed, claimed_what, state, what, due, step, made_at_step,
                                    made_at)
        SELECT change, story, team, state, what, state, what, due, step, made_at_step,
               CASE WHEN made_at_step > 0 THEN now() END
          FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::date[], $7::integer[],
                      $8::integer[])
            AS new (change, story, team, state, what, due, step, made_at_step)
        ON CONFLICT (change) DO NOTHING
        RETURNING {CHANGE}
        """,  # noqa: S608 - the list of columns is a constant
        [one.change for one in changes],
        [one.story for one in changes],
        [one.team for one in changes],
        [one.state for one in changes],
        [one.what for one in changes],
        [one.due for one in changes],
        [one.step for one in changes],
        [one.made_at_step for one in changes],
    )
    return {row["change"]: _change(row) for row in rows}


async def changes(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, Change]:
    """Changes by their ids, in the order of their claims."""
    rows = await connection.fetch(
        f"SELECT {CHANGE} FROM tracker.change WHERE change = ANY ($1::uuid[]) ORDER BY claimed_at, change",  # noqa: S608 - as above
        ids,
    )
    return {row["change"]: _change(row) for row in rows}


async def save_changes(connection: Connection, changes: Sequence[Change]) -> None:
    """Keeps where changes now stand; of several rows of one change the last counts."""
    newest = list({one.change: one for one in changes}.values())
    if not newest:
        return
    await connection.execute(
        """
        UPDATE tracker.change
           SET state = new.state, what = new.what, step = new.step, made_at_step = new.made_at_step,
               moved_at = CASE WHEN new.step > change.step THEN now() ELSE moved_at END,
               made_at = CASE WHEN new.made_at_step > change.made_at_step THEN now() ELSE made_at END,
               judged_term = new.judged_term, judged_sequence = new.judged_sequence
          FROM unnest($1::uuid[], $2::text[], $3::text[], $4::integer[], $5::integer[], $6::bigint[],
                      $7::bigint[])
            AS new (change, state, what, step, made_at_step, judged_term, judged_sequence)
         WHERE change.change = new.change
        """,
        [one.change for one in newest],
        [one.state for one in newest],
        [one.what for one in newest],
        [one.step for one in newest],
        [one.made_at_step for one in newest],
        [one.judged[0] for one in newest],
        [one.judged[1] for one in newest],
    )


async def save_words(connection: Connection, words: Sequence[Said]) -> None:
    """Keeps the author's newest word on each change; it may come before the change."""
    newest = list({word.change: word for word in sorted(words, key=lambda word: word.number)}.values())
    await connection.execute(
        """
        INSERT INTO tracker.verdict (change, story, verdict, term, sequence)
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::bigint[])
        ON CONFLICT (change) DO UPDATE
           SET verdict = excluded.verdict, term = excluded.term, sequence = excluded.sequence
         WHERE (verdict.term, verdict.sequence) < (excluded.term, excluded.sequence)
        """,
        [word.change for word in newest],
        [word.story for word in newest],
        [word.verdict for word in newest],
        [word.number[0] for word in newest],
        [word.number[1] for word in newest],
    )


async def words(connection: Connection, changes: Sequence[UUID]) -> list[Said]:
    """What authors have said of these changes already."""
    rows = await connection.fetch(
        "SELECT change, story, verdict, term, sequence FROM tracker.verdict WHERE change = ANY ($1::uuid[])", changes
    )
    return [Said(row["change"], row["story"], Verdict(row["verdict"]), (row["term"], row["sequence"])) for row in rows]


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
    await connection.execute("DELETE FROM tracker.reader WHERE story = ANY ($1::uuid[])", stories)


# --- what the API shows ----------------------------------------------------------------------------


async def timeline(connection: Connection, story: UUID) -> list[Record]:
    """A story's lines, in the order in which things happened."""
    return await connection.fetch(
        "SELECT kind, target, at, recorded_at, detail FROM tracker.entry WHERE story = $1 ORDER BY at, kind, target",
        story,
    )


async def changes_of(connection: Connection, story: UUID) -> list[Record]:
    """Changes of a story, in order of ids."""
    return await connection.fetch(
        """
        SELECT change, story, team, state, what, due, claimed_at, made_at FROM tracker.change
         WHERE story = $1 ORDER BY change LIMIT 200
        """,
        story,
    )


async def comment_counts(connection: Connection, service: str) -> list[Record]:
    """How many comments gave which answer about a service."""
    return await connection.fetch(
        "SELECT answer, count(*) AS comments FROM tracker.comment WHERE service = $1 GROUP BY answer ORDER BY answer",
        service,
    )


def _change(row: Record) -> Change:
    return Change(
        row["change"],
        row["story"],
        row["team"],
        State(row["state"]),
        row["what"],
        row["due"],
        row["step"],
        row["made_at_step"],
        (row["judged_term"], row["judged_sequence"]),
    )
