"""Ladder: takes a part by the first way that is open on this machine, and says in one line why another was not."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TypeVar

T = TypeVar("T")

Say = Callable[[str], None]
Rung = tuple[str, Callable[[], AbstractContextManager[T]]]


class UnavailableError(RuntimeError):
    """This way is not open here; the message is one line that says why."""

    def __init__(self, why: object) -> None:
        super().__init__(" ".join(str(why).split())[:300])


class NothingOpenError(RuntimeError):
    """No way was open; the message names each and why it was not."""


@contextmanager
def first_of(part: str, rungs: Sequence[Rung[T]], say: Say) -> Iterator[T]:
    """Enters the first rung that does not raise UnavailableError on the way in. Raises NothingOpenError when all do."""
    with ExitStack() as stack:
        yield _climb(part, rungs, say, stack)


def _climb(part: str, rungs: Sequence[Rung[T]], say: Say, stack: ExitStack) -> T:
    refusals = []
    for name, rung in rungs:
        try:
            return stack.enter_context(rung())
        except UnavailableError as refusal:
            refusals.append(f"{name}: {refusal}")
            say(f"{part}: not from {name}: {refusal}")
    raise NothingOpenError(f"{part} cannot be had here. Tried " + "; ".join(refusals))
