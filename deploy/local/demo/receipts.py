"""Receipts: what publishers are told of their submissions, read from their own topics."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer

from deploy.local.demo.waiting import until
from shared import topics


@dataclass
class Receipts:
    """Grows while it is open; `seen` is in order of arrival."""

    seen: list[dict[str, Any]] = field(default_factory=list)

    def of(self, event_id: str) -> list[dict[str, Any]]:
        return [one for one in self.seen if one["event_id"] == event_id]

    async def expect(self, event_id: str, number: int = 1) -> dict[str, Any]:
        """The first, second … receipt for an event; waits for it."""

        async def ask() -> dict[str, Any] | None:
            found = self.of(event_id)
            return found[number - 1] if len(found) >= number else None

        return await until(ask, f"receipt {number} for event {event_id}")


@asynccontextmanager
async def open_receipts(kafka: str, publishers: Sequence[str], receipts: Receipts) -> AsyncIterator[None]:
    """Reads without a group, from the beginning: every receipt, for as long as it is open."""
    names = [topics.RECEIPTS + publisher for publisher in publishers]
    async with AIOKafkaConsumer(*names, bootstrap_servers=kafka, auto_offset_reset="earliest") as consumer:

        async def read() -> None:
            async for record in consumer:
                receipts.seen.append(json.loads(record.value))

        reading = asyncio.create_task(read())
        try:
            yield
        finally:
            reading.cancel()
            with suppress(asyncio.CancelledError):
                await reading
