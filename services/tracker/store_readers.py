"""Tracker's SQL about whose stories and changes are."""

from collections.abc import Sequence
from uuid import UUID

from asyncpg import Record

from services.tracker.readers import Reader
from services.tracker.rules import State
from shared.database import Connection
from shared.sign_in.whose import Listed


async def save_readers(connection: Connection, readers: Sequence[Reader]) -> None:
    """Notes whose teams a story came to; a team that is there stays as it is."""
    await connection.execute(
        """
        INSERT INTO tracker.reader (story, organisation, team)
        SELECT DISTINCT ON (story, team) story, organisation, team
          FROM unnest($1::uuid[], $2::text[], $3::text[]) AS new (story, organisation, team)
         ORDER BY story, team
        ON CONFLICT (story, team) DO NOTHING
        """,
        [one.story for one in readers],
        [one.organisation for one in readers],
        [one.team for one in readers],
    )


async def owners_of(connection: Connection, story: UUID) -> list[tuple[str, str]]:
    """(organisation, team) of each team that a story came to."""
    rows = await connection.fetch("SELECT organisation, team FROM tracker.reader WHERE story = $1 ORDER BY team", story)
    return [(row["organisation"], row["team"]) for row in rows]


async def organisation_of(connection: Connection, story: UUID, team: str) -> str | None:
    """Whose team it is that a story came to."""
    organisation: str | None = await connection.fetchval(
        "SELECT organisation FROM tracker.reader WHERE story = $1 AND team = $2", story, team
    )
    return organisation


async def changes_for(
    connection: Connection, theirs: Listed, state: State | None, after: UUID | None, limit: int
) -> list[Record]:
    """Their changes, perhaps in one state; in order of ids."""
    return await connection.fetch(
        """
        SELECT change, story, team, state, what, due, claimed_at, made_at
          FROM tracker.change LEFT JOIN tracker.reader USING (story, team)
         WHERE ($1 OR organisation = ANY ($2::text[])
                OR (organisation, team) IN (SELECT * FROM unnest($3::text[], $4::text[])))
           AND ($5::text IS NULL OR state = $5) AND ($6::uuid IS NULL OR change > $6)
         ORDER BY change LIMIT $7
        """,
        *theirs,
        state,
        after,
        limit,
    )
