"""Contender c: the statements of the services' own stores, word for word, with rows from plain facts."""

from collections.abc import Collection, Sequence
from typing import Any

from tests.bench.bare_facts import Fact

Rows = Sequence[tuple[Fact, str, dict[str, Any]]]
"""A fact, a target, and what is said of it."""


async def known(connection: Any, facts: Sequence[Fact]) -> Any:
    """Asks all that intake asks before it takes an offer; nothing is known here, so only the publisher counts."""
    stories = [fact.story for fact in facts]
    await connection.fetch(
        """
        SELECT publisher, event_id, sha256 FROM intake.submission
         WHERE (publisher, event_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))
        """,
        *(["surveys"] * len(facts), [fact.id for fact in facts]),
    )
    await connection.fetch(
        """
        SELECT 'story/' || story AS subject, sha256 FROM intake.story WHERE story = ANY ($1::uuid[])
        UNION ALL
        SELECT 'comment/' || comment, sha256 FROM intake.comment WHERE comment = ANY ($1::uuid[])
        """,
        stories,
    )
    await connection.fetch("SELECT story FROM intake.recalled WHERE story = ANY ($1::uuid[])", stories)
    return await connection.fetchrow(
        "SELECT name, sources, services, trusted FROM intake.publisher WHERE name = ANY ($1::text[])", ["surveys"]
    )


async def save_offers(
    connection: Any, facts: Sequence[Fact], told: Sequence[Any], sums: Sequence[bytes], trusted: bool
) -> None:
    """Keeps stories."""
    await connection.execute(
        """
        INSERT INTO intake.story (story, publisher, reference, state, revision, told, sha256, decided_at)
        SELECT story, publisher, reference, CASE WHEN trusted THEN 'published' ELSE 'waiting' END,
               trusted::integer, told, sha256, CASE WHEN trusted THEN now() END
          FROM unnest($1::uuid[], $2::text[], $3::text[], $4::boolean[], $5::jsonb[], $6::bytea[])
            AS new (story, publisher, reference, trusted, told, sha256)
        """,
        *([fact.story for fact in facts], ["surveys"] * len(facts), [fact.reference for fact in facts]),
        *([trusted] * len(facts), told, sums),
    )


async def save_submissions(connection: Any, facts: Sequence[Fact], sums: Sequence[bytes]) -> None:
    """Remembers events."""
    await connection.execute(
        """
        INSERT INTO intake.submission (publisher, event_id, sha256, subject)
        SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::text[])
        ON CONFLICT (publisher, event_id) DO NOTHING
        """,
        *(["surveys"] * len(facts), [fact.id for fact in facts], sums, [fact.subject for fact in facts]),
    )


async def save_progress(connection: Any, rows: Rows) -> None:
    """Adds lines to what authors see."""
    await connection.execute(
        """
        INSERT INTO intake.progress (story, kind, target, at, detail)
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::jsonb[])
        ON CONFLICT (story, kind, target) DO NOTHING
        """,
        *([fact.story for fact, _, _ in rows], ["story.routed"] * len(rows), [target for _, target, _ in rows]),
        *([fact.time for fact, _, _ in rows], [detail for _, _, detail in rows]),
    )
    await connection.fetch(
        "SELECT story, told FROM intake.story WHERE story = ANY ($1::uuid[]) AND told IS NOT NULL"
        " AND state <> 'withdrawn'",
        [fact.story for fact, _, _ in rows],
    )


async def keep_newest(connection: Any, schema: str, facts: Sequence[Fact]) -> None:
    """Moves stories to *published*."""
    emptied = "published = NULL, " if schema == "responder" else ""
    await connection.fetch(
        f"""
        INSERT INTO {schema}.story (story, state, term, sequence)
        SELECT story, $1, term, sequence
          FROM unnest($2::uuid[], $3::bigint[], $4::bigint[]) AS new (story, term, sequence)
        ON CONFLICT (story) DO UPDATE
           SET state = excluded.state, {emptied}term = excluded.term, sequence = excluded.sequence
         WHERE (story.term, story.sequence) < (excluded.term, excluded.sequence)
        RETURNING story
        """,  # noqa: S608 - our own names
        *("published", [fact.story for fact in facts]),
        *([fact.number[0] for fact in facts], [fact.number[1] for fact in facts]),
    )


async def directory_for(connection: Any, services: Collection[str]) -> tuple[dict[str, Any], Sequence[Any], int]:
    """The nodes at and above these services, the subscriptions there, and the version."""
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
        sorted(services),
    )
    version = await connection.fetchval("SELECT coalesce(max(version), 0) FROM router.release")
    listening = await connection.fetch(
        """
        SELECT subscription.code, team.code AS team, team.name, team.organisation, subscription.scope
          FROM router.subscription JOIN router.team ON team.code = subscription.team
         WHERE subscription.scope = ANY ($1::text[])
         ORDER BY subscription.code
        """,
        [row["code"] for row in nodes],
    )
    return {row["code"]: row for row in nodes}, listening, version


async def save_routes(connection: Any, facts: Sequence[Fact], matches: Sequence[Any], version: int) -> None:
    """One row per story and team; stories that nobody listens to beside them."""
    rows = [(fact, team) for fact, found in zip(facts, matches, strict=True) for team in found]
    await connection.fetch(
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
        *([fact.story for fact, _ in rows], [team["team"] for _, team in rows], [1] * len(rows)),
        *([team[column] for _, team in rows] for column in ("subscription", "rule", "evidence")),
        ["\x1f".join(team["path"]) for _, team in rows],
        *([fact.number[0] for fact, _ in rows], [fact.number[1] for fact, _ in rows], version),
    )
    alone = [fact for fact, found in zip(facts, matches, strict=True) if not found]
    await connection.execute(
        """
        INSERT INTO router.unheard (story, revision, services, term, sequence)
        SELECT story, revision, string_to_array(services, ' '), term, sequence
          FROM unnest($1::uuid[], $2::integer[], $3::text[], $4::bigint[], $5::bigint[])
            AS new (story, revision, services, term, sequence)
        ON CONFLICT (story) DO NOTHING
        """,
        *([fact.story for fact in alone], [1] * len(alone), [""] * len(alone), [0] * len(alone), [0] * len(alone)),
    )
