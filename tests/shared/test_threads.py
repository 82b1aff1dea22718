"""Threads: locking a story's row is locking the story, and sorted locks never wait for each other in a ring."""

import asyncio
import random
from collections.abc import Sequence

from shared import threads
from shared.database import Database
from shared.ids import new_id
from shared.work import Home, Work, on_threads
from tests.service import column, fetch
from tests.waiting import eventually


async def announce(database: Database, subjects: Sequence[str], rounds: int, count: int) -> None:
    """Many transactions, each over `count` of these subjects, in an order of its own."""

    async def number(work: Work) -> None:
        for thread in work.threads.values():
            thread.next_number(1)

    for _ in range(rounds):
        await on_threads(Home("router", database), random.sample(subjects, count), number)


async def test_transactions_over_the_same_subjects_in_any_order_never_deadlock(router_database: Database) -> None:
    subjects = [f"story/{new_id()}" for _ in range(12)]

    await asyncio.gather(*(announce(router_database, subjects, 60, 12) for _ in range(4)))

    assert await column(router_database, "SELECT announced FROM thread") == [240] * 12


async def test_transactions_over_sets_that_overlap_and_are_partly_new_never_deadlock(router_database: Database) -> None:
    subjects = [f"story/{new_id()}" for _ in range(200)]

    await asyncio.gather(*(announce(router_database, subjects, 40, 20) for _ in range(4)))

    assert await column(router_database, "SELECT sum(announced)::integer FROM thread") == [4 * 40 * 20]


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

    async def count(work: Work) -> int:
        return work.threads["story/1"].announced

    async with router_database.transaction() as connection:
        held = await threads.lock(connection, ["story/1"])
        second = asyncio.create_task(on_threads(Home("router", router_database), ["story/1"], count))
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
