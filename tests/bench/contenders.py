"""Who is compared: three chains of four processes on one broker and one Postgres, each with its own tables."""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

import asyncpg

from deploy.local.processes import Child
from deploy.local.servers import Foreign
from deploy.local.stack import Stack, together
from deploy.local.system import SERVICES, Databases, make_database, make_topics, migrate_all
from services.intake.publishers import register
from services.router import store
from shared.database import Database
from tests.bench import bare_stages, naive
from tests.bench.stories import DIRECTORY, OFFERS, PUBLISHER


@dataclass(frozen=True)
class Contender:
    """Four processes that are started for each part of the run and stopped after it; one at a time."""

    name: str
    databases: Databases
    offers: str
    """The topic of its offers."""
    warm_up: int
    """Stories before anything counts."""
    processes: Sequence[Child]

    def start(self) -> None:
        """Returns when all are ready."""
        together([process.start for process in self.processes])

    def stop(self) -> None:
        """Returns when all are gone."""
        together([process.stop for process in self.processes])

    def freeze(self) -> None:
        """Nobody reads while offers are put on the topic."""
        together([process.freeze for process in self.processes])

    def thaw(self) -> None:
        """All go on."""
        together([process.thaw for process in self.processes])


async def contenders(system: Stack) -> dict[str, Contender]:
    """a, b and c; none of them started."""
    await make_topics(system.kafka.address, [], [*naive.TOPICS, *bare_stages.TOPICS])
    plain = {name: await _database(system) for name in ("naive", "bare")}
    for databases in (system.databases, *plain.values()):
        await _prepare(databases)
    services = [system.process(service) for service in SERVICES]
    return {
        "a": Contender("a naive", plain["naive"], naive.OFFERS, 200, _chain(system, "naive", plain["naive"])),
        "b": Contender("b services", system.databases, OFFERS, 2000, services),
        "c": Contender("c bare", plain["bare"], bare_stages.OFFERS.name, 2000, _chain(system, "bare", plain["bare"])),
    }


async def _database(system: Stack) -> Databases:
    databases = await make_database(system.postgres.dsn, f"bench_{uuid4().hex[:8]}")
    await migrate_all(databases)
    return databases


async def _prepare(databases: Databases) -> None:
    """The same register and directory for all."""
    await register(databases.dsns["intake"], PUBLISHER, None)
    database = await Database.connect(databases.dsns["router"], application="bench")
    async with database.transaction() as connection:
        await store.replace_directory(connection, DIRECTORY)
        await store.release(connection)
    await database.close()


def _chain(system: Stack, kind: str, databases: Databases) -> list[Child]:
    return [
        Child(
            f"{kind}-{stage}",
            [sys.executable, "-m", f"tests.bench.{kind}", stage],
            system.folder,
            {"BENCH_KAFKA": system.kafka.address, "BENCH_POSTGRES": databases.dsns[stage]},
        )
        for stage in SERVICES
    ]


async def note_commit_times(system: Stack) -> None:
    """Lets Postgres note when each transaction was committed; a server that is not ours may do so or not."""
    if isinstance(system.postgres.server, Foreign):
        return
    connection = await asyncpg.connect(system.postgres.dsn)
    await connection.execute("ALTER SYSTEM SET track_commit_timestamp = on")
    await connection.close()
    await asyncio.to_thread(system.postgres.stop)
    await asyncio.to_thread(system.postgres.start)
