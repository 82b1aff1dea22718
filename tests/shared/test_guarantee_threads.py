"""Threads are locked in one order by everybody, so that transactions never wait for each other in a ring."""

import asyncio
from contextlib import suppress

import asyncpg

from shared import threads
from shared.database import Database
from tests.service import column, execute
from tests.waiting import eventually

LOW, HIGH = "story/a", "story/z"


async def lock_both(database: Database) -> None:
    """One transaction over both stories, named in the wrong order."""
    with suppress(threads.NeedsThreads):  # what another has just made is locked by beginning again
        async with database.transaction() as connection:
            await threads.lock(connection, [HIGH, LOW])


async def somebody_waits(database: Database) -> bool:
    return await column(
        database,
        "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()",
    ) == [True]


async def test_who_waits_for_a_story_holds_none_that_comes_after_it(router_database: Database) -> None:
    for subject in (HIGH, LOW):  # where they lie in the table is not the order either
        await execute(router_database, "INSERT INTO thread (subject) VALUES ($1)", subject)

    async with router_database.transaction() as connection:
        await threads.lock(connection, [LOW])
        waiting = asyncio.create_task(lock_both(router_database))
        await eventually(lambda: somebody_waits(router_database), what="the other waits for the lower")
        free = await column(router_database, "SELECT subject FROM thread FOR UPDATE SKIP LOCKED")
    await waiting

    assert free == [HIGH]


async def test_who_waits_for_a_new_story_has_made_none_that_comes_after_it(router_database: Database) -> None:
    async with router_database.transaction() as connection:
        await threads.lock(connection, [LOW])
        waiting = asyncio.create_task(lock_both(router_database))
        await eventually(lambda: somebody_waits(router_database), what="the other waits for the lower")
        free = await may_make(router_database, HIGH)
    await waiting

    assert free


async def may_make(database: Database, subject: str) -> bool:
    """False if another transaction has made it and has not committed."""
    try:
        async with database.transaction() as connection:
            await connection.execute("SET LOCAL lock_timeout = '200ms'")
            await connection.execute("INSERT INTO thread (subject) VALUES ($1)", subject)
    except asyncpg.LockNotAvailableError:
        return False
    return True
