"""Intake's SQL."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from asyncpg import Record, SerializationError

from services.intake.progress import lines
from services.intake.rules import Known, Publisher, State, Story, Submission
from shared.contracts import StoryEvent
from shared.database import Connection
from shared.events import CommentOffered, StoryOffered, StoryTold, VerdictGiven
from shared.ids import uuid_of

STORY = "story, publisher, state, revision, told"

# --- submissions ------------------------------------------------------------------------------------


async def publishers(connection: Connection, names: Collection[str]) -> dict[str, Publisher]:
    """Publishers by their names."""
    rows = await connection.fetch(
        "SELECT name, sources, services, trusted FROM intake.publisher WHERE name = ANY ($1::text[])", list(names)
    )
    return {row["name"]: _publisher(row) for row in rows}


async def publisher_by_token(connection: Connection, token_sha256: bytes) -> Publisher | None:
    """Who shows this token."""
    row = await connection.fetchrow(
        """
        SELECT name, sources, services, trusted FROM intake.publisher
         WHERE token_sha256 = $1
            OR name = (SELECT publisher FROM intake.publisher_token WHERE token_sha256 = $1 AND ends_at > now())
        """,
        token_sha256,
    )
    return _publisher(row) if row is not None else None


async def known(connection: Connection, asked: Sequence[Submission]) -> Known:
    """What is known already of these submissions' publishers, events and stories."""
    events = await connection.fetch(
        """
        SELECT publisher, event_id, sha256 FROM intake.submission
         WHERE (publisher, event_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))
        """,
        [one.publisher for one in asked],
        [one.event_id for one in asked],
    )
    ids = [uuid_of(one.subject) for one in asked]
    there = await connection.fetch(
        """
        SELECT 'story/' || story AS subject, sha256 FROM intake.story WHERE story = ANY ($1::uuid[])
        UNION ALL
        SELECT 'comment/' || comment, sha256 FROM intake.comment WHERE comment = ANY ($1::uuid[])
        """,
        ids,
    )
    recalled = await connection.fetch("SELECT story FROM intake.recalled WHERE story = ANY ($1::uuid[])", ids)
    return Known(
        publishers=await publishers(connection, {one.publisher for one in asked}),
        submissions={(row["publisher"], row["event_id"]): row["sha256"] for row in events},
        stories={row["subject"]: row["sha256"] for row in there},
        recalled=frozenset(f"story/{row['story']}" for row in recalled),
    )


async def save_submissions(connection: Connection, accepted: Sequence[Submission]) -> None:
    """Remembers which events of a publisher were taken.

    `SerializationError`, so that all is judged again, if another transaction has taken one with another body since.
    """
    rows = (
        [one.publisher for one in accepted],
        [one.event_id for one in accepted],
        [one.sha256 for one in accepted],
        [one.subject for one in accepted],
    )
    done = await connection.execute(
        """
        INSERT INTO intake.submission (publisher, event_id, sha256, subject)
        SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::text[]) AS new (publisher, event_id)
         ORDER BY publisher, event_id
        ON CONFLICT (publisher, event_id) DO NOTHING
        """,
        *rows,
    )
    if done != f"INSERT 0 {len(accepted)}" and await _taken_with_another_body(connection, *rows[:3]):
        raise SerializationError("another transaction took an event with this id first")


async def _taken_with_another_body(
    connection: Connection, publishers: Sequence[str], event_ids: Sequence[str], sums: Sequence[bytes]
) -> bool:
    found: bool = await connection.fetchval(
        """
        SELECT EXISTS (SELECT FROM intake.submission JOIN unnest($1::text[], $2::text[], $3::bytea[])
                                AS new (publisher, event_id, sha256) USING (publisher, event_id)
                        WHERE submission.sha256 <> new.sha256)
        """,
        publishers,
        event_ids,
        sums,
    )
    return found


async def save_offers(
    connection: Connection, offers: Sequence[tuple[Submission, StoryOffered]], register: Mapping[str, Publisher]
) -> None:
    """Keeps publishers' stories; those of trusted ones are published with their first revision."""
    rows = [
        (
            uuid_of(one.subject),
            one.publisher,
            offer.envelope.subject,
            register[one.publisher].trusted,
            offer.model_dump(mode="json"),
            one.sha256,
        )
        for one, offer in offers
    ]
    if rows:
        await connection.execute(
            """
            INSERT INTO intake.story
                   (story, publisher, reference, state, revision, told, sha256, decided_at, criticality)
            SELECT story, publisher, reference, CASE WHEN trusted THEN 'published' ELSE 'waiting' END,
                   trusted::integer, told, sha256, CASE WHEN trusted THEN now() END,
                   CASE WHEN trusted THEN (told ->> 'criticality')::integer END
              FROM unnest($1::uuid[], $2::text[], $3::text[], $4::boolean[], $5::jsonb[], $6::bytea[])
                AS new (story, publisher, reference, trusted, told, sha256)
            """,
            *(list(column) for column in zip(*rows, strict=True)),
        )


async def save_comments(connection: Connection, offers: Sequence[tuple[Submission, CommentOffered]]) -> None:
    """Keeps comments."""
    await connection.execute(
        """
        INSERT INTO intake.comment (comment, publisher, service, text, answer, given_on, sha256)
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::integer[], $6::date[], $7::bytea[])
        ON CONFLICT (comment) DO NOTHING
        """,
        [uuid_of(one.subject) for one, _ in offers],
        [one.publisher for one, _ in offers],
        [offer.service for _, offer in offers],
        [offer.text for _, offer in offers],
        [offer.answer for _, offer in offers],
        [offer.given_on for _, offer in offers],
        [one.sha256 for one, _ in offers],
    )


async def save_recalls(connection: Connection, stories: Sequence[UUID]) -> None:
    """Remembers what was taken back, so that an offer that comes later is refused."""
    await connection.execute(
        "INSERT INTO intake.recalled (story) SELECT DISTINCT unnest($1::uuid[]) ON CONFLICT (story) DO NOTHING",
        stories,
    )


async def withdraw(connection: Connection, stories: Sequence[UUID]) -> list[UUID]:
    """Withdraws stories; returns those that were not withdrawn before."""
    rows = await connection.fetch(
        """
        UPDATE intake.story SET state = 'withdrawn', withdrawn_at = now()
         WHERE story = ANY ($1::uuid[]) AND state <> 'withdrawn'
        RETURNING story
        """,
        stories,
    )
    return [row["story"] for row in rows]


# --- people's stories and moderation ----------------------------------------------------------------


async def save_story(connection: Connection, story: UUID, told: StoryTold, sha256: bytes, link_sha256: bytes) -> None:
    """Keeps a person's story; it waits for a moderator."""
    await connection.execute(
        """
        INSERT INTO intake.story (story, publisher, state, told, sha256, link_sha256)
        VALUES ($1, 'web', 'waiting', $2, $3, $4)
        """,
        story,
        told.model_dump(mode="json"),
        sha256,
        link_sha256,
    )


async def story(connection: Connection, story: UUID) -> Story | None:
    """One story."""
    row = await connection.fetchrow(f"SELECT {STORY} FROM intake.story WHERE story = $1", story)  # noqa: S608 - constant
    return _story(row) if row is not None else None


async def story_of_link(connection: Connection, link_sha256: bytes) -> UUID | None:
    """The story that a private link belongs to."""
    found: UUID | None = await connection.fetchval("SELECT story FROM intake.story WHERE link_sha256 = $1", link_sha256)
    return found


async def waiting(connection: Connection, without: Sequence[str], after: UUID | None, limit: int) -> list[Story]:
    """Stories that wait for a moderator and are not about these organisations, in order of ids."""
    rows = await connection.fetch(
        f"""
        SELECT {STORY} FROM intake.story
         WHERE state = 'waiting' AND NOT (told -> 'services') ?| $1::text[] AND ($2::uuid IS NULL OR story > $2)
         ORDER BY story LIMIT $3
        """,  # noqa: S608 - the list of columns is a constant
        without,
        after,
        limit,
    )
    return [_story(row) for row in rows]


async def publish(connection: Connection, story: UUID, criticality: int | None) -> int:
    """Notes that a moderator let a story out; the revision that it makes."""
    revision: int = await connection.fetchval(
        """
        UPDATE intake.story
           SET state = 'published', criticality = $2, decided_at = now(), revision = revision + 1
         WHERE story = $1 RETURNING revision
        """,
        story,
        criticality,
    )
    return revision


async def reject(connection: Connection, story: UUID, reason: str) -> None:
    """Notes that a moderator cannot let a story out."""
    await connection.execute(
        "UPDATE intake.story SET state = 'rejected', reason = $2, decided_at = now() WHERE story = $1", story, reason
    )


async def save_verdict(connection: Connection, verdict: VerdictGiven) -> None:
    """Keeps what an author said of a change; the last word counts."""
    await connection.execute(
        """
        INSERT INTO intake.verdict (story, change, verdict) VALUES ($1, $2, $3)
        ON CONFLICT (story, change) DO UPDATE SET verdict = excluded.verdict, given_at = now()
        """,
        verdict.story,
        verdict.change,
        verdict.verdict,
    )


# --- what the author sees ---------------------------------------------------------------------------


async def told(connection: Connection, stories: Sequence[UUID]) -> dict[UUID, StoryTold]:
    """What the authors of these stories said, where it is still here."""
    rows = await connection.fetch(
        "SELECT story, told FROM intake.story WHERE story = ANY ($1::uuid[]) AND told IS NOT NULL"
        " AND state <> 'withdrawn'",
        stories,
    )
    return {row["story"]: StoryTold.model_validate(row["told"]) for row in rows}


async def save_progress(connection: Connection, facts: Sequence[StoryEvent]) -> None:
    """Adds lines to what authors see; a line that is there stays as it is."""
    found = [line for fact in facts for line in lines(fact)]
    await connection.execute(
        """
        INSERT INTO intake.progress (story, kind, target, at, detail)
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::jsonb[])
        ON CONFLICT (story, kind, target) DO NOTHING
        """,
        [line.story for line in found],
        [line.kind for line in found],
        [line.target for line in found],
        [line.at for line in found],
        [line.detail for line in found],
    )


async def progress(connection: Connection, story: UUID) -> list[Record]:
    """What has happened to a story, in order."""
    return await connection.fetch(
        "SELECT kind, target, at, detail FROM intake.progress WHERE story = $1 ORDER BY at, kind, target", story
    )


# --- erasure ----------------------------------------------------------------------------------------


async def forget_stories(connection: Connection, stories: Sequence[UUID]) -> None:
    """Deletes all that people said in and about these stories; that there was a story stays."""
    await connection.execute(
        """
        UPDATE intake.story
           SET told = NULL, reference = NULL, state = 'withdrawn', withdrawn_at = coalesce(withdrawn_at, now())
         WHERE story = ANY ($1::uuid[])
        """,
        stories,
    )
    await connection.execute("DELETE FROM intake.verdict WHERE story = ANY ($1::uuid[])", stories)
    await connection.execute("DELETE FROM intake.progress WHERE story = ANY ($1::uuid[])", stories)


async def save_erasures(connection: Connection, erased: Sequence[tuple[UUID, str, datetime]]) -> None:
    """Notes since when a service holds no text of a story."""
    await connection.execute(
        """
        INSERT INTO intake.erasure (story, service, erased_at)
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::timestamptz[])
        ON CONFLICT (story, service) DO NOTHING
        """,
        [story for story, _, _ in erased],
        [service for _, service, _ in erased],
        [at for _, _, at in erased],
    )


async def erasures(connection: Connection, story: UUID) -> list[Record]:
    """The receipt of an erasure so far."""
    return await connection.fetch(
        "SELECT service, erased_at FROM intake.erasure WHERE story = $1 ORDER BY service", story
    )


# --- the register -----------------------------------------------------------------------------------


async def save_publisher(connection: Connection, publisher: Publisher, token_sha256: bytes | None) -> None:
    """Puts a publisher into the register, or changes what stands there; no token keeps the one that it has."""
    await connection.execute(
        """
        INSERT INTO intake.publisher (name, sources, services, trusted, token_sha256) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (name) DO UPDATE
           SET sources = excluded.sources, services = excluded.services, trusted = excluded.trusted,
               token_sha256 = coalesce(excluded.token_sha256, publisher.token_sha256)
        """,
        publisher.name,
        sorted(publisher.sources),
        sorted(publisher.services),
        publisher.trusted,
        token_sha256,
    )


def _publisher(row: Record) -> Publisher:
    return Publisher(row["name"], frozenset(row["sources"]), frozenset(row["services"]), row["trusted"])


def _story(row: Record) -> Story:
    said = StoryTold.model_validate(row["told"]) if row["told"] is not None else None
    return Story(row["story"], row["publisher"], State(row["state"]), row["revision"], said)
