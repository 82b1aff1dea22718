"""Audit: who signed in, who was refused, what was granted. Lines and rows in OWASP's logging vocabulary.

A row is written for whoever is known, and for every sign-in; strangers with bad tokens are only logged, so that
nobody can fill the table from outside. Subjects are opaque, and no detail says what was there.
"""

from enum import StrEnum

from shared.database import Connection, Database
from shared.logs import log


class Audited(StrEnum):
    """What is written down."""

    SIGNED_IN = "authn_login_success"
    SIGN_IN_FAILED = "authn_login_fail"
    NOT_BELIEVED = "authn_token_refused"
    """Ours: the vocabulary has none for a bearer token that is not believed."""
    PUBLISHER_SIGNED_IN = "authn_token_created"
    SHOWN_TWICE = "authn_token_reuse"
    REFUSED = "authz_fail"
    SESSION_STARTED = "session_created"
    SESSION_ENDED = "session_expired"
    """`why`: signed_out, issuer, operator or over."""
    TOO_OFTEN = "excess_rate_limit_exceeded"


GOOD = frozenset({Audited.SIGNED_IN, Audited.PUBLISHER_SIGNED_IN, Audited.SESSION_STARTED, Audited.SESSION_ENDED})


def say(event: Audited, subject: str | None = None, **detail: str) -> None:
    """The line alone."""
    line = log.info if event in GOOD else log.warning
    line(event.value, subject=subject, **detail)


async def note(connection: Connection, event: Audited, subject: str | None = None, **detail: str) -> None:
    """The line and the row, in the caller's transaction if there is one."""
    say(event, subject, **detail)
    await connection.execute(
        "INSERT INTO audit (event, subject, detail) VALUES ($1, $2, $3)", event.value, subject, detail
    )


async def note_apart(database: Database, event: Audited, subject: str | None = None, **detail: str) -> None:
    """The same in a transaction of its own: what was refused has none that stays."""
    async with database.connection() as connection:
        await note(connection, event, subject, **detail)
