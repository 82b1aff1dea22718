"""Intake's SQL about how publishers sign in."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from shared.database import Connection


async def key_set(connection: Connection, publisher: str) -> Mapping[str, Any] | None:
    """A publisher's public keys, if it has any."""
    found: Mapping[str, Any] | None = await connection.fetchval(
        "SELECT key_set FROM intake.publisher WHERE name = $1", publisher
    )
    return found


async def save_key_set(connection: Connection, publisher: str, key_set: Mapping[str, Any]) -> None:
    """Puts public keys in place of those that were there."""
    await connection.execute("UPDATE intake.publisher SET key_set = $2 WHERE name = $1", publisher, dict(key_set))


async def save_token(connection: Connection, token_sha256: bytes, publisher: str, life: timedelta) -> None:
    """Keeps a token's hash for its life; those that are over are forgotten."""
    await connection.execute("DELETE FROM intake.publisher_token WHERE ends_at <= now()")
    await connection.execute(
        "INSERT INTO intake.publisher_token (token_sha256, publisher, ends_at) VALUES ($1, $2, now() + $3::interval)",
        token_sha256,
        publisher,
        life,
    )
