"""Router's state for a listener that is new or was away: `python -m services.router.restate LISTENER`."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from uuid import UUID

import typer
from asyncpg import Record

from shared.contracts import Event
from shared.database import Connection
from shared.events import (
    DirectoryReleased,
    OrganisationClosed,
    OrganisationListed,
    RoutedTeam,
    StoryRouted,
    StoryUnheard,
    TeamClosed,
    TeamListed,
)
from shared.ids import stories_of
from shared.restating import Fact, command, named


async def restate(connection: Connection, subjects: Sequence[str]) -> Sequence[Fact]:
    """The directory's nodes and teams as they stand, and each story's routes as one fact."""
    stories = stories_of(subjects)
    return [
        *await _organisations(connection, named("organisation", subjects)),
        *await _teams(connection, named("team", subjects)),
        *(await _release(connection) if named("directory", subjects) else ()),
        *_routed(await _route_rows(connection, stories)),
        *_unheard(await _unheard_rows(connection, stories)),
    ]


async def _organisations(connection: Connection, codes: Sequence[str]) -> Iterable[Fact]:
    """A node that was announced and is no longer there is closed."""
    rows = await connection.fetch(
        """
        SELECT asked.code, name, kind, parent,
               (SELECT coalesce(max(released_at), now()) FROM router.release) AS at
          FROM unnest($1::text[]) AS asked (code) LEFT JOIN router.organisation ON organisation.code = asked.code
         ORDER BY asked.code
        """,
        codes,
    )
    return [Fact(_node(row), row["at"]) for row in rows]


def _node(row: Record) -> Event:
    if row["name"] is None:
        return OrganisationClosed(organisation=row["code"])
    return OrganisationListed(organisation=row["code"], name=row["name"], kind=row["kind"], parent=row["parent"])


async def _teams(connection: Connection, codes: Sequence[str]) -> Iterable[Fact]:
    rows = await connection.fetch(
        """
        SELECT asked.code, name, organisation,
               (SELECT coalesce(max(released_at), now()) FROM router.release) AS at
          FROM unnest($1::text[]) AS asked (code) LEFT JOIN router.team ON team.code = asked.code
         ORDER BY asked.code
        """,
        codes,
    )
    return [Fact(_team(row), row["at"]) for row in rows]


def _team(row: Record) -> Event:
    if row["name"] is None:
        return TeamClosed(team=row["code"])
    return TeamListed(team=row["code"], name=row["name"], organisation=row["organisation"])


async def _release(connection: Connection) -> Iterable[Fact]:
    rows = await connection.fetch(
        """
        SELECT version, released_at, (SELECT count(*) FROM router.organisation) AS organisations,
               (SELECT count(*) FROM router.team) AS teams
          FROM router.release ORDER BY version DESC LIMIT 1
        """
    )
    return [
        Fact(
            DirectoryReleased(version=row["version"], organisations=row["organisations"], teams=row["teams"]),
            row["released_at"],
        )
        for row in rows
    ]


async def _unheard_rows(connection: Connection, stories: Sequence[UUID]) -> list[Record]:
    return await connection.fetch(
        "SELECT story, revision, services, since FROM router.unheard WHERE story = ANY ($1::uuid[]) ORDER BY story",
        stories,
    )


def _unheard(rows: Sequence[Record]) -> Iterable[Fact]:
    return [
        Fact(StoryUnheard(story=row["story"], revision=row["revision"], services=tuple(row["services"])), row["since"])
        for row in rows
    ]


async def _route_rows(connection: Connection, stories: Sequence[UUID]) -> list[Record]:
    """Names as the directory has them now; a team that is gone is named by its code."""
    return await connection.fetch(
        """
        SELECT story, route.team, coalesce(team.name, route.team) AS team_name,
               coalesce(team.organisation, route.team) AS organisation,
               coalesce(organisation.name, team.organisation, route.team) AS organisation_name,
               rule, evidence, path, subscription, revision, directory_version, routed_at
          FROM router.route
          LEFT JOIN router.team ON team.code = route.team
          LEFT JOIN router.organisation ON organisation.code = team.organisation
         WHERE story = ANY ($1::uuid[])
         ORDER BY story, route.team
        """,
        stories,
    )


def _routed(rows: Sequence[Record]) -> Iterable[Fact]:
    for story, of_story in groupby(rows, key=lambda row: row["story"]):
        routes = list(of_story)
        teams = tuple(RoutedTeam.model_validate(dict(row)) for row in routes)
        version = max(row["directory_version"] for row in routes)
        revision = max(row["revision"] for row in routes)
        routed = StoryRouted(story=story, revision=revision, teams=teams, directory_version=version)
        yield Fact(routed, min(row["routed_at"] for row in routes))


main = command("router", restate)

if __name__ == "__main__":
    typer.run(main)
