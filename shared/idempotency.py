"""Idempotency-Key: the same key with the same body gets the same answer; with another body it is refused."""

from dataclasses import dataclass, field
from hashlib import sha256

from shared.database import Connection


class KeyReused(Exception):
    """The key came before with another body."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered, so that it can be answered again."""

    status: int
    body: bytes = field(repr=False)
    subject: str | None = None
    """Whose erasure empties it."""


async def answered_before(connection: Connection, key: str, path: str, body: bytes) -> Answer | None:
    """The answer that this key had, if any; its path's thread is locked, so no second request is at it."""
    row = await connection.fetchrow(
        "SELECT sha256, status, body, subject FROM answered WHERE key = $1 AND path = $2", key, path
    )
    if row is None:
        return None
    if row["sha256"] != sha256(body).digest():
        raise KeyReused
    return Answer(row["status"], row["body"], row["subject"])


async def keep(connection: Connection, key: str, path: str, body: bytes, answer: Answer) -> None:
    """Keeps an answer for a day, in the transaction that it speaks of."""
    await connection.execute(
        "INSERT INTO answered (key, path, sha256, status, body, subject) VALUES ($1, $2, $3, $4, $5, $6)",
        key,
        path,
        sha256(body).digest(),
        answer.status,
        answer.body,
        answer.subject,
    )


async def expire(connection: Connection) -> None:
    """Forgets answers older than a day."""
    await connection.execute("DELETE FROM answered WHERE at < now() - interval '1 day'")
