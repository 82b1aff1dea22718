"""What tests of the relay's guarantees do: announce, let relays run, and read the numbers of the topic."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from shared.contracts import Event
from shared.relay import Relay
from shared.work import Home, Work, on_threads
from tests.shared import topics
from tests.waiting import eventually


@asynccontextmanager
async def at_work(*relays: Relay) -> AsyncIterator[None]:
    """These relays, sending."""
    tasks = [asyncio.create_task(relay.run()) for relay in relays]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def announce(home: Home, *events: Event) -> None:
    """One transaction that announces these."""

    async def say(work: Work) -> None:
        work.announce(*events)

    await on_threads(home, {event.subject for event in events}, say)


async def told_up_to(kafka: str, topic: str, story: UUID, number: int) -> dict[UUID, list[int]]:
    """The numbers of each story as they stand on the topic, once this story's facts are told up to this number."""

    async def there() -> dict[UUID, list[int]]:
        found = numbers(await topics.read(kafka, topic, 1))
        return found if number in found[story] else {}

    return await eventually(there, what=f"number {number} is told")


def numbers(records: Sequence[Any]) -> dict[UUID, list[int]]:
    """The numbers of each story in the order of the topic, each as often as it stands there."""
    found: dict[UUID, list[int]] = defaultdict(list)
    for record in records:
        headers = dict(record.headers)
        found[UUID(headers["ce_subject"].decode().removeprefix("story/"))].append(int(headers["ce_sequence"]))
    return found
