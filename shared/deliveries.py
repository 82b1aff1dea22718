"""Deliveries: mails and webhooks, written with the decision, sent outside any transaction.

Three transactions: the row is written; it is leased; it is marked sent. The other side may get one twice,
always with the same idempotency key and the same bytes; the row stays, emptied, and proves that it was sent.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from shared.database import Connection
from shared.ids import new_id

LEASE = timedelta(minutes=1)
PATIENCE = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message; (subject, target, kind) says what it is, and a second one of the same is none.

    `target` is opaque (`author`, a webhook's id); the address stands in the payload, which goes when it is sent.
    """

    subject: str
    target: str
    kind: str
    channel: str
    payload: dict[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Leased:
    """A message that this process may send now."""

    id: UUID
    subject: str
    kind: str
    channel: str
    payload: dict[str, Any] = field(repr=False)
    attempts: int = 0


async def save(connection: Connection, deliveries: Sequence[Delivery]) -> None:
    """Writes messages to be sent."""
    if deliveries:
        await connection.execute(
            """
            INSERT INTO delivery (id, subject, target, kind, channel, payload)
            SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::jsonb[])
            ON CONFLICT (subject, target, kind) DO NOTHING
            """,
            [new_id() for _ in deliveries],
            [row.subject for row in deliveries],
            [row.target for row in deliveries],
            [row.kind for row in deliveries],
            [row.channel for row in deliveries],
            [row.payload for row in deliveries],
        )


async def lease(connection: Connection, limit: int = 20) -> list[Leased]:
    """Takes messages that wait, for a minute; a sender that dies gives them back by that."""
    rows = await connection.fetch(
        """
        UPDATE delivery
           SET leased_until = now() + $1, attempts = attempts + 1
         WHERE id IN (SELECT id FROM delivery
                       WHERE sent_at IS NULL AND given_up_at IS NULL AND next_at <= now()
                         AND (leased_until IS NULL OR leased_until < now())
                       ORDER BY next_at LIMIT $2 FOR UPDATE SKIP LOCKED)
        RETURNING id, subject, kind, channel, payload, attempts
        """,
        LEASE,
        limit,
    )
    return [Leased(*row) for row in rows]


async def sent(connection: Connection, id_: UUID) -> None:
    """The other side took it: the text goes, the proof stays."""
    await connection.execute(
        "UPDATE delivery SET sent_at = now(), payload = NULL, leased_until = NULL WHERE id = $1", id_
    )


async def postpone(connection: Connection, id_: UUID) -> bool:
    """Tries later, each time after a longer pause; True if it is given up after three days.

    One that was emptied while it was being sent, because its story was erased, stays as it is.
    """
    given_up: bool | None = await connection.fetchval(
        """
        UPDATE delivery
           SET leased_until = NULL,
               next_at = now() + least(interval '1 second' * power(2, least(attempts, 20)), interval '1 hour'),
               given_up_at = CASE WHEN written_at < now() - $2::interval THEN now() END,
               payload = CASE WHEN written_at >= now() - $2::interval THEN payload END
         WHERE id = $1 AND payload IS NOT NULL
        RETURNING given_up_at IS NOT NULL
        """,
        id_,
        PATIENCE,
    )
    return bool(given_up)
