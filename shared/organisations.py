"""Organisations: who stands above whom, asked of the table `organisation` of the service's own schema.

It has `code` and `parent`. Router's is the directory itself; the others' are copies, kept by hearing
`organisation.listed` and `.closed`. A closed organisation stays where it was: what was its is still of those above.
"""

from collections.abc import Collection, Sequence

from shared.contracts import last_of_each
from shared.database import Connection
from shared.events import OrganisationClosed, OrganisationListed


async def above(connection: Connection, codes: Collection[str]) -> dict[str, frozenset[str]]:
    """Each of these organisations with all above it; one that is not known stands alone."""
    rows = await connection.fetch(
        """
        WITH RECURSIVE up (start, code) AS (
            SELECT code, code FROM unnest($1::text[]) AS asked (code)
             UNION
            SELECT start, parent FROM up JOIN organisation USING (code) WHERE parent IS NOT NULL
        )
        SELECT start, array_agg(code) AS above FROM up GROUP BY start
        """,
        list(codes),
    )
    return {row["start"]: frozenset(row["above"]) for row in rows}


async def within(connection: Connection, codes: Collection[str]) -> frozenset[str]:
    """All that any of these organisations belongs to, and they themselves."""
    return frozenset[str]().union(*(await above(connection, codes)).values())


async def below(connection: Connection, codes: Collection[str]) -> list[str]:
    """These organisations and all below them, in order; for lists of what is theirs."""
    rows = await connection.fetch(
        """
        WITH RECURSIVE down (code) AS (
            SELECT unnest($1::text[])
             UNION
            SELECT organisation.code FROM down JOIN organisation ON organisation.parent = down.code
        )
        SELECT code FROM down ORDER BY code
        """,
        list(codes),
    )
    return [row["code"] for row in rows]


async def each_below(connection: Connection, codes: Collection[str]) -> dict[str, frozenset[str]]:
    """Each of these organisations with all below it."""
    rows = await connection.fetch(
        """
        WITH RECURSIVE down (start, code) AS (
            SELECT code, code FROM unnest($1::text[]) AS asked (code)
             UNION
            SELECT start, organisation.code FROM down JOIN organisation ON organisation.parent = down.code
        )
        SELECT start, array_agg(code) AS below FROM down GROUP BY start
        """,
        list(codes),
    )
    return {row["start"]: frozenset(row["below"]) for row in rows}


async def keep(connection: Connection, listed: Sequence[OrganisationListed]) -> None:
    """Copies where organisations stand; an older fact never overwrites."""
    newest = last_of_each(listed)
    await connection.execute(
        """
        INSERT INTO organisation (code, parent, term, sequence)
        SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[])
        ON CONFLICT (code) DO UPDATE
           SET parent = excluded.parent, closed_at = NULL, term = excluded.term, sequence = excluded.sequence
         WHERE (organisation.term, organisation.sequence) < (excluded.term, excluded.sequence)
        """,
        [one.organisation for one in newest],
        [one.parent for one in newest],
        [one.envelope.term for one in newest],
        [one.envelope.sequence for one in newest],
    )


async def close(connection: Connection, closed: Sequence[OrganisationClosed]) -> None:
    """Notes that organisations are gone; they stay where they were, and an older fact never overwrites."""
    newest = last_of_each(closed)
    await connection.execute(
        """
        INSERT INTO organisation (code, closed_at, term, sequence)
        SELECT code, now(), term, sequence FROM unnest($1::text[], $2::bigint[], $3::bigint[])
            AS new (code, term, sequence)
        ON CONFLICT (code) DO UPDATE
           SET closed_at = now(), term = excluded.term, sequence = excluded.sequence
         WHERE (organisation.term, organisation.sequence) < (excluded.term, excluded.sequence)
        """,
        [one.organisation for one in newest],
        [one.envelope.term for one in newest],
        [one.envelope.sequence for one in newest],
    )
