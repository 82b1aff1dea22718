"""An event loop for code that is called from outside any: Hypothesis' rules are no coroutines."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")


class Loop:
    """One loop for a whole test; the test session's own is not touched."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)

    def run(self, what: Coroutine[Any, Any, T]) -> T:
        """Runs until this is done."""
        return self._runner.run(what)

    def close(self) -> None:
        """Ends the loop."""
        self._runner.close()


@contextmanager
def a_loop() -> Iterator[Loop]:
    """A loop that is closed at the end."""
    loop = Loop()
    try:
        yield loop
    finally:
        loop.close()
