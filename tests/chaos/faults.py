"""Faults of processes: one small function each, and how often each is meant to happen."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from random import Random

from tests.chaos.victim import POINTS
from tests.chaos.world import REPLICAS, World

Do = Callable[[World, Random], Awaitable[None]]
KILLED = 128 + signal.SIGKILL
TWICE = [service for service, replicas in REPLICAS.items() if replicas > 1]


@dataclass(frozen=True)
class Fault:
    """What is done; `short` and `long`: how often at least in a run of that kind; `weight`: how often beyond."""

    name: str
    do: Do
    kills: int = 0
    short: int = 0
    long: int = 1
    weight: int = 0


async def killed_at_random(world: World, rng: Random) -> None:
    """SIGKILL of any replica at any moment, and back at once."""
    name = rng.choice(world.names())
    await world.kill(name)
    world.lift()
    await world.start(name)


async def two_killed(world: World, rng: Random) -> None:
    """SIGKILL of two replicas at once; one is back later."""
    first, second = rng.sample(world.names(), 2)
    await world.kill(first, second)
    await world.start(first)
    await asyncio.sleep(rng.uniform(0, 2))
    world.lift()
    await world.start(second)


async def killed_at(point: str, world: World, rng: Random) -> None:
    """A replica dies at a named point, the nth time that it gets there.

    The relay's lock must be its own for it to get to a point of the relay: then its twin dies as well.
    """
    owner = "intake" if point == "after_delivery" else rng.choice(list(REPLICAS))
    name = rng.choice(world.names(owner))
    twins = world.names(owner) if point == "after_send" else [name]
    nth = rng.randint(1, 5)
    await world.kill(*twins)
    await world.replace(name, world.child(name, "--point", point, "--pass", str(nth)))
    reached = await world.ended(name, 15) and world.children[name].exit_code == KILLED
    world.counts[f"died {point}"] += reached
    world.counts["kills"] += reached
    await world.kill(name)
    world.children[name] = world.child(name)
    world.lift()
    await world.start(*twins)


async def stopped(world: World, rng: Random) -> None:
    """SIGTERM under load."""
    name = rng.choice(world.names())
    await world.stop(name)
    world.lift()
    await world.start(name)


async def zombie(world: World, rng: Random) -> None:
    """A replica is frozen past its session, so that others take over, and wakes up."""
    name = rng.choice(world.names(*TWICE))
    await asyncio.to_thread(world.children[name].freeze)
    await asyncio.sleep(rng.uniform(8, 12))
    world.lift()
    await asyncio.to_thread(world.children[name].thaw)


async def rebalance_storm(world: World, rng: Random) -> None:
    """A replica comes and goes, again and again."""
    name = rng.choice(world.names(*TWICE))
    for _ in range(4):
        await world.stop(name)
        await world.start(name)
        await asyncio.sleep(rng.uniform(0, 0.5))
    world.lift()


async def wrong_clock(world: World, rng: Random) -> None:
    """A replica's wall clock is an hour wrong until it is killed."""
    name, hours = rng.choice(world.names()), rng.choice(("-1", "1"))
    await world.kill(name)
    world.shifted = True
    await world.replace(name, world.child(name, "--clock-hours", hours))
    await asyncio.sleep(rng.uniform(2, 4))
    await world.kill(name)
    world.children[name] = world.child(name)
    world.lift()
    await world.start(name)


PROCESSES = (
    Fault("killed_at_random", killed_at_random, kills=1, short=1, long=20, weight=10),
    Fault("two_killed", two_killed, kills=2, short=1, long=5, weight=4),
    *(
        Fault(f"killed_{point}", partial(killed_at, point), kills=2, short=point != "after_delivery", long=3, weight=2)
        for point in POINTS
    ),
    Fault("stopped", stopped, short=1, long=5, weight=2),
    Fault("zombie", zombie, long=4, weight=1),
    Fault("rebalance_storm", rebalance_storm, long=3),
    Fault("wrong_clock", wrong_clock, kills=2, long=3, weight=1),
)
