"""The nemesis: a schedule of faults that follows from a seed, and its execution while everybody goes on."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from deploy.local.ladder import Say
from tests.chaos.driver import Driver
from tests.chaos.faults import PROCESSES, Fault
from tests.chaos.faults_of_history import HISTORY
from tests.chaos.faults_of_stores import STORES
from tests.chaos.world import World

FAULTS: tuple[Fault, ...] = (*PROCESSES, *STORES, *HISTORY)
LONG = 40
"""From so many kills on a run is long: every fault happens, also those that take minutes."""


@dataclass(frozen=True)
class Planned:
    """One fault to come; all that it chooses follows from its seed."""

    fault: Fault
    pause: float
    seed: str


def schedule(seed: int, kills: int, only: Sequence[str] = ()) -> list[Planned]:
    """The faults of a run, in order; the same arguments give the same. `only`: these, once each."""
    rng = Random(f"{seed} {kills}")
    if only:
        faults = [fault for fault in FAULTS if fault.name in only]
    else:
        faults = [fault for fault in FAULTS for _ in range(fault.long if kills >= LONG else fault.short)]
        while sum(fault.kills for fault in faults) < kills:
            faults += rng.choices(FAULTS, [fault.weight for fault in FAULTS])
    rng.shuffle(faults)
    return [Planned(fault, rng.uniform(0, 0.5), f"{seed} {place}") for place, fault in enumerate(faults)]


async def torment(world: World, driver: Driver, planned: Sequence[Planned], say: Say) -> None:
    """Does one fault after the other, and after each measures how long it takes until a new story goes all the way."""
    begun = time.monotonic()
    for number, one in enumerate(planned, 1):
        await asyncio.sleep(one.pause)
        world.lift()
        await one.fault.do(world, Random(one.seed))
        await world.supervise()
        took = await world.recovered(driver)
        known = world.recoveries.get(one.fault.name, 0)
        world.recoveries[one.fault.name] = max(known, took if took is not None else float("inf"))
        at = time.monotonic() - begun
        say(
            f"{at:6.0f} s  {number:3d}/{len(planned)}  {one.fault.name:<24} "
            f"kills {world.counts['kills']:3d}  recovered after {took or float('inf'):.1f} s"
        )
