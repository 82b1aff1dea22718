"""Faults of Kafka, Postgres and the network between."""

import asyncio
import subprocess
from contextlib import suppress
from dataclasses import replace
from random import Random

import asyncpg

from tests.chaos.faults import TWICE, Fault
from tests.chaos.world import World

LONG_OUTAGE = 360


async def postgres_killed(world: World, rng: Random) -> None:
    """SIGKILL of the database, and it comes back."""
    await asyncio.to_thread(world.system.postgres.kill)
    world.counts["kills"] += 1
    await asyncio.sleep(rng.uniform(0, 2))
    await asyncio.to_thread(world.system.postgres.start)
    world.lift()


async def kafka_killed(world: World, rng: Random) -> None:
    """SIGKILL of the broker, and it comes back."""
    await asyncio.to_thread(world.system.kafka.kill)
    world.counts["kills"] += 1
    await asyncio.sleep(rng.uniform(0, 2))
    await asyncio.to_thread(world.system.kafka.start)
    world.lift()


async def postgres_frozen(world: World, rng: Random) -> None:
    """The database does not answer for longer than the time-outs."""
    await asyncio.to_thread(world.system.postgres.freeze)
    await asyncio.sleep(rng.uniform(20, 50))
    await asyncio.to_thread(world.system.postgres.thaw)
    world.lift()


async def kafka_frozen(world: World, rng: Random) -> None:
    """The broker does not answer for longer than the sessions."""
    await asyncio.to_thread(world.system.kafka.freeze)
    await asyncio.sleep(rng.uniform(10, 45))
    await asyncio.to_thread(world.system.kafka.thaw)
    world.lift()


async def connections_reset(world: World, _: Random) -> None:
    """Every connection to the database is cut."""
    world.counts["resets"] += world.proxy.cut_all()
    world.lift()


async def half_open(world: World, rng: Random) -> None:
    """The network swallows what is sent; then the connections are gone."""
    world.proxy.flowing.clear()
    await asyncio.sleep(rng.uniform(3, 8))
    world.proxy.cut_all()
    world.proxy.flowing.set()
    world.lift()


async def commits_lost(world: World, rng: Random) -> None:
    """Some COMMITs are done, and nobody is told."""
    before, wanted = world.proxy.lost, rng.randint(2, 4)
    world.proxy.to_lose = wanted
    with suppress(TimeoutError):
        async with asyncio.timeout(60):
            while world.proxy.lost < before + wanted:
                await asyncio.sleep(0.05)
                world.proxy.to_lose = max(world.proxy.to_lose, world.proxy.lost < before + wanted)
    world.proxy.to_lose = 0
    world.lift()


async def disk_full(world: World, rng: Random) -> None:
    """The disk under one service's tables is full: a small tmpfs as their tablespace, filled to its end."""
    place = world.folder / "small"
    place.mkdir(exist_ok=True)
    mounted = await _run("mount", "-t", "tmpfs", "-o", "size=24m,mode=0777", "tmpfs", str(place))
    if not mounted:
        world.left_out.append("disk_full: a tmpfs cannot be mounted as this user")
        return world.lift()
    service = rng.choice(("router", "tracker"))
    try:
        await _move(world, service, f"CREATE TABLESPACE small LOCATION '{place}'", "small")
        filler = place / "filler"
        await _run("dd", "if=/dev/zero", f"of={filler}", "bs=64k")
        await asyncio.sleep(rng.uniform(5, 8))
        filler.unlink()
        world.lift()
        await _move(world, service, "", "pg_default")
        await _execute(world, "DROP TABLESPACE small")
    finally:
        await _run("umount", "--lazy", str(place))


async def _move(world: World, service: str, first: str, space: str) -> None:
    if first:
        (world.folder / "small").chmod(0o777)
        await _run("chown", "-R", f"--reference={_data(world)}", str(world.folder / "small"))
        await _execute(world, first)
    await world.stop(*world.names(service))
    for table in ("outbox", "thread", "position"):
        await _execute(world, f'ALTER TABLE "{service}".{table} SET TABLESPACE {space}')
    await world.start(*world.names(service))


def _data(world: World) -> str:
    return str(next(world.folder.glob("postgres-*/data")))


async def _execute(world: World, statement: str) -> None:
    connection = await asyncpg.connect(world.direct.admin, timeout=10)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _run(*command: str) -> bool:
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, check=False)
    return done.returncode == 0


async def six_minutes(world: World, rng: Random) -> None:
    """The database is frozen for six minutes; meanwhile a service is started anew and a replica stays away."""
    again, away = "tracker-0", rng.choice(world.names(*TWICE))
    await asyncio.to_thread(world.system.postgres.freeze)
    await world.kill(again, away)
    world.children[again] = replace(world.child(again), within=LONG_OUTAGE + 120)
    back = asyncio.create_task(world.start(again))
    await asyncio.sleep(LONG_OUTAGE)
    await asyncio.to_thread(world.system.postgres.thaw)
    world.lift()
    await back
    await world.start(away)


STORES = (
    Fault("postgres_killed", postgres_killed, kills=1, short=1, long=3, weight=2),
    Fault("kafka_killed", kafka_killed, kills=1, short=1, long=3, weight=1),
    Fault("postgres_frozen", postgres_frozen, long=2),
    Fault("kafka_frozen", kafka_frozen, long=2),
    Fault("connections_reset", connections_reset, short=1, long=5, weight=3),
    Fault("half_open", half_open, long=3, weight=1),
    Fault("commits_lost", commits_lost, short=1, long=8, weight=4),
    Fault("disk_full", disk_full, long=1),
    Fault("six_minutes", six_minutes, kills=2, long=1),
)
