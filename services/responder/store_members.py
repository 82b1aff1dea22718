"""Responder's SQL for members. Their roles stand in the table `member` that every service has."""

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from asyncpg import Record

from services.responder.members import ANSWERING, Member, State, Step
from shared.database import Connection
from shared.events import OrganisationRole

Only = Mapping[str, str | None]
"""What a list is narrowed to: perhaps a team, role or state."""
SELECT = """
    SELECT member.member, principal, organisation, team, role,
           CASE WHEN removed_at IS NOT NULL THEN 'left' WHEN frozen THEN 'frozen' ELSE 'active' END AS state,
           person, name, email
      FROM member LEFT JOIN responder.person ON person.member = member.member
"""


async def members(connection: Connection, organisation: str, ids: Sequence[UUID]) -> dict[UUID, Member]:
    """These members of an organisation, also those that have left; a member of another one is not there."""
    rows = await connection.fetch(
        SELECT + "WHERE organisation = $1 AND member.member = ANY ($2::uuid[])", organisation, ids
    )
    return {row["member"]: _member(row) for row in rows}


async def page(
    connection: Connection, organisation: str, only: Only, after: UUID | None = None, limit: int | None = None
) -> list[Member]:
    """Members of an organisation in order of ids, after the given one; `only` may name a team, role or state."""
    rows = await connection.fetch(
        SELECT
        + """
         WHERE organisation = $1
           AND ($2::text IS NULL OR team = $2)
           AND ($3::text IS NULL OR role = $3)
           AND ($4::text IS NULL OR $4 = CASE WHEN removed_at IS NOT NULL THEN 'left'
                                              WHEN frozen THEN 'frozen' ELSE 'active' END)
           AND ($5::uuid IS NULL OR member.member > $5)
         ORDER BY member.member LIMIT $6
        """,
        *_asked(organisation, only, after, limit),
    )
    return [_member(row) for row in rows]


async def by_name(
    connection: Connection, organisation: str, only: Only, after: UUID | None = None, limit: int | None = None
) -> list[Member]:
    """The same in order of names, for people; those who have left are there only if that is asked for."""
    rows = await connection.fetch(
        SELECT  # noqa: S608 - both parts stand in this file
        + """
         WHERE organisation = $1
           AND ($2::text IS NULL OR team = $2)
           AND ($3::text IS NULL OR role = $3)
           AND coalesce($4, 'here') IN (CASE WHEN removed_at IS NOT NULL THEN 'left'
                                             WHEN frozen THEN 'frozen' ELSE 'active' END,
                                        CASE WHEN removed_at IS NULL THEN 'here' END)
           AND ($5::uuid IS NULL OR (lower(coalesce(name, '')), member.member)
                > (SELECT lower(coalesce(name, '')), $5 FROM member AS last LEFT JOIN responder.person USING (member)
                    WHERE last.member = $5 AND organisation = $1))
         ORDER BY lower(coalesce(name, '')), member.member LIMIT $6
        """,
        *_asked(organisation, only, after, limit),
    )
    return [_member(row) for row in rows]


def _asked(organisation: str, only: Only, after: UUID | None, limit: int | None) -> tuple[object, ...]:
    return organisation, only.get("team"), only.get("role"), only.get("state"), after, limit


def _member(row: Record) -> Member:
    fields = dict(row) | {"role": OrganisationRole(row["role"]), "state": State(row["state"])}
    return Member(**fields)


async def administrators(connection: Connection, organisation: str) -> set[UUID]:
    """Who keeps the members of a whole organisation at present."""
    rows = await connection.fetch(
        """
        SELECT member FROM member
         WHERE organisation = $1 AND team IS NULL AND role = 'administrator' AND NOT frozen AND removed_at IS NULL
        """,
        organisation,
    )
    return {row["member"] for row in rows}


async def teams_of(connection: Connection, organisation: str) -> dict[str, str]:
    """The organisation's own teams that are not closed, code to name, in order of names."""
    rows = await connection.fetch(
        "SELECT team, name FROM responder.team WHERE organisation = $1 AND closed_at IS NULL ORDER BY name, team",
        organisation,
    )
    return {row["team"]: row["name"] for row in rows}


async def places(connection: Connection, teams: Collection[str]) -> dict[str, str]:
    """Which organisation each of these teams belongs to, or belonged to when it was closed."""
    rows = await connection.fetch(
        "SELECT team, organisation FROM responder.team WHERE team = ANY ($1::text[])", list(teams)
    )
    return {row["team"]: row["organisation"] for row in rows}


async def staffed(connection: Connection, teams: Collection[str]) -> set[str]:
    """Which of these teams have somebody of their own who may answer; a team that has moved has lost its people."""
    rows = await connection.fetch(
        """
        SELECT DISTINCT member.team
          FROM member JOIN responder.team ON team.team = member.team AND team.organisation = member.organisation
         WHERE member.team = ANY ($1::text[]) AND closed_at IS NULL
           AND role = ANY ($2::text[]) AND NOT frozen AND removed_at IS NULL
        """,
        list(teams),
        ANSWERING,
    )
    return {row["team"] for row in rows}


# --- what is written --------------------------------------------------------------------------------


async def save(connection: Connection, steps: Sequence[Step]) -> None:
    """Keeps members as they stand after these steps."""
    after = [step.after for step in steps]
    await connection.execute(
        """
        INSERT INTO member (member, principal, role, organisation, team, frozen, removed_at)
        SELECT member, principal, role, organisation, team, state = 'frozen', CASE WHEN state = 'left' THEN now() END
          FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
            AS new (member, principal, role, organisation, team, state)
        ON CONFLICT (member) DO UPDATE
           SET role = excluded.role, frozen = excluded.frozen, removed_at = excluded.removed_at
        """,
        [one.member for one in after],
        [one.principal for one in after],
        [one.role for one in after],
        [one.organisation for one in after],
        [one.team for one in after],
        [one.state for one in after],
    )


async def save_people(connection: Connection, steps: Sequence[Step], by: str) -> None:
    """Keeps what these members are called; who is forgotten already stays so."""
    known = [step.after for step in steps if step.after.person is not None]
    await connection.execute(
        """
        INSERT INTO responder.person (member, person, name, email, changed_by)
        SELECT *, $5::text FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[])
        ON CONFLICT (member) DO UPDATE
           SET person = excluded.person, name = excluded.name, email = excluded.email,
               changed_at = now(), changed_by = excluded.changed_by
        """,
        [one.member for one in known],
        [one.person for one in known],
        [one.name for one in known],
        [one.email for one in known],
        by,
    )


async def note(connection: Connection, by: str, done: Sequence[tuple[str, Member]]) -> None:
    """Adds to the audit who did what to whom."""
    await connection.execute(
        """
        INSERT INTO responder.member_audit (by, what, member, principal, organisation, team, role)
        SELECT $1, * FROM unnest($2::text[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[])
        """,
        by,
        [what for what, _ in done],
        [one.member for _, one in done],
        [one.principal for _, one in done],
        [one.organisation for _, one in done],
        [one.team for _, one in done],
        [one.role for _, one in done],
    )


async def forget(connection: Connection, ids: Sequence[UUID]) -> list[Member]:
    """Deletes what these were called, where they have left; returns them without it."""
    rows = await connection.fetch(
        """
        DELETE FROM responder.person USING member
         WHERE person.member = member.member AND person.member = ANY ($1::uuid[]) AND removed_at IS NOT NULL
        RETURNING person.member, principal, organisation, team, role, 'left' AS state,
                  NULL AS person, NULL AS name, NULL AS email
        """,
        ids,
    )
    return [_member(row) for row in rows]
