"""Audit: who signed in, who was refused, what was granted. Lines and rows in OWASP's logging vocabulary.

A row is written for whoever is known, and for every sign-in that comes back with what it set out with; strangers
with bad tokens, or without a sign-in on its way, are only logged: nobody fills the table faster than attempts are
allowed. Subjects are opaque, and no detail says what was there.
"""

from collections.abc import Mapping, Sequence
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
    RIGHTS_CHANGED = "authz_change"
    """A role was given, changed or taken; `subject` is who did it, `whose` the one that it is about."""
    SESSION_STARTED = "session_created"
    SESSION_ENDED = "session_expired"
    """`why`: signed_out, signed_in_again, issuer, operator or over."""
    TOO_OFTEN = "excess_rate_limit_exceeded"


GOOD = frozenset(
    {
        Audited.SIGNED_IN,
        Audited.PUBLISHER_SIGNED_IN,
        Audited.RIGHTS_CHANGED,
        Audited.SESSION_STARTED,
        Audited.SESSION_ENDED,
    }
)


def say(event: Audited, subject: str | None = None, **detail: str) -> None:
    """The line alone."""
    line = log.info if event in GOOD else log.warning
    line(event.value, subject=subject, **detail)


async def note(connection: Connection, event: Audited, subject: str | None = None, **detail: str) -> None:
    """The line and the row, in the caller's transaction if there is one."""
    await note_all(connection, event, subject, [detail])


async def note_all(
    connection: Connection, event: Audited, subject: str | None, details: Sequence[Mapping[str, str]]
) -> None:
    """The same of many things that one subject did at once."""
    for detail in details:
        say(event, subject, **detail)
    await connection.execute(
        "INSERT INTO audit (event, subject, detail) SELECT $1, $2, unnest($3::jsonb[])", event.value, subject, details
    )


async def note_apart(database: Database, event: Audited, subject: str | None = None, **detail: str) -> None:
    """The same in a transaction of its own: what was refused has none that stays."""
    async with database.connection() as connection:
        await note(connection, event, subject, **detail)
