"""Sweeping: what sign-in leaves behind is deleted once it is over; part of every service's jobs."""

from datetime import timedelta

from shared.database import Database
from shared.sign_in import attempts, audit, flows, once, sessions
from shared.sign_in.audit import Audited


async def sweep(database: Database, idle: timedelta) -> None:
    """Ends sessions that are over, and forgets flows, attempts and used ids."""
    async with database.transaction() as connection:
        for subject in await sessions.expire(connection, idle):
            await audit.note(connection, Audited.SESSION_ENDED, subject, why="over")
        await flows.expire(connection)
        await attempts.expire(connection)
        await once.expire(connection)
