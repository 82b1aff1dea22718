"""`python -m tests.bench [--quick]`: runs all parts, prints the report and writes `build/bench.json`."""

import asyncio
import logging
import statistics
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import typer

from deploy.local.folder import run_folder
from deploy.local.stack import Stack, stack
from tests.bench import report
from tests.bench.contenders import Contender, contenders, note_commit_times
from tests.bench.driver import Driver
from tests.bench.lanes import at_rest, behind_a_backlog
from tests.bench.parts import latency, part, throughput
from tests.bench.stories import PUBLISHER
from tests.bench.targets import judged


@dataclass(frozen=True)
class Size:
    """How long each part is."""

    rounds: int
    seconds: float
    """That a part at full load should last, judged by the round before."""
    paced_seconds: float
    comments: int
    idle_seconds: float


FULL = Size(rounds=4, seconds=12, paced_seconds=30, comments=100_000, idle_seconds=20)
QUICK = Size(rounds=2, seconds=9, paced_seconds=8, comments=30_000, idle_seconds=20)


class Run:
    """One run of the benchmark."""

    def __init__(self, system: Stack, all_: Mapping[str, Contender], driver: Driver, size: Size) -> None:
        self.system, self.contenders, self.driver, self.size = system, all_, driver, size
        self.rates = dict.fromkeys(all_, 0.0)

    async def all(self) -> dict[str, Any]:
        """All parts, one after the other."""
        figures: dict[str, Any] = {"machine": report.machine(self.system), "size": asdict(self.size)}
        figures["throughput"] = await self.throughput()
        figures["latency"] = await self.latency()
        _say(f"live lane behind {self.size.comments} comments")
        services = self.contenders["b"]
        try:
            figures["backlog"] = await behind_a_backlog(services, self.driver, self.size.comments)
            _say("each service at rest, and its start")
            figures["services"] = await at_rest(services, self.size.idle_seconds)
        finally:
            await asyncio.to_thread(services.stop)
        return figures | {"targets": judged(figures)}

    async def throughput(self) -> dict[str, Any]:
        """Interleaved rounds, every other one backwards; the median of each contender's rates counts."""
        found: dict[str, list[dict[str, Any]]] = {name: [] for name in self.contenders}
        for number in range(self.size.rounds):
            for name in sorted(found, reverse=number % 2 == 1):
                one = await self._full_load(name, f"r{number}")
                found[name].append(one)
                self.rates[name] = one["stories_per_second"]
                _say(f"round {number + 1} {name}: {one['stories_per_second']:.0f} stories/s in {one['seconds']:.1f} s")
        return {name: _middle(rounds) for name, rounds in found.items()}

    async def _full_load(self, name: str, round_: str) -> dict[str, Any]:
        async with part(round_, self.contenders[name], self.driver, self.system) as running:
            return await throughput(running, self.rates[name], self.size.seconds)

    async def latency(self) -> dict[str, Any]:
        """Paced, open loop."""
        found = {}
        for name, paces in (("a", (50,)), ("b", (50, 200)), ("c", (50, 200))):
            async with part("paced", self.contenders[name], self.driver, self.system) as running:
                for pace in paces:
                    one = await latency(running, pace, self.size.paced_seconds)
                    found[f"{name} at {pace}/s"] = one
                    _say(f"{name} at {pace}/s: p50 {one['p50']:.0f} ms, p99 {one['p99']:.0f} ms")
        return found


def _middle(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    kinds = rounds[0]["cpu_us_per_story"]
    return {
        "stories_per_second": statistics.median(one["stories_per_second"] for one in rounds),
        "rounds": [one["stories_per_second"] for one in rounds],
        "stories": [one["stories"] for one in rounds],
        "seconds": [one["seconds"] for one in rounds],
        "cpu_us_per_story": {kind: _median([one["cpu_us_per_story"][kind] for one in rounds]) for kind in kinds},
    }


def _median(values: list[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return statistics.median(there) if there else None


def _say(line: str) -> None:
    typer.echo(f"{time.strftime('%H:%M:%S')} {line}")


async def _run(system: Stack, size: Size) -> dict[str, Any]:
    await note_commit_times(system)
    async with Driver.of(system.kafka.address) as driver:
        return await Run(system, await contenders(system), driver, size).all()


def main(quick: Annotated[bool, typer.Option(help="Three minutes instead of twelve.")] = False) -> None:
    """Measures the services against a naive and a bare chain; fails if anything that was sent is not there."""
    started = time.monotonic()
    logging.getLogger("aiokafka").setLevel(logging.ERROR)  # fresh topics have no leader yet: it asks again by itself
    with run_folder() as folder, stack(folder, [PUBLISHER], start=False) as system:
        figures = asyncio.run(_run(system, QUICK if quick else FULL))
    report.save(figures)
    typer.echo("\n".join(report.lines(figures)))
    typer.echo(f"in {time.monotonic() - started:.0f} s, kept in {report.FILE}")


if __name__ == "__main__":
    typer.run(main)
