"""The live lane behind a backlog of comments, and what each service needs when there is nothing to do."""

import asyncio
import time
from typing import Any

import psutil

from deploy.local.processes import Child
from tests.bench.contenders import Contender
from tests.bench.driver import Driver
from tests.bench.parts import WITHIN, waits
from tests.bench.processes import memory
from tests.bench.stories import COMMENT_OFFERS, comments, stories
from tests.bench.tables import Tables, Wrong

LIVE_RATE = 50
WARM = 100
"""The first stories after the start, which do not count."""


async def behind_a_backlog(services: Contender, driver: Driver, waiting: int) -> dict[str, Any]:
    """Stories at a pace while so many comments wait: latency to responder's case, and comments a second.

    Only stories that were due while comments still waited count.
    """
    tables = await Tables.open(services.databases.admin)
    backlog, live = comments("backlog", waiting), stories("live", LIVE_RATE * WITHIN)
    await tables.empty()
    await driver.load(COMMENT_OFFERS, backlog)
    await asyncio.to_thread(services.start)
    drained = asyncio.create_task(tables.wait_for_comments(waiting, WITHIN))
    due = await driver.pace(services.offers, live, LIVE_RATE, drained.done)
    await drained
    await tables.wait_for(len(due), WITHIN)
    await tables.wait_for_all(len(due), WITHIN)
    await tables.check(live[: len(due)], backlog)
    counted, ahead = await tables.counted_at(), await tables.clock_ahead()
    cases = await tables.cased_at()
    await tables.connection.close()
    if not counted:
        raise Wrong("this server notes no commit times (track_commit_timestamp), so comments cannot be timed")
    measured = {story: at for story, at in list(due.items())[WARM:] if at + ahead < counted[-1]}
    if not measured:
        raise Wrong(f"{waiting} comments were gone before a story was measured beside them")
    return {
        "comments": waiting,
        "comments_per_second": waiting / (counted[-1] - counted[0]),
        "live": waits(measured, cases, ahead),
    }


async def at_rest(services: Contender, seconds: float) -> dict[str, dict[str, float]]:
    """Memory after load, idle CPU (per cent of one core), then each alone: from its start until it is ready."""
    found = {
        process.name: {f"{kind}_mb": mb for kind, mb in memory(process.pid).items()} for process in services.processes
    }
    await asyncio.sleep(3)
    before = {process.name: _used(process) for process in services.processes}
    await asyncio.sleep(seconds)
    for process in services.processes:
        found[process.name]["idle_percent"] = (_used(process) - before[process.name]) / seconds * 100
    for process in services.processes:
        await asyncio.to_thread(process.stop)
        started = time.perf_counter()
        await asyncio.to_thread(process.start)
        found[process.name]["start_seconds"] = time.perf_counter() - started
        found[process.name]["fresh_rss_mb"] = memory(process.pid)["rss"]
    return found


def _used(process: Child) -> float:
    times = psutil.Process(process.pid).cpu_times()
    return float(times.user + times.system)
