"""Responder's state for a listener that is new or was away: `python -m services.responder.restate LISTENER`."""

from collections.abc import Sequence
from uuid import UUID

import typer
from asyncpg import Record

from shared.database import Connection
from shared.events import ReplyOverdue, ReplyPublished, RouteDeclined, StoryHeard
from shared.ids import stories_of
from shared.restating import Fact, command


async def restate(connection: Connection, subjects: Sequence[str]) -> Sequence[Fact]:
    """Who has heard, who was late, who replied, and who said *not ours*; where that led is router's own state."""
    stories = stories_of(subjects)
    cases, replies = await _cases(connection, stories), await _replies(connection, stories)
    facts = [*_heard(cases), *_overdue(cases), *map(_reply, replies), *_declined(cases)]
    return sorted(facts, key=lambda fact: (fact.event.subject, fact.at))


async def _cases(connection: Connection, stories: Sequence[UUID]) -> list[Record]:
    return await connection.fetch(
        """
        SELECT story, team, team_name, heard_at, heard_role, declined_at, suggestion, due_at, overdue_at
          FROM responder.team_case WHERE story = ANY ($1::uuid[]) ORDER BY story, team
        """,
        stories,
    )


async def _replies(connection: Connection, stories: Sequence[UUID]) -> list[Record]:
    return await connection.fetch(
        """
        SELECT reply.story, reply, reply.team, team_name, organisation, text, signed_name, signed_role, claim,
               explanation, due, published_at
          FROM responder.reply JOIN responder.team_case USING (story, team)
         WHERE reply.story = ANY ($1::uuid[])
        """,
        stories,
    )


def _heard(cases: Sequence[Record]) -> list[Fact]:
    return [
        Fact(
            StoryHeard(story=row["story"], team=row["team"], team_name=row["team_name"], role=row["heard_role"]),
            row["heard_at"],
        )
        for row in cases
        if row["heard_role"]
    ]


def _overdue(cases: Sequence[Record]) -> list[Fact]:
    return [
        Fact(ReplyOverdue(story=row["story"], team=row["team"], due_at=row["due_at"]), row["overdue_at"])
        for row in cases
        if row["overdue_at"]
    ]


def _declined(cases: Sequence[Record]) -> list[Fact]:
    return [
        Fact(RouteDeclined(story=row["story"], team=row["team"], suggestion=row["suggestion"]), row["declined_at"])
        for row in cases
        if row["declined_at"]
    ]


def _reply(row: Record) -> Fact:
    return Fact(ReplyPublished.model_validate(dict(row)), row["published_at"])


main = command("responder", restate)

if __name__ == "__main__":
    typer.run(main)
