"""Members: each service's copy of who was given which role, for whoever signs in there."""

from collections.abc import Sequence

from shared.contracts import last_of_each
from shared.database import Connection
from shared.events import MemberListed, MemberRemoved
from shared.sign_in.principal import Grant, MemberRole

ROLES = frozenset(MemberRole)


async def save_members(connection: Connection, members: Sequence[MemberListed]) -> None:
    """Keeps members as they now stand; an older fact never overwrites."""
    newest = last_of_each(members)
    await connection.execute(
        """
        INSERT INTO member (member, principal, role, organisation, team, frozen, term, sequence)
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::boolean[],
                             $7::bigint[], $8::bigint[])
        ON CONFLICT (member) DO UPDATE
           SET principal = excluded.principal, role = excluded.role, organisation = excluded.organisation,
               team = excluded.team, frozen = excluded.frozen, removed_at = NULL,
               term = excluded.term, sequence = excluded.sequence
         WHERE (member.term, member.sequence) < (excluded.term, excluded.sequence)
        """,
        [one.member for one in newest],
        [one.principal for one in newest],
        [one.role for one in newest],
        [one.organisation for one in newest],
        [one.team for one in newest],
        [one.frozen for one in newest],
        [one.envelope.term for one in newest],
        [one.envelope.sequence for one in newest],
    )


async def remove_members(connection: Connection, members: Sequence[MemberRemoved]) -> None:
    """Empties the rows of those who left and keeps the number of that fact, also where nothing was known of them."""
    newest = last_of_each(members)
    await connection.execute(
        """
        INSERT INTO member (member, removed_at, term, sequence)
        SELECT member, now(), term, sequence
          FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]) AS new (member, term, sequence)
        ON CONFLICT (member) DO UPDATE
           SET principal = NULL, role = NULL, organisation = NULL, team = NULL, frozen = false, removed_at = now(),
               term = excluded.term, sequence = excluded.sequence
         WHERE (member.term, member.sequence) < (excluded.term, excluded.sequence)
        """,
        [one.member for one in newest],
        [one.envelope.term for one in newest],
        [one.envelope.sequence for one in newest],
    )


async def grants_of(connection: Connection, subject: str) -> frozenset[Grant]:
    """What this principal was given as a member; a frozen member has nothing, and a role that is new here is none."""
    rows = await connection.fetch(
        """
        SELECT role, organisation, team FROM member
         WHERE principal = $1 AND NOT frozen AND removed_at IS NULL AND role = ANY ($2::text[])
        """,
        subject,
        list(ROLES),
    )
    return frozenset(Grant(MemberRole(row["role"]), row["organisation"], row["team"]) for row in rows)
