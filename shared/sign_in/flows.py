"""Flows: sign-ins that are at the issuer. What must come back is kept here, under the hash of the browser's cookie."""

from dataclasses import dataclass

from shared.database import Connection
from shared.sign_in.cookies import FLOW
from shared.sign_in.oidc import Departure
from shared.sign_in.secrets import hash_of, new_secret


@dataclass(frozen=True, slots=True)
class Flow:
    """A sign-in that has come back."""

    state: str
    nonce: str
    verifier: str
    next: str


async def start(connection: Connection, departure: Departure, next_: str) -> str:
    """Keeps a departure; the secret for the browser's cookie."""
    secret = new_secret()
    await connection.execute(
        "INSERT INTO sign_in (token_sha256, state, nonce, verifier, next) VALUES ($1, $2, $3, $4, $5)",
        hash_of(secret),
        departure.state,
        departure.nonce,
        departure.verifier,
        next_,
    )
    return secret


async def take(connection: Connection, secret: str) -> Flow | None:
    """What this browser set out with, once; None if it never did, or too long ago."""
    row = await connection.fetchrow(
        """
        DELETE FROM sign_in WHERE token_sha256 = $1
        RETURNING state, nonce, verifier, next, started_at > now() - $2::interval AS fresh
        """,
        hash_of(secret),
        FLOW,
    )
    return Flow(row["state"], row["nonce"], row["verifier"], row["next"]) if row is not None and row["fresh"] else None


async def expire(connection: Connection) -> None:
    """Forgets those that never came back."""
    await connection.execute("DELETE FROM sign_in WHERE started_at <= now() - $1::interval", FLOW)
