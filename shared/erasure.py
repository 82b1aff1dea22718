"""Erasure in the tables that every service has; its own tables are its own handler's.

The thread stays as the tombstone: whatever arrives later for an erased story is counted as heard and goes no further.
"""

from collections.abc import Sequence

from shared import outbox
from shared.contracts import erasing_types
from shared.database import Connection
from shared.logs import log


async def strip(connection: Connection, subjects: Sequence[str]) -> None:
    """Empties outbox rows and deliveries of these subjects and deletes their parked rows, answers and timers.

    A parked erasure holds no words and stays: the service's own tables are emptied when it is redriven.
    """
    if not subjects:
        return
    await connection.execute(
        "DELETE FROM parked WHERE subject = ANY ($1::text[]) AND (type IS NULL OR type <> ALL ($2::text[]))",
        subjects,
        erasing_types(),
    )
    await connection.execute("DELETE FROM timer WHERE subject = ANY ($1::text[])", subjects)
    await connection.execute(
        """
        UPDATE delivery
           SET payload = NULL, given_up_at = CASE WHEN sent_at IS NULL THEN now() END
         WHERE subject = ANY ($1::text[]) AND payload IS NOT NULL
        """,
        subjects,
    )
    await connection.execute("UPDATE answered SET body = '' WHERE subject = ANY ($1::text[])", subjects)
    await outbox.empty(connection, subjects)
    log.info("story.stripped", subjects=list(subjects))
