"""What is to be reached; each is printed with what was measured, reached or not."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Figures = Mapping[str, Any]


@dataclass(frozen=True)
class Target:
    """One sentence, the figure it is about, and its limit."""

    says: str
    figure: Callable[[Figures], float]
    limit: Callable[[Figures], float]
    at_least: bool = False
    unit: str = ""

    def judged(self, figures: Figures) -> dict[str, Any]:
        """Measured against the limit."""
        value, limit = self.figure(figures), self.limit(figures)
        reached = value >= limit if self.at_least else value <= limit
        return {
            "target": self.says,
            "measured": value,
            "limit": limit,
            "unit": self.unit,
            "at_least": self.at_least,
            "reached": reached,
        }


def _rate(contender: str) -> Callable[[Figures], float]:
    return lambda figures: float(figures["throughput"][contender]["stories_per_second"])


def _ratio(over: str, under: str) -> Callable[[Figures], float]:
    return lambda figures: _rate(over)(figures) / _rate(under)(figures)


def _p99(of: str) -> Callable[[Figures], float]:
    return lambda figures: float(figures["latency"][of]["p99"])


def _worst(what: str) -> Callable[[Figures], float]:
    return lambda figures: max(service[what] for service in figures["services"].values())


def _just(limit: float) -> Callable[[Figures], float]:
    return lambda _: limit


TARGETS = (
    Target("stories a second, services to naive", _ratio("b", "a"), _just(12), True, "×"),
    Target("stories a second, services to bare", _ratio("b", "c"), _just(0.75), True, "×"),
    Target("p99 at 50 a second", _p99("b at 50/s"), _just(120), unit="ms"),
    Target(
        "p99 at 50 a second, to twice the naive one's", _p99("b at 50/s"), lambda f: 2 * _p99("a at 50/s")(f), unit="ms"
    ),
    Target("p99 at 200 a second", _p99("b at 200/s"), _just(250), unit="ms"),
    Target(
        "p99 of the live lane behind the backlog",
        lambda figures: float(figures["backlog"]["live"]["p99"]),
        _just(2000),
        unit="ms",
    ),
    Target(
        "comments a second to tracker's rows",
        lambda figures: float(figures["backlog"]["comments_per_second"]),
        _just(2000),
        True,
        "/s",
    ),
    Target("memory of the largest service (RSS) after load", _worst("rss_mb"), _just(120), unit="MB"),
    Target("idle CPU of the busiest service", _worst("idle_percent"), _just(3), unit="% of a core"),
    Target("slowest start until ready", _worst("start_seconds"), _just(2), unit="s"),
)


def judged(figures: Figures) -> list[dict[str, Any]]:
    """All targets, in order."""
    return [target.judged(figures) for target in TARGETS]
