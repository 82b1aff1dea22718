"""The world of a run: the system's processes, two replicas of two services, and what may be done to them."""

import asyncio
import os
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import UUID

import asyncpg

from deploy.local.ports import free_port
from deploy.local.processes import Child, EndedError, NotReadyError
from deploy.local.stack import Stack
from deploy.local.system import Databases
from tests.chaos.driver import Driver
from tests.chaos.proxy import Proxy

REPLICAS = {"intake": 1, "router": 2, "responder": 2, "tracker": 1}
SETTINGS = {"STORYLOOP_SESSION": "PT6S", "STORYLOOP_PATIENCE": "PT5S"}
PATIENCE = 240
"""A start may take so many seconds; on a machine that is not crowded it takes two."""


@dataclass(frozen=True)
class Stopped:
    """How a process took a SIGTERM."""

    name: str
    code: int | None
    seconds: float


@dataclass
class World:
    """Everything that a fault can touch, and what is counted of it."""

    system: Stack
    """Its services go through the proxy; `direct` does not."""
    direct: Databases
    proxy: Proxy
    ports: dict[str, list[int]]
    children: dict[str, Child] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    setbacks: Counter[str] = field(default_factory=Counter)
    stops: list[Stopped] = field(default_factory=list)
    crashes: list[str] = field(default_factory=list)
    recoveries: dict[str, float] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    shifted: bool = False
    lifted_at: float = 0
    crowded: float = 1
    """How many times more work than three tasks a core the machine had at its worst; at least 1."""

    @classmethod
    def of(cls, system: Stack, proxy: Proxy) -> "World":
        """The system, with its services behind the proxy."""
        behind = {service: proxy.address(dsn) for service, dsn in system.databases.dsns.items()}
        ports = {
            service: [system.ports[service], *(free_port() for _ in range(replicas - 1))]
            for service, replicas in REPLICAS.items()
        }
        for server in (system.kafka.server, system.postgres.server):
            if isinstance(server, Child):
                server.within = PATIENCE
        seen = replace(system, databases=Databases(system.databases.admin, behind))
        world = cls(seen, system.databases, proxy, ports)
        world.children = {name: world.child(name) for name in world.names()}
        return world

    def names(self, *services: str) -> list[str]:
        """The replicas' names, of some services or of all."""
        return [f"{one}-{number}" for one in services or REPLICAS for number in range(REPLICAS[one])]

    def child(self, name: str, *arguments: str, **settings: str) -> Child:
        """A process of a replica that is not started; with arguments it is a victim."""
        service, _, number = name.rpartition("-")
        port = self.ports[service][int(number)]
        child = self.system.process(service, int(number), port, **(SETTINGS | settings))
        victim = [sys.executable, "-m", "tests.chaos.victim", service, *arguments]
        return replace(child, within=PATIENCE, command=victim if arguments else child.command)

    # --- what is done to processes -----------------------------------------------------------------

    async def start(self, *names: str) -> None:
        """Starts replicas side by side, with as much patience as a start under load needs."""
        await asyncio.gather(*(asyncio.to_thread(self.children[name].start) for name in names))

    async def kill(self, *names: str) -> None:
        """SIGKILL."""
        for name in names:
            self.counts["kills"] += self.children[name].running
        await asyncio.gather(*(asyncio.to_thread(self.children[name].kill) for name in names))

    async def stop(self, *names: str) -> None:
        """SIGTERM, and how it was taken."""

        async def one(name: str) -> None:
            begun, child = time.monotonic(), self.children[name]
            if child.running:
                await asyncio.to_thread(child.stop)
                self.stops.append(Stopped(name, child.exit_code, time.monotonic() - begun))

        await asyncio.gather(*map(one, names))

    async def replace(self, name: str, child: Child) -> None:
        """Another process in the place of a replica that has ended; it may end before it is ready."""
        self.children[name] = child
        with suppress(EndedError, NotReadyError):
            await asyncio.to_thread(child.start)

    async def ended(self, name: str, within: float) -> bool:
        """True as soon as a replica has ended by itself."""
        give_up_at = time.monotonic() + within
        while self.children[name].running:
            if time.monotonic() > give_up_at:
                return False
            await asyncio.sleep(0.05)
        return True

    async def supervise(self) -> None:
        """What ended by itself is noted and started again, as a cluster would do."""
        down = [name for name, child in self.children.items() if not child.running]
        for name in down:
            self.crashes.append(f"{name} ended with {self.children[name].exit_code}")
        await self.start(*down)

    def lift(self) -> None:
        """From now on nothing is in the way."""
        self.lifted_at = time.monotonic()

    # --- whether it works --------------------------------------------------------------------------

    async def recovered(self, driver: Driver, within: float = 240) -> float | None:
        """Seconds from the lifting until a new story has gone all the way; None if it has not in so many."""
        try:
            async with asyncio.timeout(within):
                story = await driver.publishers.offer_plainly()
                while not await self._has_gone_round(story):
                    await asyncio.sleep(0.05)
        except TimeoutError:
            return None
        self.crowded = max(self.crowded, os.getloadavg()[0] / (3 * (os.cpu_count() or 1)))
        return time.monotonic() - self.lifted_at

    async def _has_gone_round(self, story: UUID) -> bool:
        try:
            connection = await asyncpg.connect(self.direct.admin, timeout=3)
            try:
                return bool(
                    await connection.fetchval(
                        """
                        SELECT (SELECT count(*) FROM tracker.entry WHERE story = $1 AND kind LIKE 'story.%') >= 4
                           AND (SELECT count(*) FROM responder.team_case
                                 WHERE story = $1 AND opened_at IS NOT NULL) = 2
                        """,
                        story,
                        timeout=3,
                    )
                )
            finally:
                await connection.close(timeout=2)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False

    @property
    def folder(self) -> Path:
        """Where logs and the ledger lie."""
        return self.system.folder
