"""Once: a signed statement with an id counts a single time, in whichever replica it comes."""

from datetime import UTC, datetime

from shared.database import Connection
from shared.sign_in.secrets import hash_of


async def first_time(connection: Connection, kind: str, id_: str, until: float) -> bool:
    """True if this id was not seen before; it is remembered until the statement itself has expired (Unix seconds)."""
    row = await connection.fetchrow(
        "INSERT INTO used (kind, id, until) VALUES ($1, $2, $3) ON CONFLICT (kind, id) DO NOTHING RETURNING 1",
        kind,
        hash_of(id_),
        datetime.fromtimestamp(until + 120, UTC),  # past the leeway
    )
    return row is not None


async def expire(connection: Connection) -> None:
    """Forgets what could no longer be shown anyway."""
    await connection.execute("DELETE FROM used WHERE until < now()")
