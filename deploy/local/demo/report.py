"""Report: what the demo prints. On a terminal with a bar, elsewhere plain lines that nothing cuts."""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from deploy.local.demo.journey import Journey
from deploy.local.demo.outcome import Times, teams_of, times_of
from deploy.local.demo.samples import State, Way
from deploy.local.system import SERVICES

PLAIN_WIDTH = 132
WAYS = {
    Way.KAFKA_BINARY: "Kafka binary",
    Way.KAFKA_STRUCTURED: "Kafka structured",
    Way.HTTP_EVENT: "HTTP event",
    Way.HTTP_BATCH: "HTTP batch",
    Way.WEB: "HTTP person",
}


def words(state: State | None) -> str:
    """A state as people say it."""
    return state.replace("_", " ") if state else "nowhere"


class Report:
    """Lines with the seconds since the demo was started."""

    def __init__(self) -> None:
        terminal = sys.stdout.isatty()
        self.console = Console(
            force_terminal=terminal, width=None if terminal else PLAIN_WIDTH, highlight=False, markup=False, emoji=False
        )
        self._started = time.monotonic()
        self._bar: Progress | None = None

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started

    def say(self, line: str, style: str = "") -> None:
        self.console.print(f"{self.seconds:6.1f} s  {line}", style=style, soft_wrap=True)

    def more(self, line: str, style: str = "") -> None:
        """A line that belongs to the one above."""
        self.console.print(f"{'':10}{line}", style=style, soft_wrap=True)

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Something turns at the bottom, on a terminal only."""
        with self.console.status(""):
            yield

    @contextmanager
    def bar(self, total: int) -> Iterator[None]:
        """A bar at the bottom, on a terminal only, that `ended` moves."""
        columns = (TextColumn("  stories at their end"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, console=self.console, transient=True, disable=not self.console.is_terminal) as bar:
            bar.add_task("", total=total)
            self._bar = bar
            yield
            self._bar = None

    def ended(self, journey: Journey) -> None:
        """One story has come to its end: where it is, and what happened on the way."""
        mark, style = ("✓", "") if journey.right else ("✗", "red")
        self.say(f"{mark} {words(journey.reached):<17} {journey.sample.title}", style)
        for note in [*journey.notes, *([journey.trouble] if journey.trouble else [])]:
            self.more(f"  {'':17} {note}", "dim" if journey.right else "red")
        if self._bar:
            self._bar.advance(self._bar.task_ids[0])

    def table(self, journeys: Sequence[Journey]) -> None:
        """Every story's way, in order of the ways in."""
        table = Table(
            title="Every story's way round the loop, in seconds since it was shared",
            title_justify="left",
            box=box.SIMPLE_HEAD,
            padding=(0, 1, 0, 0),
        )
        table.add_column("story", max_width=43)
        table.add_column("came by", min_width=10)
        table.add_column("teams", justify="right")
        for name in ("sent", "heard", "answered", "change"):
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column("is now", min_width=11)
        for journey in sorted(journeys, key=lambda one: list(Way).index(one.sample.way)):
            table.add_row(*map(Text, _cells(journey)), style="" if journey.right else "red")
        self.console.print()
        self.console.print(table)

    def last_words(self, folder: Path, number: int = 8) -> None:
        """The last warnings and errors that the services logged."""
        for service in SERVICES:
            lines = [line for line in _lines(folder / f"{service}.log") if _is_bad(line)]
            for line in lines[-number:]:
                self.more(f"{service}: {line[:600]}", "yellow")


def _cells(journey: Journey) -> list[str]:
    times: Times = times_of(journey.timeline)
    seconds = [
        f"{one:.1f}" if one is not None else "–" for one in (times.sent, times.heard, times.answered, times.change)
    ]
    now = f"✓ {words(journey.reached)}" if journey.right else f"✗ {words(journey.reached)} (see above)"
    teams = len(teams_of(journey.timeline)) or "–"
    return [journey.sample.title, WAYS[journey.sample.way], str(teams), *seconds, now]


def _lines(log: Path) -> list[str]:
    return log.read_text(errors="replace").splitlines() if log.exists() else []


def _is_bad(line: str) -> bool:
    """A warning or worse; a line that is no JSON is a traceback or a crash."""
    try:
        return bool(line.strip()) and json.loads(line).get("level") in {"warning", "error", "critical"}
    except (ValueError, AttributeError):
        return True
