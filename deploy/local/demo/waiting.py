"""Waiting: what another process does raises no event here, so it is asked again and again, but not for ever."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")
WITHIN = 30.0
PAUSE = 0.05
LONGEST_PAUSE = 0.4


class TookTooLong(RuntimeError):
    """What was waited for did not come; the message says what that was."""


async def until(ask: Callable[[], Awaitable[T | None]], what: str, within: float = WITHIN) -> T:
    """The first answer that is neither None nor empty nor False."""
    deadline, pause = time.monotonic() + within, PAUSE
    while True:
        answer = await ask()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise TookTooLong(f"waited {within:g} s for {what}")
        await asyncio.sleep(pause)
        pause = min(pause * 1.3, LONGEST_PAUSE)
