"""Waiting for what another task or process does, instead of sleeping for as long as it might take."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(condition: Callable[[], Awaitable[T]], within: float = 20, what: str = "") -> T:
    """What the condition answers, as soon as that is true; AssertionError if it is not within so many seconds."""
    give_up_at = time.monotonic() + within
    while not (answer := await condition()):
        assert time.monotonic() < give_up_at, f"not within {within} seconds: {what}; the last answer was {answer!r}"
        await asyncio.sleep(0.02)
    return answer
