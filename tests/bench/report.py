"""What is printed at the end, and kept in `build/bench.json`."""

import json
import platform
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from deploy.local.stack import Stack

FILE = Path("build/bench.json")
NAMES = {"a": "a  naive FastStream", "b": "b  these services", "c": "c  bare aiokafka + asyncpg"}


def machine(system: Stack) -> dict[str, Any]:
    """Where the figures were taken."""
    model = [line for line in Path("/proc/cpuinfo").read_text().split("\n") if line.startswith("model name")]
    return {
        "cores": psutil.cpu_count(),
        "processor": model[0].partition(":")[2].strip() if model else platform.processor(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "python": platform.python_version(),
        "kafka": system.kafka.origin,
        "postgres": Path(system.postgres.origin).parent.name
        if "/" in system.postgres.origin
        else system.postgres.origin,
        "load_before": round(psutil.getloadavg()[0], 2),
    }


def save(figures: Mapping[str, Any]) -> None:
    """Writes the file."""
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps(figures, indent=2, ensure_ascii=False) + "\n")


def lines(figures: Mapping[str, Any]) -> Iterator[str]:
    """The report, line by line."""
    yield from _throughput(figures["throughput"])
    yield from _latency(figures["latency"], figures["backlog"])
    yield from _services(figures["services"])
    yield from _targets(figures["targets"])


def _throughput(of: Mapping[str, Any]) -> Iterator[str]:
    yield ""
    yield (
        f"{'at full load':28} {'stories/s':>10} {'of each round':>22} {'CPU µs a story':>15}"
        f" {'Python':>7} {'Postgres':>9} {'Kafka':>6}"
    )
    for name, found in of.items():
        rounds = " ".join(f"{one:.0f}" for one in found["rounds"])
        kinds = found["cpu_us_per_story"]
        total = sum(value for value in kinds.values() if value is not None)
        shown = [_or_dash(value) for value in (kinds["python"], kinds["postgres"], kinds["kafka"])]
        yield (
            f"{NAMES[name]:28} {found['stories_per_second']:10.0f} {rounds:>22} {total:15.0f}"
            f" {shown[0]:>7} {shown[1]:>9} {shown[2]:>6}"
        )
    rate = {name: found["stories_per_second"] for name, found in of.items()}
    yield f"b/a {rate['b'] / rate['a']:.1f}   b/c {rate['b'] / rate['c']:.2f}"


def _or_dash(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f}"


def _latency(of: Mapping[str, Any], backlog: Mapping[str, Any]) -> Iterator[str]:
    yield ""
    yield f"{'ms from submission to row':44} {'p50':>7} {'p99':>7} {'max':>7} {'stories':>8}"
    behind = f"b at 50/s, case, behind {backlog['comments']} comments"
    for name, found in {**of, behind: backlog["live"]}.items():
        yield f"{name:44} {found['p50']:7.0f} {found['p99']:7.0f} {found['max']:7.0f} {found['stories']:8}"
    yield f"comments: {backlog['comments_per_second']:.0f} a second to tracker's rows, stories beside them"


def _services(of: Mapping[str, Any]) -> Iterator[str]:
    yield ""
    yield (f"{'service':12} {'RSS MB':>8} {'USS MB':>8} {'fresh RSS':>10} {'idle % of a core':>17} {'ready (s)':>14}")
    for name, found in of.items():
        yield (
            f"{name:12} {found['rss_mb']:8.0f} {found['uss_mb']:8.0f} {found['fresh_rss_mb']:10.0f}"
            f" {found['idle_percent']:17.1f} {found['start_seconds']:14.2f}"
        )


def _targets(of: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield ""
    for one in of:
        word, sign = "reached    " if one["reached"] else "NOT REACHED", "≥" if one["at_least"] else "≤"
        yield f"{word}  {one['target']}: {one['measured']:.4g} {one['unit']} ({sign} {one['limit']:.4g})"
    yield f"{sum(one['reached'] for one in of)} of {len(of)} targets reached"
