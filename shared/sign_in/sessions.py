"""Sessions: who is signed in in which browser. Of the cookie's secret a hash is kept; every session can be ended."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from asyncpg import Record

from shared.database import Connection
from shared.sign_in.members import ROLES
from shared.sign_in.principal import Grant, MemberRole
from shared.sign_in.secrets import hash_of, new_secret


@dataclass(frozen=True, slots=True)
class Arrival:
    """Somebody who has just come back from the issuer."""

    subject: str
    name: str
    grants: frozenset[Grant]
    person: str = field(repr=False)
    """The issuer's own name for them."""
    sid: str | None = None
    id_token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is signed in."""

    subject: str
    name: str
    grants: frozenset[Grant]
    csrf: str = field(repr=False)
    id_token: str = field(repr=False)


async def start(connection: Connection, issuer: str, who: Arrival, limit: timedelta) -> str:
    """A new session under a new secret, which is returned."""
    secret = new_secret()
    await connection.execute(
        """
        INSERT INTO session (token_sha256, subject, name, grants, sid, person_sha256, id_token, csrf, ends_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, now() + $9::interval)
        """,
        hash_of(secret),
        who.subject,
        who.name,
        [[grant.role, grant.organisation, grant.team] for grant in who.grants],
        who.sid,
        person_hash(issuer, who.person),
        who.id_token,
        new_secret(),
        limit,
    )
    return secret


async def find(connection: Connection, secret: str, idle: timedelta) -> Session | None:
    """The session that this secret opens, unless it has been idle or open for too long."""
    row = await connection.fetchrow(
        """
        SELECT subject, name, grants, csrf, id_token FROM session
         WHERE token_sha256 = $1 AND ends_at > now() AND seen_at > now() - $2::interval
        """,
        hash_of(secret),
        idle,
    )
    return _session(row) if row is not None else None


async def touch(connection: Connection, secret: str) -> None:
    """Notes that it is in use; written at most once a minute."""
    await connection.execute(
        "UPDATE session SET seen_at = now() WHERE token_sha256 = $1 AND seen_at < now() - interval '1 minute'",
        hash_of(secret),
    )


async def end(connection: Connection, secret: str) -> str | None:
    """Signs one browser out; the subject that it was, None if nobody."""
    subject: str | None = await connection.fetchval(
        "DELETE FROM session WHERE token_sha256 = $1 RETURNING subject", hash_of(secret)
    )
    return subject


async def end_at_issuer(connection: Connection, issuer: str, sid: str | None, person: str | None) -> list[str]:
    """Ends what the issuer says has ended: one of its sessions, or all of a person; the subjects that it was."""
    rows = await connection.fetch(
        """
        DELETE FROM session
         WHERE ($1::text IS NULL OR sid = $1) AND ($2::bytea IS NULL OR person_sha256 = $2)
           AND ($1::text IS NOT NULL OR $2::bytea IS NOT NULL)
        RETURNING subject
        """,
        sid,
        person_hash(issuer, person) if person is not None else None,
    )
    return [row["subject"] for row in rows]


async def end_of_subject(connection: Connection, subject: str) -> int:
    """Signs somebody out everywhere in this service."""
    return len(await connection.fetch("DELETE FROM session WHERE subject = $1 RETURNING 1", subject))


async def expire(connection: Connection, idle: timedelta) -> list[str]:
    """Deletes what is over; the subjects that it was."""
    rows = await connection.fetch(
        "DELETE FROM session WHERE ends_at <= now() OR seen_at <= now() - $1::interval RETURNING subject", idle
    )
    return [row["subject"] for row in rows]


def person_hash(issuer: str, person: str) -> bytes:
    """The issuer's name of somebody, as it is kept."""
    return hash_of(f"{issuer}\n{person}")


def _session(row: Record) -> Session:
    return Session(row["subject"], row["name"], _grants(row["grants"]), row["csrf"], row["id_token"])


def _grants(rows: Iterable[Any]) -> frozenset[Grant]:
    """A role that another version wrote, and that is not known here, is none."""
    return frozenset(Grant(MemberRole(role), organisation, team) for role, organisation, team in rows if role in ROLES)
