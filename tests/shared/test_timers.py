"""Timers: due by the database's clock, each fired once, and none lost because another one's handler fails."""

import asyncio
from datetime import UTC, datetime, timedelta

from shared import timers
from shared.database import Database
from shared.entrance import Entrance
from shared.jobs import BACKLOG_THAT_HOLDS_TIMERS, Jobs
from shared.timers import Timer
from shared.work import Handler, Work, on_threads
from tests.service import backlog_of, column, execute, fetch, home_of

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


class Fired:
    """A handler that notes what it was called with, and fails for the targets it is told to."""

    def __init__(self, *failing: str) -> None:
        self.targets: list[str] = []
        self.failing = failing

    async def handle(self, due: list[Timer], _work: Work) -> None:
        if any(timer.target in self.failing for timer in due):
            raise ValueError("a bug")
        self.targets += [timer.target for timer in due]


def jobs(database: Database, handler: Handler, backlog: int = 0) -> Jobs:
    entrances: list[Entrance] = []
    return Jobs(home_of("responder", database), entrances, {"check": handler}, {}, backlog_of(backlog))


async def remind(database: Database, *targets: str, due_at: datetime = LONG_AGO) -> None:
    async with database.transaction() as connection:
        await timers.save(connection, [Timer(f"story/{target}", "check", due_at, target) for target in targets])


async def test_a_timer_fires_when_the_databases_clock_says_so_and_not_before(responder: Database) -> None:
    fired = Fired()
    now = (await column(responder, "SELECT now()"))[0]
    await remind(responder, "past", due_at=now - timedelta(seconds=1))
    await remind(responder, "future", due_at=now + timedelta(hours=1))

    await jobs(responder, fired.handle).fire_timers()

    assert fired.targets == ["past"]
    assert await column(responder, "SELECT target FROM timer") == ["future"]


async def test_a_timer_that_is_set_already_keeps_its_time(responder: Database) -> None:
    await remind(responder, "one", due_at=LONG_AGO)

    await remind(responder, "one", due_at=LONG_AGO + timedelta(days=9))

    assert await column(responder, "SELECT due_at FROM timer") == [LONG_AGO]


async def test_two_workers_fire_each_timer_once(responder: Database) -> None:
    fired = Fired()
    await remind(responder, *(f"t{number:02}" for number in range(30)))

    await asyncio.gather(*(jobs(responder, fired.handle).fire_timers() for _ in range(2)))

    assert sorted(fired.targets) == [f"t{number:02}" for number in range(30)]


async def test_a_worker_passes_over_a_timer_that_another_one_has_claimed(responder: Database) -> None:
    await remind(responder, "one")
    due = [Timer("story/one", "check", LONG_AGO, "one")]

    async with responder.transaction() as first, responder.transaction() as second:
        claimed, passed_over = await timers.claim(first, due), await timers.claim(second, due)

    assert (claimed, passed_over) == (due, [])


async def test_a_timer_whose_handler_fails_is_postponed_and_the_others_fire(responder: Database) -> None:
    fired = Fired("bad")
    await remind(responder, "good", "bad", "fine")

    await jobs(responder, fired.handle).fire_timers()

    rows = await fetch(responder, "SELECT target, failures, due_at - now() AS wait FROM timer")
    assert sorted(fired.targets) == ["fine", "good"]
    assert [(row["target"], row["failures"]) for row in rows] == [("bad", 1)]
    assert timedelta(seconds=50) < rows[0]["wait"] <= timedelta(minutes=1)


async def test_each_failure_doubles_the_pause(responder: Database) -> None:
    fired = Fired("bad")
    await remind(responder, "bad")

    for _ in range(3):
        await execute(responder, "UPDATE timer SET due_at = now() - interval '1 second'")
        await jobs(responder, fired.handle).fire_timers()

    rows = await fetch(responder, "SELECT failures, due_at - now() AS wait FROM timer")
    assert rows[0]["failures"] == 3
    assert timedelta(minutes=3, seconds=50) < rows[0]["wait"] <= timedelta(minutes=4)


async def test_timers_are_held_back_while_much_is_still_to_be_heard(responder: Database) -> None:
    fired = Fired()
    await remind(responder, "one")

    await jobs(responder, fired.handle, backlog=BACKLOG_THAT_HOLDS_TIMERS + 1).fire_timers()
    while_behind = list(fired.targets)
    await jobs(responder, fired.handle, backlog=BACKLOG_THAT_HOLDS_TIMERS).fire_timers()

    assert (while_behind, fired.targets) == ([], ["one"])


async def test_a_cancelled_timer_does_not_fire(responder: Database) -> None:
    fired = Fired()
    await remind(responder, "answered", "silent")

    async def answer(work: Work) -> None:
        work.cancel("story/answered", "check", "answered")

    await on_threads(home_of("responder", responder), {"story/answered"}, answer)
    await jobs(responder, fired.handle).fire_timers()

    assert fired.targets == ["silent"]
