"""What is measured of processes: the CPU of whole families, and the memory of one."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import psutil

MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Cpu:
    """Seconds of CPU so far; None where the processes are not ours to look at (a server named from outside)."""

    python: float
    postgres: float | None
    kafka: float | None

    def since(self, before: "Cpu") -> dict[str, float | None]:
        """What was used in between, by kind."""
        return {
            "python": self.python - before.python,
            "postgres": _less(self.postgres, before.postgres),
            "kafka": _less(self.kafka, before.kafka),
        }


def _less(after: float | None, before: float | None) -> float | None:
    return None if after is None or before is None else after - before


def cpu(python: Iterable[int | None], postgres: Any, kafka: Any) -> Cpu:
    """The CPU of these process ids and of two servers, each with all below it."""
    return Cpu(sum(_family(pid) or 0.0 for pid in python), _family(pid_of(postgres)), _family(pid_of(kafka)))


def pid_of(handle: Any) -> int | None:
    """The process of a local server; None for containers and servers of somebody else."""
    pid: int | None = getattr(handle.server, "pid", None)
    return pid


def _family(pid: int | None) -> float | None:
    """Those that ended are counted by their parent, so nothing is lost when a Postgres backend goes."""
    if pid is None:
        return None
    try:
        process = psutil.Process(pid)
        return sum(sum(_times(one)) for one in (process, *process.children(recursive=True)))
    except psutil.NoSuchProcess:
        return None


def _times(process: psutil.Process) -> tuple[float, ...]:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return ()
    return (times.user, times.system, times.children_user, times.children_system)


def memory(pid: int | None) -> dict[str, float]:
    """RSS and USS in MB."""
    full = psutil.Process(pid).memory_full_info()
    return {"rss": full.rss / MEGABYTE, "uss": full.uss / MEGABYTE}
