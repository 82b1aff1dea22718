"""One run: the system starts, everybody acts, the nemesis strikes, all becomes quiet, and the checker looks."""

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import suppress

from deploy.local.folder import run_folder
from deploy.local.ladder import Say
from deploy.local.stack import Stack, stack
from services.router.load import load
from shared.database import Database
from shared.topics import all_topics
from shared.work import Home, on_threads
from tests.chaos import quiet
from tests.chaos.driver import Driver
from tests.chaos.evidence import Evidence, logs_of, records_of, rows_of
from tests.chaos.ledger import read
from tests.chaos.nemesis import Planned, schedule, torment
from tests.chaos.proxy import Proxy
from tests.chaos.report import Report
from tests.chaos.world import World
from tests.journeys.conftest import DIRECTORY, PUBLISHERS

WARM_UP_SECONDS = 2
QUIET_SECONDS = 240
"""A letter that was being sent when intake was killed waits a minute to be sent again."""


def run(kills: int, seed: int, only: Sequence[str] = (), say: Say = print) -> Report:
    """A whole run; what was violated stands in the report."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it says four times a second that the broker is away
    with run_folder(say) as folder, stack(folder, PUBLISHERS, say, start=False) as system:
        return asyncio.run(_run(system, schedule(seed, kills, only), seed, say))


async def _run(system: Stack, planned: Sequence[Planned], seed: int, say: Say) -> Report:
    await _load_directory(system)
    begun = time.monotonic()
    async with Proxy.before(system.databases.admin) as proxy:
        world = World.of(system, proxy)
        peaks: quiet.Peaks = {}
        watching = asyncio.create_task(quiet.watch(world, peaks))
        try:
            await world.start(*world.names())
            unquiet, driver = await _act(world, planned, seed, say)
            evidence = await _gather(world, driver, peaks, unquiet)
        finally:
            watching.cancel()
            await world.stop(*world.names())
        return Report.of(seed, planned, time.monotonic() - begun, world, evidence)


async def _act(world: World, planned: Sequence[Planned], seed: int, say: Say) -> tuple[list[str], Driver]:
    async with Driver.of(world.system, world.ports, str(seed), pace=10) as driver:
        stop = asyncio.Event()
        acting = asyncio.create_task(driver.run(stop))
        try:
            await asyncio.sleep(WARM_UP_SECONDS)
            await torment(world, driver, planned, say)
        finally:
            stop.set()
            with suppress(TimeoutError):
                await asyncio.wait_for(acting, 90)
        return await quiet.quiet(world, within=QUIET_SECONDS), driver


async def _gather(world: World, driver: Driver, peaks: quiet.Peaks, unquiet: Sequence[str]) -> Evidence:
    records, ends = await records_of(world.system.kafka.address, all_topics(tuple(one.name for one in PUBLISHERS)))
    return Evidence(
        ledger=read(driver.ledger.path),
        rows=await rows_of(world.direct.admin),
        records=records,
        ends=ends,
        committed=await quiet.committed_offsets(world.system.kafka.address),
        logs=await asyncio.to_thread(logs_of, world.folder),
        mails=list(world.system.mailbox.mails),
        setbacks=world.setbacks,
        remade=frozenset({"tracker"} if world.counts["listeners made new"] else ()),
        shifted=world.shifted,
        stops=list(world.stops),
        recoveries=dict(world.recoveries),
        wrong=list(driver.people.asking.wrong),
        peaks=dict(peaks),
        crowded=world.crowded,
        unquiet=unquiet,
    )


async def _load_directory(system: Stack) -> None:
    database = await Database.connect(system.databases.dsns["router"], application="chaos")
    await on_threads(Home("router", database), ["directory/all"], lambda work: load(DIRECTORY, work))
    await database.close()
