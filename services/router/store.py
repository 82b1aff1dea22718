"""Router's SQL."""

from collections.abc import Sequence
from typing import Any, TypeVar
from uuid import UUID

from asyncpg import Record

from services.router.rules import (
    COMMISSIONERS,
    Directory,
    Files,
    Match,
    Organisation,
    Subscription,
    Team,
    is_unheard,
)
from shared.contracts import Event, StoryEvent, last_of_each
from shared.database import Connection
from shared.events import RouteDeclined, StoryPublished, TeamStaffed, TeamUnstaffed

Story = TypeVar("Story", bound=StoryEvent)


async def directory_for(connection: Connection, services: Sequence[str]) -> Directory:
    """The nodes at and above these services, the subscriptions there, and the nodes that their teams belong to."""
    await connection.execute("SELECT pg_advisory_xact_lock_shared(hashtextextended('router directory', 0))")
    nodes = await connection.fetch(
        """
        WITH RECURSIVE above AS (
            SELECT code, name, kind, parent FROM router.organisation WHERE code = ANY ($1::text[])
            UNION
            SELECT up.code, up.name, up.kind, up.parent
              FROM router.organisation AS up JOIN above ON up.code = above.parent)
        SELECT code, name, kind, parent FROM above
        UNION
        SELECT code, name, kind, parent FROM router.organisation
         WHERE code IN (SELECT team.organisation FROM router.team
                          JOIN router.subscription ON subscription.team = team.code
                         WHERE subscription.scope IN (SELECT code FROM above))
        """,
        sorted(set(services)),
    )
    return Directory(
        version=await version(connection),
        organisations={row["code"]: Organisation(*row) for row in nodes},
        subscriptions=await subscriptions_at(connection, [row["code"] for row in nodes]),
    )


async def version(connection: Connection) -> int:
    """The newest released version of the directory; 0 before the first."""
    number: int = await connection.fetchval("SELECT coalesce(max(version), 0) FROM router.release")
    return number


async def subscriptions_at(connection: Connection, scopes: Sequence[str]) -> list[Subscription]:
    """The subscriptions with one of these scopes."""
    rows = await connection.fetch(
        """
        SELECT subscription.code, team.code, team.name, team.organisation, subscription.scope,
               organisation.kind <> ALL ($2::text[]) AND coalesce(staffing.staffed, true)
          FROM router.subscription
          JOIN router.team ON team.code = subscription.team
          JOIN router.organisation ON organisation.code = team.organisation
          LEFT JOIN router.staffing ON staffing.team = team.code
         WHERE subscription.scope = ANY ($1::text[])
         ORDER BY subscription.code
        """,
        scopes,
        COMMISSIONERS,
    )
    return [Subscription(*row) for row in rows]


async def keep_newest(connection: Connection, state: str, stories: Sequence[Story]) -> list[Story]:
    """Moves stories to a state; returns the events that nothing newer has overtaken, the last of each story."""
    newest = last_of_each(stories)
    rows = await connection.fetch(
        """
        INSERT INTO router.story (story, state, term, sequence)
        SELECT story, $1, term, sequence
          FROM unnest($2::uuid[], $3::bigint[], $4::bigint[]) AS new (story, term, sequence)
        ON CONFLICT (story) DO UPDATE
           SET state = excluded.state, term = excluded.term, sequence = excluded.sequence
         WHERE (story.term, story.sequence) < (excluded.term, excluded.sequence)
        RETURNING story
        """,
        state,
        [story.story for story in newest],
        [story.envelope.term for story in newest],
        [story.envelope.sequence for story in newest],
    )
    current = {row["story"] for row in rows}
    return [story for story in newest if story.story in current]


async def save_routes(
    connection: Connection, stories: Sequence[StoryPublished], matches: Sequence[Sequence[Match]], directory: Directory
) -> None:
    """One row per story and team; stories that nobody listens to are kept beside them."""
    told = list(zip(stories, [story.revision for story in stories], matches, strict=True))
    await _insert_routes(connection, told, directory)
    alone = [story for story, _, found in told if is_unheard(found)]
    await connection.execute(
        """
        INSERT INTO router.unheard (story, revision, services, term, sequence)
        SELECT story, revision, string_to_array(services, ' '), term, sequence
          FROM unnest($1::uuid[], $2::integer[], $3::text[], $4::bigint[], $5::bigint[])
            AS new (story, revision, services, term, sequence)
        ON CONFLICT (story) DO NOTHING
        """,
        [story.story for story in alone],
        [story.revision for story in alone],
        [" ".join(story.services) for story in alone],
        [story.envelope.term for story in alone],
        [story.envelope.sequence for story in alone],
    )


async def add_routes(
    connection: Connection, declined: Sequence[RouteDeclined], matches: Sequence[Sequence[Match]], directory: Directory
) -> list[tuple[UUID, int, Sequence[Match]]]:
    """Adds the teams of suggestions; returns (story, revision, matches) of those that are new."""
    revisions = await _revisions(connection, [one.story for one in declined])
    told = [(one, revisions.get(one.story, 1), found) for one, found in zip(declined, matches, strict=True)]
    new = await _insert_routes(connection, told, directory)
    heard = [one.story for one, _, found in told if not is_unheard(found)]
    await connection.execute("DELETE FROM router.unheard WHERE story = ANY ($1::uuid[])", heard)
    fresh = []
    for one, revision, found in told:
        mine = [match for match in found if (one.story, match.subscription.team) in new]
        new -= {(one.story, match.subscription.team) for match in mine}  # another team may have suggested the same
        fresh.append((one.story, revision, mine))
    return [(story, revision, mine) for story, revision, mine in fresh if mine]


async def _revisions(connection: Connection, stories: Sequence[UUID]) -> dict[UUID, int]:
    rows = await connection.fetch(
        "SELECT story, max(revision) AS revision FROM router.route WHERE story = ANY ($1::uuid[]) GROUP BY story",
        stories,
    )
    return {row["story"]: row["revision"] for row in rows}


Told = Sequence[tuple[Any, int, Sequence[Match]]]
"""An event about a story, the story's revision, and whom it should reach."""


async def _insert_routes(connection: Connection, told: Told, directory: Directory) -> set[tuple[UUID, str]]:
    rows = [_route_row(event, revision, match) for event, revision, found in told for match in found]
    if not rows:
        return set()
    inserted = await connection.fetch(
        """
        INSERT INTO router.route
               (story, team, revision, subscription, rule, evidence, path, directory_version, term, sequence)
        SELECT story, team, revision, subscription, rule, evidence, string_to_array(path, E'\\x1f'), $10,
               term, sequence
          FROM unnest($1::uuid[], $2::text[], $3::integer[], $4::text[], $5::text[], $6::text[], $7::text[],
                      $8::bigint[], $9::bigint[])
            AS new (story, team, revision, subscription, rule, evidence, path, term, sequence)
        ON CONFLICT (story, team) DO NOTHING
        RETURNING story, team
        """,
        *(list(column) for column in zip(*rows, strict=True)),
        directory.version,
    )
    return {(row["story"], row["team"]) for row in inserted}


def _route_row(event: Any, revision: int, match: Match) -> tuple[object, ...]:
    number: Event = event
    return (
        event.story,
        match.subscription.team,
        revision,
        match.subscription.code,
        match.rule,
        match.evidence,
        "\x1f".join(match.path),
        number.envelope.term,
        number.envelope.sequence,
    )


async def published(connection: Connection, stories: Sequence[UUID]) -> set[UUID]:
    """Which of these stories are out: neither withdrawn nor erased."""
    rows = await connection.fetch(
        "SELECT story FROM router.story WHERE story = ANY ($1::uuid[]) AND state = 'published'", stories
    )
    return {row["story"] for row in rows}


async def mark_declined(connection: Connection, declined: Sequence[RouteDeclined]) -> None:
    """Notes that teams said *not ours*."""
    await connection.execute(
        """
        UPDATE router.route SET declined_at = coalesce(declined_at, now())
          FROM unnest($1::uuid[], $2::text[]) AS new (story, team)
         WHERE route.story = new.story AND route.team = new.team
        """,
        [one.story for one in declined],
        [one.team for one in declined],
    )


async def forget_stories(connection: Connection, stories: Sequence[UUID]) -> None:
    """Deletes everything about erased stories."""
    await connection.execute("DELETE FROM router.route WHERE story = ANY ($1::uuid[])", stories)
    await connection.execute("DELETE FROM router.story WHERE story = ANY ($1::uuid[])", stories)
    await connection.execute("DELETE FROM router.unheard WHERE story = ANY ($1::uuid[])", stories)


# --- who listens ------------------------------------------------------------------------------------


async def save_staffing(connection: Connection, teams: Sequence[TeamStaffed | TeamUnstaffed]) -> list[str]:
    """Keeps what was last said of teams, never an older fact; returns those that are staffed from now on.

    Routing waits: a story that is being sent to an empty team is found by `hear_at_last`.
    """
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('router directory', 0))")
    newest = last_of_each(teams)
    rows = await connection.fetch(
        """
        INSERT INTO router.staffing (team, staffed, term, sequence)
        SELECT * FROM unnest($1::text[], $2::boolean[], $3::bigint[], $4::bigint[])
        ON CONFLICT (team) DO UPDATE
           SET staffed = excluded.staffed, term = excluded.term, sequence = excluded.sequence
         WHERE (staffing.term, staffing.sequence) < (excluded.term, excluded.sequence)
        RETURNING team, staffed
        """,
        [one.team for one in newest],
        [isinstance(one, TeamStaffed) for one in newest],
        [one.envelope.term for one in newest],
        [one.envelope.sequence for one in newest],
    )
    return [row["team"] for row in rows if row["staffed"]]


async def hear_at_last(connection: Connection, teams: Sequence[str]) -> None:
    """Stories that were sent to these teams while nobody listened are no longer kept as unheard."""
    await connection.execute(
        """
        DELETE FROM router.unheard
         WHERE story IN (SELECT route.story FROM router.route
                           JOIN router.team ON team.code = route.team
                           JOIN router.organisation ON organisation.code = team.organisation
                          WHERE route.team = ANY ($1::text[]) AND declined_at IS NULL AND kind <> ALL ($2::text[]))
        """,
        teams,
        COMMISSIONERS,
    )


# --- what the API shows ----------------------------------------------------------------------------


async def story(connection: Connection, story: UUID) -> Record | None:
    """Where a story stands."""
    return await connection.fetchrow("SELECT state FROM router.story WHERE story = $1", story)


async def owners_of(connection: Connection, story: UUID) -> list[tuple[str, str]]:
    """(organisation, team) of each team that a story was sent to and that is still in the directory."""
    rows = await connection.fetch(
        """
        SELECT organisation, route.team FROM router.route JOIN router.team ON team.code = route.team
         WHERE story = $1 ORDER BY route.team
        """,
        story,
    )
    return [(row["organisation"], row["team"]) for row in rows]


async def routes_of(connection: Connection, story: UUID) -> list[Record]:
    """The routes of one story."""
    return await connection.fetch(
        """
        SELECT route.team, coalesce(team.name, route.team) AS team_name, rule, evidence, path,
               declined_at IS NOT NULL AS declined
          FROM router.route LEFT JOIN router.team ON team.code = route.team
         WHERE story = $1 ORDER BY route.team
        """,
        story,
    )


async def organisation(connection: Connection, code: str) -> Record | None:
    """One node with its children, and whether a team listens to it or to a node above it."""
    return await connection.fetchrow(
        """
        WITH RECURSIVE above AS (
            SELECT code, parent FROM router.organisation WHERE code = $1
            UNION
            SELECT up.code, up.parent FROM router.organisation AS up JOIN above ON up.code = above.parent)
        SELECT code, name, kind, parent,
               ARRAY (SELECT child.code FROM router.organisation AS child
                       WHERE child.parent = organisation.code ORDER BY child.code) AS children,
               EXISTS (SELECT FROM router.subscription
                         JOIN router.team ON team.code = subscription.team
                         JOIN router.organisation AS whose ON whose.code = team.organisation
                         LEFT JOIN router.staffing ON staffing.team = team.code
                        WHERE scope IN (SELECT code FROM above)
                          AND whose.kind <> ALL ($2::text[]) AND coalesce(staffing.staffed, true)) AS listened_to
          FROM router.organisation
         WHERE code = $1
        """,
        code,
        COMMISSIONERS,
    )


# --- the directory's files ------------------------------------------------------------------------


async def organisations(connection: Connection) -> dict[str, Organisation]:
    """The whole tree, by code."""
    rows = await connection.fetch("SELECT code, name, kind, parent FROM router.organisation")
    return {row["code"]: Organisation(*row) for row in rows}


async def teams(connection: Connection) -> dict[str, Team]:
    """All teams, by code."""
    rows = await connection.fetch("SELECT code, name, organisation FROM router.team")
    return {row["code"]: Team(*row) for row in rows}


async def subscriptions(connection: Connection) -> set[tuple[str, str, str]]:
    """All standing interests, as (code, team, scope)."""
    rows = await connection.fetch("SELECT code, team, scope FROM router.subscription")
    return {(row["code"], row["team"], row["scope"]) for row in rows}


async def replace_directory(connection: Connection, files: Files) -> None:
    """Puts the files' rows in the place of what is there, at once; routing waits, and never sees half of it."""
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('router directory', 0))")
    await connection.execute("DELETE FROM router.subscription")
    await connection.execute("DELETE FROM router.team")
    await connection.execute("DELETE FROM router.organisation")
    await connection.executemany(
        "INSERT INTO router.organisation (code, name, kind, parent) VALUES ($1, $2, $3, $4)",
        [(one.code, one.name, one.kind, one.parent) for one in files.organisations.values()],
    )
    await connection.executemany(
        "INSERT INTO router.team (code, name, organisation) VALUES ($1, $2, $3)",
        [(one.code, one.name, one.organisation) for one in files.teams.values()],
    )
    await connection.executemany(
        "INSERT INTO router.subscription (code, team, scope) VALUES ($1, $2, $3)",
        files.subscriptions,
    )


async def release(connection: Connection) -> int:
    """Closes a version and says its number."""
    number: int = await connection.fetchval(
        "INSERT INTO router.release (version) SELECT coalesce(max(version), 0) + 1 FROM router.release"
        " RETURNING version"
    )
    return number
