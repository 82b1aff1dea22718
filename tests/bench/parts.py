"""The parts of a run: each starts one contender on empty tables, warms it up, measures and checks."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from deploy.local.stack import Stack
from tests.bench.contenders import Contender
from tests.bench.driver import Driver
from tests.bench.processes import Cpu, cpu
from tests.bench.stories import Offered, stories
from tests.bench.tables import Tables

WITHIN = 300
LEAST_SECONDS = 8


@dataclass
class Part:
    """One contender, running and warm."""

    contender: Contender
    tables: Tables
    driver: Driver
    system: Stack
    name: str
    sent: list[Offered] = field(default_factory=list)
    pace: float = 0.0
    """Stories a second while it warmed up."""

    def cpu(self) -> Cpu:
        """What all have used so far."""
        python = [process.pid for process in self.contender.processes]
        return cpu(python, self.system.postgres, self.system.kafka)

    def more(self, count: int) -> list[Offered]:
        """Stories that were not sent before."""
        made = stories(f"{self.name}-{len(self.sent)}", count)
        self.sent += made
        return made

    async def warm(self) -> None:
        """The first stories after a start are slow and count for nothing."""
        offers = self.more(self.contender.warm_up)
        await self.driver.load(self.contender.offers, offers)
        await self.tables.wait_for(len(self.sent), WITHIN)
        times = sorted((await self.tables.routed_at()).values())
        later = [at for at in times if at > times[0] + (times[-1] - times[0]) / 3]
        self.pace = len(later) / max(0.1, later[-1] - later[0])

    async def settle(self) -> None:
        """Everything that was sent is in every table, and as it was sent."""
        await self.tables.wait_for(len(self.sent), WITHIN)
        await self.tables.wait_for_all(len(self.sent), WITHIN)
        await self.tables.check(self.sent)


@asynccontextmanager
async def part(name: str, contender: Contender, driver: Driver, system: Stack) -> AsyncIterator[Part]:
    """A part of the run; its name is in the references of its stories."""
    tables = await Tables.open(contender.databases.admin)
    try:
        await tables.empty()
        await asyncio.to_thread(contender.start)
        made = Part(contender, tables, driver, system, name)
        await made.warm()
        yield made
    finally:
        await asyncio.to_thread(contender.stop)
        await tables.connection.close()


async def throughput(part: Part, rate: float, seconds: float) -> dict[str, Any]:
    """Stories a second at full load; once more with more stories if that took less than eight seconds."""
    found = await _full_load(part, int((rate or part.pace) * seconds))
    if found["seconds"] < LEAST_SECONDS:
        found = await _full_load(part, int(found["stories_per_second"] * seconds))
    await part.settle()
    return found


async def _full_load(part: Part, count: int) -> dict[str, Any]:
    """All stories lie on the topic before anybody reads."""
    offers = part.more(count)
    await asyncio.to_thread(part.contender.freeze)
    try:
        await part.driver.load(part.contender.offers, offers)
        before, start = part.cpu(), time.time() + await part.tables.clock_ahead()
    finally:
        await asyncio.to_thread(part.contender.thaw)
    await part.tables.wait_for(len(part.sent), WITHIN)
    end = max(_last(await part.tables.routed_at(), offers), _last(await part.tables.cased_at(), offers))
    await part.tables.wait_for_all(len(part.sent), WITHIN)
    used = part.cpu().since(before)
    return {
        "stories": len(offers),
        "seconds": end - start,
        "stories_per_second": len(offers) / (end - start),
        "cpu_us_per_story": {kind: _micro(value, len(offers)) for kind, value in used.items()},
    }


async def latency(part: Part, rate: float, seconds: float) -> dict[str, Any]:
    """Milliseconds from a submission's planned moment to the commit of tracker's row."""
    due = await part.driver.pace(part.contender.offers, part.more(int(rate * seconds)), rate)
    await part.tables.wait_for(len(part.sent), WITHIN)
    found = waits(due, await part.tables.routed_at(), await part.tables.clock_ahead())
    await part.settle()
    return found


def waits(due: Mapping[UUID, float], done: Mapping[UUID, float], ahead: float) -> dict[str, Any]:
    """How long each took, in milliseconds; `ahead` is the database's clock to ours."""
    took = sorted((done[story] - ahead - moment) * 1000 for story, moment in due.items())
    return {"stories": len(took), "p50": percentile(took, 50), "p99": percentile(took, 99), "max": took[-1]}


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that so many per cent do not exceed (nearest rank); the values are sorted."""
    return values[max(0, -(-len(values) * int(percent) // 100) - 1)]


def _last(times: Mapping[UUID, float], offers: Sequence[Offered]) -> float:
    return max(times[one.id] for one in offers)


def _micro(seconds: float | None, stories: int) -> float | None:
    return None if seconds is None else seconds * 1_000_000 / stories
