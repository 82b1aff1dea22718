"""Responder's SQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from asyncpg import Record

from services.responder.rules import Case
from shared.contracts import StoryEvent, last_of_each
from shared.database import Connection
from shared.events import CommentReceived, ReplyPublished, StoryPublished, StoryRouted, TeamClosed, TeamListed
from shared.sign_in.whose import Listed

Story = TypeVar("Story", bound=StoryEvent)
CASE = """story, team, team_name, organisation, opened_at, due_at, heard_at, answered_at, declined_at, closed_at,
          overdue_at"""


async def keep_newest(connection: Connection, state: str, stories: Sequence[Story]) -> list[Story]:
    """Moves stories to a state; returns the events that nothing newer has overtaken, the last of each story."""
    newest = last_of_each(stories)
    rows = await connection.fetch(
        """
        INSERT INTO responder.story (story, state, term, sequence)
        SELECT story, $1, term, sequence
          FROM unnest($2::uuid[], $3::bigint[], $4::bigint[]) AS new (story, term, sequence)
        ON CONFLICT (story) DO UPDATE
           SET state = excluded.state, published = NULL, term = excluded.term, sequence = excluded.sequence
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


async def save_texts(connection: Connection, stories: Sequence[StoryPublished]) -> None:
    """Keeps what staff may read."""
    await connection.execute(
        """
        UPDATE responder.story SET published = new.published
          FROM unnest($1::uuid[], $2::jsonb[]) AS new (story, published)
         WHERE story.story = new.story AND state = 'published'
        """,
        [story.story for story in stories],
        [story.model_dump(mode="json") for story in stories],
    )


async def add_cases(connection: Connection, routed: Sequence[StoryRouted]) -> None:
    """One case for each story and team, not open yet."""
    rows = [
        (
            one.story,
            team.team,
            team.team_name,
            team.organisation,
            team.organisation_name,
            team.evidence,
            one.envelope.term,
            one.envelope.sequence,
        )
        for one in routed
        for team in one.teams
    ]
    if rows:
        await connection.execute(
            """
            INSERT INTO responder.team_case
                   (story, team, team_name, organisation, organisation_name, evidence, term, sequence)
            SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
                                 $7::bigint[], $8::bigint[])
            ON CONFLICT (story, team) DO NOTHING
            """,
            *(list(column) for column in zip(*rows, strict=True)),
        )


async def open_cases(connection: Connection, stories: Sequence[UUID], due_at: datetime) -> list[Case]:
    """Opens the cases of these stories that are both routed and published; returns those that opened now."""
    rows = await connection.fetch(
        f"""
        UPDATE responder.team_case SET opened_at = now(), due_at = $2
         WHERE opened_at IS NULL AND closed_at IS NULL
           AND story IN (SELECT story FROM responder.story
                          WHERE story = ANY ($1::uuid[]) AND state = 'published')
        RETURNING {CASE}
        """,  # noqa: S608 - the list of columns is a constant
        stories,
        due_at,
    )
    return [Case(*row) for row in rows]


async def placeholders(connection: Connection) -> int:
    """Cases that were routed more than ten minutes ago and whose story has not come."""
    count: int = await connection.fetchval(
        """
        SELECT count(*) FROM responder.team_case
         WHERE opened_at IS NULL AND routed_at < now() - interval '10 minutes'
           AND NOT EXISTS (SELECT FROM responder.story WHERE story.story = team_case.story)
        """
    )
    return count


async def delete_texts(connection: Connection, stories: Sequence[UUID]) -> None:
    """Staff no longer see these stories."""
    await connection.execute("UPDATE responder.story SET published = NULL WHERE story = ANY ($1::uuid[])", stories)


async def close_cases(connection: Connection, stories: Sequence[UUID]) -> None:
    """Nobody owes an answer any more."""
    await connection.execute(
        "UPDATE responder.team_case SET closed_at = now() WHERE story = ANY ($1::uuid[]) AND closed_at IS NULL",
        stories,
    )


async def forget_stories(connection: Connection, stories: Sequence[UUID]) -> None:
    """Deletes everything about erased stories."""
    await connection.execute("DELETE FROM responder.reply WHERE story = ANY ($1::uuid[])", stories)
    await connection.execute("DELETE FROM responder.team_case WHERE story = ANY ($1::uuid[])", stories)
    await connection.execute("DELETE FROM responder.story WHERE story = ANY ($1::uuid[])", stories)


async def save_comments(connection: Connection, comments: Sequence[CommentReceived]) -> None:
    """Keeps comments; one that is there stays as it is."""
    await connection.execute(
        """
        INSERT INTO responder.comment (comment, service, text, answer, given_on)
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::integer[], $5::date[])
        ON CONFLICT (comment) DO NOTHING
        """,
        [comment.comment for comment in comments],
        [comment.service for comment in comments],
        [comment.text for comment in comments],
        [comment.answer for comment in comments],
        [comment.given_on for comment in comments],
    )


async def save_teams(connection: Connection, teams: Sequence[TeamListed]) -> None:
    """Copies teams; an older fact never overwrites."""
    newest = last_of_each(teams)
    await connection.execute(
        """
        INSERT INTO responder.team (team, name, organisation, term, sequence)
        SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[])
        ON CONFLICT (team) DO UPDATE
           SET name = excluded.name, organisation = excluded.organisation, closed_at = NULL,
               term = excluded.term, sequence = excluded.sequence
         WHERE (team.term, team.sequence) < (excluded.term, excluded.sequence)
        """,
        [team.team for team in newest],
        [team.name for team in newest],
        [team.organisation for team in newest],
        [team.envelope.term for team in newest],
        [team.envelope.sequence for team in newest],
    )


async def close_teams(connection: Connection, teams: Sequence[TeamClosed]) -> None:
    """Notes that teams are gone; an older fact never overwrites."""
    newest = last_of_each(teams)
    await connection.execute(
        """
        UPDATE responder.team SET closed_at = now(), term = new.term, sequence = new.sequence
          FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS new (team, term, sequence)
         WHERE team.team = new.team AND (team.term, team.sequence) < (new.term, new.sequence)
        """,
        [team.team for team in newest],
        [team.envelope.term for team in newest],
        [team.envelope.sequence for team in newest],
    )


async def cases(connection: Connection, keys: Sequence[tuple[str, str]]) -> list[Case]:
    """The cases of these (subject, team)."""
    rows = await connection.fetch(
        f"""
        SELECT {CASE} FROM responder.team_case
         WHERE ('story/' || story, team) IN (SELECT * FROM unnest($1::text[], $2::text[]))
        """,  # noqa: S608 - the list of columns is a constant
        [subject for subject, _ in keys],
        [team for _, team in keys],
    )
    return [Case(*row) for row in rows]


# --- what staff do ---------------------------------------------------------------------------------


async def case(connection: Connection, story: UUID, team: str) -> Case | None:
    """One story at one team."""
    row = await connection.fetchrow(
        f"SELECT {CASE} FROM responder.team_case WHERE story = $1 AND team = $2",  # noqa: S608 - as above
        story,
        team,
    )
    return Case(*row) if row is not None else None


async def mark_heard(connection: Connection, case: Case, role: str) -> bool:
    """Notes that the team has opened the story; True the first time."""
    return (
        await connection.fetchval(
            """
            UPDATE responder.team_case SET heard_at = now(), heard_role = $3
             WHERE story = $1 AND team = $2 AND heard_at IS NULL
            RETURNING true
            """,
            case.story,
            case.team,
            role,
        )
        is not None
    )


async def mark_overdue(connection: Connection, cases: Sequence[Case]) -> None:
    """Notes that these were said to be overdue."""
    await connection.execute(
        """
        UPDATE responder.team_case SET overdue_at = now()
         WHERE (story, team) IN (SELECT * FROM unnest($1::uuid[], $2::text[]))
        """,
        [case.story for case in cases],
        [case.team for case in cases],
    )


async def mark_declined(connection: Connection, case: Case, suggestion: str | None) -> None:
    """Notes that the team said *not ours*."""
    await connection.execute(
        "UPDATE responder.team_case SET declined_at = now(), suggestion = $3 WHERE story = $1 AND team = $2",
        case.story,
        case.team,
        suggestion,
    )


async def save_reply(connection: Connection, reply: ReplyPublished) -> None:
    """Keeps a reply; its case is answered."""
    await connection.execute(
        """
        INSERT INTO responder.reply (reply, story, team, text, signed_name, signed_role, claim, explanation, due)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        """,
        reply.reply,
        reply.story,
        reply.team,
        reply.text,
        reply.signed_name,
        reply.signed_role,
        reply.claim,
        reply.explanation,
        reply.due,
    )
    await connection.execute(
        """
        UPDATE responder.team_case SET answered_at = coalesce(answered_at, now())
         WHERE story = $1 AND team = $2
        """,
        reply.story,
        reply.team,
    )


# --- what the API shows ----------------------------------------------------------------------------


async def teams(connection: Connection, theirs: Listed, after: str | None, limit: int) -> list[Record]:
    """Their teams that are not closed, in order of codes, after the given one."""
    return await connection.fetch(
        """
        SELECT team, name, organisation FROM responder.team
         WHERE closed_at IS NULL AND ($5::text IS NULL OR team > $5)
           AND ($1 OR organisation = ANY ($2::text[])
                OR (organisation, team) IN (SELECT * FROM unnest($3::text[], $4::text[])))
         ORDER BY team LIMIT $6
        """,
        *theirs,
        after,
        limit,
    )


async def organisation_of(connection: Connection, team: str) -> str | None:
    """Whose a team is: as the directory says, or as the last story's route did."""
    organisation: str | None = await connection.fetchval(
        """
        SELECT organisation FROM (
            SELECT organisation, true AS listed, now() AS at FROM responder.team WHERE team = $1
             UNION ALL
            SELECT organisation, false, routed_at FROM responder.team_case WHERE team = $1) AS said
         ORDER BY listed DESC, at DESC LIMIT 1
        """,
        team,
    )
    return organisation


async def inbox(connection: Connection, team: str, after: UUID | None, limit: int) -> list[Record]:
    """A team's open cases in order of story ids, after the given one."""
    return await connection.fetch(
        """
        SELECT team_case.story, published ->> 'title' AS title, (published ->> 'criticality')::integer AS criticality,
               evidence, opened_at, due_at, heard_at, answered_at, declined_at
          FROM responder.team_case JOIN responder.story ON story.story = team_case.story
         WHERE team = $1 AND opened_at IS NOT NULL AND closed_at IS NULL
           AND ($2::uuid IS NULL OR team_case.story > $2)
         ORDER BY team_case.story LIMIT $3
        """,
        team,
        after,
        limit,
    )


async def text(connection: Connection, story: UUID, team: str) -> Record | None:
    """What a team with an open case may read."""
    return await connection.fetchrow(
        """
        SELECT published, evidence, team_name
          FROM responder.team_case JOIN responder.story ON story.story = team_case.story
         WHERE team_case.story = $1 AND team = $2 AND opened_at IS NOT NULL AND published IS NOT NULL
        """,
        story,
        team,
    )


async def comments(connection: Connection, service: str, after: UUID | None, limit: int) -> list[Record]:
    """Comments about a service, in order of ids."""
    return await connection.fetch(
        """
        SELECT comment, text, answer, given_on FROM responder.comment
         WHERE service = $1 AND ($2::uuid IS NULL OR comment > $2) ORDER BY comment LIMIT $3
        """,
        service,
        after,
        limit,
    )
