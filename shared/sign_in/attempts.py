"""Attempts: how often somebody may try to sign in or ask for a token; in Postgres, so that it holds over replicas.

What one address tries beyond its own limit does not count among everybody's: nobody can lock the others out alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from fastapi import Request

from shared.database import Connection, Database
from shared.problems import Problem
from shared.sign_in import audit
from shared.sign_in.audit import Audited

EVERYBODY = b"everybody"


@dataclass(frozen=True, slots=True)
class Allowed:
    """In a minute; an address has only a part of what all have."""

    from_one_address: int
    altogether: int


LIMITS: Mapping[str, Allowed] = {
    "sign_in": Allowed(60, 1200),  # a hospital comes from one address
    "token": Allowed(60, 600),
    "logout": Allowed(600, 2400),  # the issuer's back channel: all from one address
}


async def count(database: Database, kind: str, request: Request) -> None:
    """One more attempt; 429 with Retry-After where there were too many in this minute."""
    address = request.client.host if request.client else ""
    who = sha256(f"{kind}\n{address}".encode()).digest()
    limit = LIMITS[kind]
    async with database.connection() as connection:
        # one after the other, the shared row last: it is locked for the shortest time
        for scope, row, most in (("address", who, limit.from_one_address), ("all", EVERYBODY, limit.altogether)):
            tried, seconds = await _count(connection, kind, row)
            if tried > most:
                audit.say(Audited.TOO_OFTEN, kind=kind, scope=scope)
                raise Problem(429, "too_often", "Try again later.", headers={"Retry-After": str(seconds)})


async def _count(connection: Connection, kind: str, who: bytes) -> tuple[int, int]:
    row = await connection.fetchrow(
        """
        INSERT INTO attempt (kind, who, minute, times) VALUES ($1, $2, date_trunc('minute', now()), 1)
        ON CONFLICT (kind, who, minute) DO UPDATE SET times = attempt.times + 1
        RETURNING times, 60 - extract(second FROM now())::integer + 1 AS seconds
        """,
        kind,
        who,
    )
    if row is None:
        raise AssertionError("an upsert returns its row")
    return row["times"], row["seconds"]


async def expire(connection: Connection) -> None:
    """Forgets minutes that are over."""
    await connection.execute("DELETE FROM attempt WHERE minute < now() - interval '5 minutes'")
