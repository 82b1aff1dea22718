"""A service that kills itself: `python -m tests.chaos.victim router --point after_send --pass 3`.

The product has no hook for this: functions of `shared` are wrapped from outside before the service is put together.
"""

import asyncio
import importlib
import inspect
import os
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import count
from typing import Annotated, Any

import typer

from shared import deliveries, outbox, positions, relay, service
from shared.consumer import Consumer

POINTS: dict[str, tuple[Any, str, bool]] = {
    "after_poll": (Consumer, "_take_until_done", False),
    "before_commit": (positions, "move", True),
    "before_relay": (service.Process, "wake_relays", False),
    "after_send": (relay, "send", True),
    "before_offsets": (Consumer, "_moved", False),
    "after_delivery": (deliveries, "sent", False),
}
"""Where it dies: (owner, function, after it or before it). `before_commit` is inside the transaction of a batch."""


def arm(point: str, nth: int) -> None:
    """SIGKILL at the nth time that this point is passed."""
    owner, name, after = POINTS[point]
    setattr(owner, name, dying(getattr(owner, name), after, nth))


def dying(function: Callable[..., Any], after: bool, nth: int) -> Callable[..., Any]:
    """The function, and death before it or after it."""
    passes = count(1)

    def pass_by() -> None:
        if next(passes) >= nth:
            os.kill(os.getpid(), signal.SIGKILL)

    async def later(*args: Any, **named: Any) -> Any:
        if not after:
            pass_by()
        answer = await function(*args, **named)
        if after:
            pass_by()
        return answer

    def at_once(*args: Any, **named: Any) -> Any:
        pass_by()
        return function(*args, **named)

    return later if inspect.iscoroutinefunction(function) else at_once


def shift_clock(hours: float) -> None:
    """The process's wall clock, as far as our code reads it, is wrong by so many hours."""

    class Wrong(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Wrong":
            moment = datetime.now(tz or UTC) + timedelta(hours=hours)
            return cls.fromtimestamp(moment.timestamp(), tz)

    vars(outbox)["datetime"] = Wrong  # the one module that reads the clock


def main(
    name: Annotated[str, typer.Argument(help="intake, router, responder or tracker")],
    point: Annotated[str, typer.Option(help=" ".join(POINTS))] = "",
    nth: Annotated[int, typer.Option("--pass", min=1)] = 1,
    clock_hours: Annotated[float, typer.Option(help="by how much its clock is wrong")] = 0,
) -> None:
    """Runs a service until it gets to the point for the nth time."""
    if point:
        arm(point, nth)
    if clock_hours:
        shift_clock(clock_hours)
    app = importlib.import_module(f"services.{name}.app")
    asyncio.run(service.run(getattr(app, name)()))


if __name__ == "__main__":
    typer.run(main)
