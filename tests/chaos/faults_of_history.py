"""Faults of the past: replays, databases set back, a listener made new, and two versions side by side."""

import asyncio
import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from random import Random

import asyncpg

from shared.migrations import migrate
from tests.chaos.faults import Fault
from tests.chaos.world import REPLICAS, World

ROOT = Path(__file__).parents[2]


async def replayed_from_zero(world: World, rng: Random) -> None:
    """One listener reads everything again; a replay made for it once is over."""
    service = rng.choice(list(REPLICAS))
    await world.stop(*world.names(service))
    connection = await asyncpg.connect(world.direct.admin, timeout=10)
    await connection.execute(
        f'UPDATE "{service}".position SET next_offset = 0'  # noqa: S608 - our own names
        " WHERE topic NOT LIKE 'storyloop.replay.%'"
    )
    await connection.close()
    world.lift()
    await world.start(*world.names(service))


async def listener_set_back(world: World, _: Random) -> None:
    """Tracker's database is that of some seconds ago."""
    await _set_back(world, "tracker")


async def announcer_set_back(world: World, _: Random) -> None:
    """Router's database is that of some seconds ago: it decides again, in a higher term."""
    await _set_back(world, "router")


async def _set_back(world: World, service: str) -> None:
    connection = await asyncpg.connect(world.direct.admin, timeout=10)
    try:
        await _copy(connection, service)
        await asyncio.sleep(6)
        await world.stop(*world.names(service))
        await _restore(connection, service)
    finally:
        await connection.close()
    world.setbacks[service] += 1
    world.lift()
    await world.start(*world.names(service))


async def _tables(connection: "asyncpg.Connection[asyncpg.Record]", schema: str) -> list[str]:
    rows = await connection.fetch(
        "SELECT tablename FROM pg_tables WHERE schemaname = $1 AND tablename NOT LIKE '%migration%'", schema
    )
    return [row["tablename"] for row in rows]


async def _copy(connection: "asyncpg.Connection[asyncpg.Record]", schema: str) -> None:
    async with connection.transaction(isolation="repeatable_read"):
        await connection.execute(f'DROP SCHEMA IF EXISTS "kept_{schema}" CASCADE; CREATE SCHEMA "kept_{schema}"')
        for table in await _tables(connection, schema):
            await connection.execute(f'CREATE TABLE "kept_{schema}"."{table}" AS TABLE "{schema}"."{table}"')


async def _restore(connection: "asyncpg.Connection[asyncpg.Record]", schema: str) -> None:
    """Foreign keys are not looked at in between; the outbox's counter goes back too, as in a real restore."""
    async with connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        tables = await _tables(connection, schema)
        await connection.execute("TRUNCATE " + ", ".join(f'"{schema}"."{table}"' for table in tables))
        for table in tables:
            await connection.execute(
                f'INSERT INTO "{schema}"."{table}" OVERRIDING SYSTEM VALUE'  # noqa: S608 - our own names
                f' SELECT * FROM "kept_{schema}"."{table}"'
            )
        await connection.execute(
            f"SELECT setval(pg_get_serial_sequence('{schema}.outbox', 'id'),"  # noqa: S608 - our own names
            f' (SELECT coalesce(max(id), 0) + 1 FROM "{schema}".outbox), false)'
        )


async def made_new(world: World, _: Random) -> None:
    """Tracker is made new: everybody restates for it while events flow."""
    (name,) = world.names("tracker")
    await world.stop(name)
    await _empty(world, "tracker")
    world.setbacks["tracker"] += 1
    await _command(world, "tracker", "shared.replay")
    for announcer in ("intake", "router", "responder"):
        await _command(world, announcer, f"services.{announcer}.restate", "tracker")
    world.children[name] = world.child(name, STORYLOOP_REPLAY="true")
    await world.start(name)
    await world.stop(name)
    world.children[name] = world.child(name)
    world.lift()
    await world.start(name)
    world.counts["listeners made new"] += 1


async def _empty(world: World, service: str) -> None:
    admin = await asyncpg.connect(world.direct.admin, timeout=10)
    owner = await admin.fetchval("SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname = $1", service)
    await admin.execute(f'DROP SCHEMA "{service}" CASCADE; CREATE SCHEMA "{service}" AUTHORIZATION {owner}')
    await admin.close()
    own = await asyncpg.connect(world.direct.dsns[service], timeout=10)
    await migrate(own, service)
    await own.close()


async def _command(world: World, service: str, module: str, *arguments: str) -> None:
    told = {"STORYLOOP_POSTGRES": world.direct.dsns[service], "STORYLOOP_KAFKA": world.system.kafka.address}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *arguments, env=os.environ | told, stdout=asyncio.subprocess.DEVNULL
    )
    async with asyncio.timeout(90):
        if await process.wait():
            raise RuntimeError(f"{module} failed with {process.returncode}")


CHANGES = {
    "shared/events.py": (
        'class StoryHeard(StoryEvent, name="story.heard", topic=topics.REPLIES):\n',
        'class StoryPondered(StoryEvent, name="story.pondered", topic=topics.REPLIES):\n    """New."""\n\n\n'
        'class StoryHeard(StoryEvent, name="story.heard", topic=topics.REPLIES):\n',
        "    role: Line\n",
        '    role: Line\n    shift: str = "night"\n',
    ),
    "services/responder/web.py": (
        "import Claim, ",
        "import Claim, StoryPondered, ",
        "work.announce(StoryHeard(",
        "work.announce(StoryPondered(story=case.story), StoryHeard(",
    ),
}
"""The next version: one more optional field, and one event that nobody knows; (old, new, old, new) in each file."""


def next_version(folder: Path) -> Path:
    """A copy of the services as they will be."""
    place = folder / "next"
    if not place.exists():
        for part in ("shared", "services"):
            shutil.copytree(ROOT / part, place / part, ignore=shutil.ignore_patterns("__pycache__"))
        for name, (old, new, other, newer) in CHANGES.items():
            source = (place / name).read_text()
            if old not in source or other not in source:
                raise LookupError(f"{name} is no longer what the next version is made of")
            (place / name).write_text(source.replace(old, new, 1).replace(other, newer, 1))
    return place


async def upgraded(world: World, rng: Random) -> None:
    """A replica of the next version beside one of this version, for a while; then this version again."""
    name = "responder-1"
    place = await asyncio.to_thread(next_version, world.folder)
    await world.stop(name)
    plain = world.child(name, PYTHONPATH=str(place), STORYLOOP_VERSION="next")
    world.children[name] = replace(plain, command=[sys.executable, "-P", "-m", "services.responder"])
    await world.start(name)
    await asyncio.sleep(rng.uniform(5, 8))
    await world.stop(name)
    world.children[name] = world.child(name)
    world.lift()
    await world.start(name)
    world.counts["upgraded and back"] += 1


HISTORY = (
    Fault("replayed_from_zero", replayed_from_zero, short=1, long=4),
    Fault("listener_set_back", listener_set_back, long=2),
    Fault("announcer_set_back", announcer_set_back, long=2),
    Fault("made_new", made_new, long=1),
    Fault("upgraded", upgraded, long=2),
)
