"""Contender a, stage by stage: what a message does, one at a time, each in a transaction of its own."""

import os
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID, uuid5

import asyncpg
from faststream import Header
from faststream.kafka import KafkaBroker

from shared.ids import STORIES
from tests.bench.models import Offer, Published, Receipt, Received, Routed, RoutedTeam

PREFIX = "bench.naive."
broker = KafkaBroker(os.environ.get("BENCH_KAFKA", "localhost:9092"))
pools: "list[asyncpg.Pool[asyncpg.Record]]" = []


async def accept(
    offer: Offer, reference: Annotated[str, Header("ce_subject")], event_id: Annotated[str, Header("ce_id")]
) -> None:
    """Intake: a trusted publisher's story is taken and published."""
    story, now = uuid5(STORIES, f"surveys/{reference}"), datetime.now(UTC)
    async with pools[0].acquire() as connection, connection.transaction():
        await connection.fetchrow("SELECT sources, services, trusted FROM intake.publisher WHERE name = 'surveys'")
        await connection.execute(
            """
            INSERT INTO intake.story (story, publisher, reference, state, revision, told, sha256, decided_at)
            VALUES ($1, 'surveys', $2, 'published', 1, $3, '', now())
            """,
            story,
            reference,
            offer.model_dump(mode="json"),
        )
        await connection.execute(
            "INSERT INTO intake.submission (publisher, event_id, sha256, subject) VALUES ('surveys', $1, '', $2)",
            event_id,
            f"story/{story}",
        )
    key, told = str(story).encode(), offer.model_dump()
    received = Received(story=story, publisher="surveys", visibility="public", received_at=now, **told)
    await broker.publish(received, PREFIX + "received", key=key)
    await broker.publish(Published(story=story, revision=1, visibility="public", **told), PREFIX + "published", key=key)
    receipt = Receipt(publisher="surveys", event_id=event_id, outcome="accepted", subject_id=story)
    await broker.publish(receipt, PREFIX + "receipts", key=key)


async def show_progress(routed: Routed) -> None:
    """Intake: the author sees who was told."""
    async with pools[0].acquire() as connection, connection.transaction():
        for team in routed.teams:
            await connection.execute(
                "INSERT INTO intake.progress (story, kind, target, at, detail) VALUES ($1, 'story.routed', $2, $3, $4)",
                routed.story,
                team.team,
                datetime.now(UTC),
                {"team": team.team_name, "organisation": team.organisation_name},
            )


async def route(published: Published) -> None:
    """Router: the teams that listen to the service or above it."""
    async with pools[0].acquire() as connection, connection.transaction():
        rows = await connection.fetch(
            """
            WITH RECURSIVE above AS (
                SELECT code, name, parent, 0 AS steps FROM router.organisation WHERE code = $1
                UNION ALL
                SELECT up.code, up.name, up.parent, steps + 1
                  FROM router.organisation AS up JOIN above ON up.code = above.parent)
            SELECT team.code AS team, team.name AS team_name, team.organisation, home.name AS organisation_name,
                   CASE steps WHEN 0 THEN 'same_service' ELSE 'service_above' END AS rule,
                   'The story is about ' || (SELECT name FROM above WHERE steps = 0)
                   || ', which is part of ' || above.name || '.' AS evidence,
                   (SELECT array_agg(name ORDER BY steps DESC) FROM above) AS path, subscription.code AS subscription
              FROM above
              JOIN router.subscription ON subscription.scope = above.code
              JOIN router.team ON team.code = subscription.team
              JOIN router.organisation AS home ON home.code = team.organisation
            """,
            published.services[0],
        )
        teams = [RoutedTeam(**row) for row in rows]
        await connection.execute(
            "INSERT INTO router.story (story, state, term, sequence) VALUES ($1, 'published', 0, 0)", published.story
        )
        for team in teams:
            await connection.execute(
                """
                INSERT INTO router.route
                       (story, team, revision, subscription, rule, evidence, path, directory_version, term, sequence)
                VALUES ($1, $2, 1, $3, $4, $5, $6, 1, 0, 0)
                """,
                *(published.story, team.team, team.subscription, team.rule, team.evidence, team.path),
            )
    routed = Routed(story=published.story, revision=1, teams=teams, directory_version=1)
    await broker.publish(routed, PREFIX + "routed", key=str(published.story).encode())


async def keep_story(published: Published) -> None:
    """Responder: staff can read it."""
    async with pools[0].acquire() as connection, connection.transaction():
        await connection.execute(
            "INSERT INTO responder.story (story, state, published, term, sequence) VALUES ($1, 'published', $2, 0, 0)",
            published.story,
            published.model_dump(mode="json"),
        )
        await _open_cases(connection, published)


async def add_cases(routed: Routed) -> None:
    """Responder: a case for each team."""
    async with pools[0].acquire() as connection, connection.transaction():
        for team in routed.teams:
            await connection.execute(
                """
                INSERT INTO responder.team_case
                       (story, team, team_name, organisation, organisation_name, evidence, term, sequence)
                VALUES ($1, $2, $3, $4, $5, $6, 0, 0)
                """,
                *(routed.story, team.team, team.team_name, team.organisation, team.organisation_name, team.evidence),
            )
        await _open_cases(connection, routed)


async def _open_cases(connection: "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]", of: Published | Routed) -> None:
    due_at = datetime.now(UTC) + timedelta(days=14)
    # two handlers work side by side: the lock keeps them from missing each other's row
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1::text, 0))", str(of.story))
    opened = await connection.fetch(
        """
        UPDATE responder.team_case SET opened_at = now(), due_at = $2
         WHERE story = $1 AND opened_at IS NULL AND EXISTS (SELECT FROM responder.story WHERE story = $1)
        RETURNING team
        """,
        *(of.story, due_at),
    )
    for row in opened:
        await connection.execute(
            "INSERT INTO responder.timer (subject, kind, target, due_at) VALUES ($1, 'reply_overdue', $2, $3)",
            *(f"story/{of.story}", row["team"], due_at),
        )


async def line(story: UUID, kind: str, target: str = "", **detail: str) -> None:
    """Tracker: one line of the timeline."""
    async with pools[0].acquire() as connection, connection.transaction():
        await connection.execute(
            """
            INSERT INTO tracker.entry (story, kind, target, at, detail, term, sequence)
            VALUES ($1, $2, $3, $4, $5, 0, 0)
            """,
            *(story, kind, target, datetime.now(UTC), detail),
        )


async def line_of_received(received: Received) -> None:
    """A story came."""
    await line(received.story, "story.received")


async def line_of_published(published: Published) -> None:
    """A story is out."""
    await line(published.story, "story.published")


async def lines_of_routed(routed: Routed) -> None:
    """Teams were told."""
    for team in routed.teams:
        said = {"team_name": team.team_name, "organisation": team.organisation_name, "evidence": team.evidence}
        await line(routed.story, "story.routed", team.team, **said)


STAGES: Mapping[str, Mapping[str, Callable[..., Awaitable[None]]]] = {
    "intake": {"offers": accept, "routed": show_progress},
    "router": {"published": route},
    "responder": {"published": keep_story, "routed": add_cases},
    "tracker": {"received": line_of_received, "published": line_of_published, "routed": lines_of_routed},
}
