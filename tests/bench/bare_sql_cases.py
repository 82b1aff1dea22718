"""Contender c: the statements of responder's and tracker's stores, word for word, with rows from plain facts."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from tests.bench.bare_facts import Fact
from tests.bench.bare_sql import Rows


async def save_texts(connection: Any, facts: Sequence[Fact], published: Sequence[Any]) -> None:
    """Keeps what staff may read."""
    await connection.execute(
        """
        UPDATE responder.story SET published = new.published
          FROM unnest($1::uuid[], $2::jsonb[]) AS new (story, published)
         WHERE story.story = new.story AND state = 'published'
        """,
        *([fact.story for fact in facts], published),
    )


async def add_cases(connection: Any, rows: Rows) -> None:
    """One case for each story and team, not open yet."""
    await connection.execute(
        """
        INSERT INTO responder.team_case
               (story, team, team_name, organisation, organisation_name, evidence, term, sequence)
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
                             $7::bigint[], $8::bigint[])
        ON CONFLICT (story, team) DO NOTHING
        """,
        *([fact.story for fact, _, _ in rows], [team for _, team, _ in rows]),
        *([said[name] for _, _, said in rows] for name in ("team_name", "organisation", "organisation_name")),
        *([said["evidence"] for _, _, said in rows], [fact.number[0] for fact, _, _ in rows]),
        [fact.number[1] for fact, _, _ in rows],
    )


async def open_cases(connection: Any, facts: Sequence[Fact], due_at: datetime) -> Sequence[Any]:
    """Opens what is both routed and published."""
    opened: Sequence[Any] = await connection.fetch(
        """
        UPDATE responder.team_case SET opened_at = now(), due_at = $2
         WHERE opened_at IS NULL AND closed_at IS NULL
           AND story IN (SELECT story FROM responder.story
                          WHERE story = ANY ($1::uuid[]) AND state = 'published')
        RETURNING story, team, team_name, organisation, opened_at, due_at, heard_at, answered_at, declined_at, closed_at
        """,
        *([fact.story for fact in facts], due_at),
    )
    return opened


async def save_timers(connection: Any, opened: Sequence[Any]) -> None:
    """Sets the clocks of cases."""
    if opened:
        await connection.execute(
            """
            INSERT INTO timer (subject, kind, target, due_at)
            SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[])
            ON CONFLICT (subject, kind, target) DO NOTHING
            """,
            *([f"story/{case['story']}" for case in opened], ["reply_overdue"] * len(opened)),
            *([case["team"] for case in opened], [case["due_at"] for case in opened]),
        )


async def save_entries(connection: Any, kind: str, rows: Rows) -> None:
    """Adds lines to timelines."""
    await connection.execute(
        """
        INSERT INTO tracker.entry (story, kind, target, at, detail, term, sequence)
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::jsonb[], $6::bigint[],
                             $7::bigint[])
        ON CONFLICT (story, kind, target) DO NOTHING
        """,
        *([fact.story for fact, _, _ in rows], [kind] * len(rows), [target for _, target, _ in rows]),
        *([fact.time for fact, _, _ in rows], [detail for _, _, detail in rows]),
        *([fact.number[0] for fact, _, _ in rows], [fact.number[1] for fact, _, _ in rows]),
    )
