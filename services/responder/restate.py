"""Responder's state for a listener that is new or was away: `python -m services.responder.restate LISTENER`."""

from collections.abc import Sequence
from uuid import UUID

import typer
from asyncpg import Record

from services.responder import store_members
from shared.database import Connection
from shared.events import (
    MemberListed,
    MemberRemoved,
    ReplyOverdue,
    ReplyPublished,
    RouteDeclined,
    StoryHeard,
    TeamStaffed,
    TeamUnstaffed,
)
from shared.ids import stories_of
from shared.restating import Fact, command, named


async def restate(connection: Connection, subjects: Sequence[str]) -> Sequence[Fact]:
    """Who has heard, who was late, who replied, and who said *not ours*; where that led is router's own state.

    Members as they stand, and of each team whether any of its own may answer.
    """
    stories = stories_of(subjects)
    cases, replies = await _cases(connection, stories), await _replies(connection, stories)
    about_members = [
        *map(_member, await _members(connection, named("member", subjects))),
        *await _staffing(connection, named("team", subjects)),
    ]
    facts = [*_heard(cases), *_overdue(cases), *map(_reply, replies), *_declined(cases), *about_members]
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


async def _members(connection: Connection, ids: Sequence[str]) -> list[Record]:
    return await connection.fetch(
        """
        SELECT member, principal, role, organisation, team, frozen, removed_at IS NOT NULL AS removed,
               coalesce((SELECT max(at) FROM responder.member_audit AS said WHERE said.member = member.member),
                        now()) AS at
          FROM member WHERE member = ANY ($1::uuid[])
        """,
        [UUID(one) for one in ids],
    )


async def _staffing(connection: Connection, teams: Sequence[str]) -> list[Fact]:
    staffed = await store_members.staffed(connection, teams)
    rows = await connection.fetch(
        """
        SELECT team, organisation,
               coalesce((SELECT max(at) FROM responder.member_audit AS said WHERE said.team = team.team), now()) AS at
          FROM responder.team WHERE team = ANY ($1::text[]) ORDER BY team
        """,
        teams,
    )
    return [_team(row, row["team"] in staffed) for row in rows]


def _team(row: Record, staffed: bool) -> Fact:
    said = {"team": row["team"], "organisation": row["organisation"]}
    return Fact(TeamStaffed(**said) if staffed else TeamUnstaffed(**said), row["at"])


def _member(row: Record) -> Fact:
    if row["removed"]:
        return Fact(MemberRemoved(member=row["member"]), row["at"])
    return Fact(MemberListed.model_validate(dict(row)), row["at"])


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
