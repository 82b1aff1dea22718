"""The small service as a consumer of a topic of its own, put together as `shared/service.py` does it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

from faststream.kafka import KafkaBroker
from pydantic import SecretStr

from shared.consumer import Consumer
from shared.database import Database
from shared.ids import new_id
from shared.parking import ParkedRecord
from shared.settings import Settings
from tests.service import column, execute, signed_in_by
from tests.shared import topics
from tests.shared.keeper import Keeper, published
from tests.waiting import eventually


class Hearer:
    """One topic, one group, one database; any number of consumers one after the other or at the same time."""

    def __init__(self, kafka: str, database: Database, topic: str) -> None:
        self.kafka, self.database, self.topic = kafka, database, topic
        self.group = f"test-{uuid4().hex[:10]}"
        self.keeper = Keeper(database, self.group, (topic,))
        self.instances = 0

    @asynccontextmanager
    async def consuming(self, keeper: Keeper | None = None, **settings: Any) -> AsyncIterator[Consumer]:
        """A consumer at work; it ends in order."""
        self.instances += 1
        broker = KafkaBroker(
            self.kafka,
            client_id=self.group,
            logger=None,
            request_timeout_ms=40_000,
            allow_auto_create_topics=False,
            graceful_timeout=5,
            metadata_max_age_ms=3_000,
        )
        consumer = Consumer(broker, (keeper or self.keeper).entrance, self._settings(**settings))
        await broker.start()
        try:
            yield consumer
        finally:
            await consumer.finish_batch()
            await broker.stop()

    def _settings(self, **said: Any) -> Settings:
        fixed: dict[str, Any] = {
            "kafka": self.kafka,
            "postgres": SecretStr(self.database.dsn),
            "instance": f"i-{self.instances}",
            "http_port": 8000,
            "session": timedelta(seconds=6),
        } | signed_in_by("router")
        return Settings(**(fixed | said))

    def stories(self, *titles: str) -> list[ParkedRecord]:
        """One story's first fact for each title."""
        return [published(new_id(), title, 1, topic=self.topic) for title in titles]

    async def write(self, *titles: str, partition: int = 0, **how: Any) -> int:
        """Stories with these titles are published; the offset of the first."""
        return await topics.write(self.kafka, self.topic, self.stories(*titles), partition, **how)

    async def has_kept(self, expected: Sequence[str], within: float = 20) -> None:
        """Waits until so much was kept and compares it."""

        async def enough() -> bool:
            return len(await self.keeper.kept()) >= len(expected)

        await eventually(enough, within, f"kept {expected}")
        assert await self.keeper.kept() == list(expected)

    async def is_at(self, *places: int) -> None:
        """Waits until the stored positions are these, partition by partition."""

        async def there() -> bool:
            return await self.positions() == list(places)

        await eventually(there, what=f"positions {places}")

    async def positions(self) -> list[int]:
        """The stored positions, partition by partition."""
        return await column(
            self.database, "SELECT next_offset FROM position WHERE topic = $1 ORDER BY partition", self.topic
        )

    async def put_at(self, offset: int, partition: int = 0) -> None:
        """Stores a position, as another consumer or a restored database would have left it."""
        await execute(
            self.database,
            "INSERT INTO position (topic, partition, next_offset) VALUES ($1, $2, $3)"
            " ON CONFLICT (topic, partition) DO UPDATE SET next_offset = $3",
            self.topic,
            partition,
            offset,
        )
