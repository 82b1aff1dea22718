"""Threads: locking a story's row is locking the story, and sorted locks never wait for each other in a ring."""

import asyncio
import random
from collections.abc import Sequence

from shared import threads
from shared.database import Database
from shared.ids import new_id
from tests.service import column, fetch
from tests.waiting import eventually


async def announce(database: Database, subjects: Sequence[str], rounds: int) -> None:
    """Many transactions over the same subjects, each time in an order of its own."""
    for _ in range(rounds):
        async with database.transaction() as connection:
            held = await threads.lock(connection, random.sample(subjects, len(subjects)))
            for subject in subjects:
                held[subject].next_number(1)
            await threads.save(connection, list(held.values()))


async def test_transactions_over_the_same_subjects_in_any_order_never_deadlock(router_database: Database) -> None:
    subjects = [f"story/{new_id()}" for _ in range(12)]

    await asyncio.gather(*(announce(router_database, subjects, 60) for _ in range(4)))

    assert await column(router_database, "SELECT announced FROM thread") == [240] * 12


async def test_subjects_are_locked_in_the_order_of_their_bytes(router_database: Database) -> None:
    subjects = ["story/b", "story/B", "story/a", "comment/Z", "story/A-1", "story/A1"]

    async with router_database.transaction() as connection:
        held = await threads.lock(connection, subjects)

    assert list(held) == ["comment/Z", "story/A-1", "story/A1", "story/B", "story/a", "story/b"]


async def test_a_missing_thread_is_made_and_stays(router_database: Database) -> None:
    async with router_database.transaction() as connection:
        held = await threads.lock(connection, ["story/1", "story/1"])

    assert held == {"story/1": threads.Thread("story/1")}
    assert await column(router_database, "SELECT subject FROM thread") == ["story/1"]


async def test_without_subjects_nothing_is_locked(router_database: Database) -> None:
    async with router_database.transaction() as connection:
        assert await threads.lock(connection, []) == {}


async def test_who_locks_a_story_sees_what_the_one_before_has_written(router_database: Database) -> None:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"

    async def count() -> int:
        async with router_database.transaction() as connection:
            held = await threads.lock(connection, ["story/1"])
            return held["story/1"].announced

    async with router_database.transaction() as connection:
        held = await threads.lock(connection, ["story/1"])
        second = asyncio.create_task(count())
        await eventually(lambda: one(router_database, waiting), what="the second transaction waits")
        held["story/1"].next_number(1)
        await threads.save(connection, list(held.values()))

    assert await second == 1


async def one(database: Database, statement: str) -> int:
    """The one number that a statement gives."""
    return int((await column(database, statement))[0])


async def test_what_was_heard_and_announced_comes_back_as_it_was_saved(router_database: Database) -> None:
    big = 2**62
    async with router_database.transaction() as connection:
        held = await threads.lock(connection, ["story/1", "story/2"])
        held["story/1"].hear("/storyloop/intake", (big, 3))
        held["story/1"].hear("/storyloop/intake", (big, 2))
        held["story/1"].hear("/storyloop/responder", (1, 1))
        assert [held["story/1"].next_number(5), held["story/1"].next_number(4)] == [(5, 1), (5, 2)]
        await threads.save(connection, list(held.values()))

    async with router_database.transaction() as connection:
        again = await threads.lock(connection, ["story/1", "story/2"])

    heard = {"/storyloop/intake": [big, 3], "/storyloop/responder": [1, 1]}
    assert again["story/1"] == threads.Thread("story/1", term=5, announced=2, heard={**heard})
    assert again["story/2"] == threads.Thread("story/2")


async def test_a_tombstone_keeps_its_first_moment(router_database: Database) -> None:
    moments = []
    for _ in range(2):
        async with router_database.transaction() as connection:
            held = await threads.lock(connection, ["story/1"])
            held["story/1"].erased = held["story/1"].moved = True
            await threads.save(connection, list(held.values()))
        moments += [row["erased_at"] for row in await fetch(router_database, "SELECT erased_at FROM thread")]

    assert moments[0] is not None
    assert moments[0] == moments[1]
