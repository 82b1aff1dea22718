"""The driver: publishers and people who go on, whatever happens, at a pace of so many actions a second."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Self

import httpx
from aiokafka import AIOKafkaProducer

from deploy.local.stack import Stack
from tests.chaos.asking import Asking
from tests.chaos.ledger import Ledger
from tests.chaos.people import People
from tests.chaos.publishers import Publishers

AT_ONCE = 40
"""More than so many things at a time nobody does: while the system is away, people wait."""
Action = Callable[[], Awaitable[None]]


@dataclass
class Driver:
    """Everybody outside the system."""

    ledger: Ledger
    publishers: Publishers
    people: People
    rng: Random
    pace: float
    done: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)

    @classmethod
    @asynccontextmanager
    async def of(cls, system: Stack, ports: dict[str, list[int]], seed: str, pace: float) -> AsyncIterator[Self]:
        """People with tokens, and a book of their own."""
        ledger = Ledger(Path(system.folder) / "ledger.jsonl")
        producer = AIOKafkaProducer(
            bootstrap_servers=system.kafka.address, enable_idempotence=True, request_timeout_ms=20_000
        )
        await producer.start()
        limits = httpx.Limits(max_connections=AT_ONCE, max_keepalive_connections=0)
        headers = {"Authorization": f"Bearer {system.token()}"}
        try:
            async with httpx.AsyncClient(headers=headers, timeout=8, limits=limits, trust_env=False) as http:
                asking = Asking(http, ports)
                publishers = Publishers(
                    ledger, producer, asking, Random(f"{seed} publishers"), dict(system.publisher_tokens)
                )
                people = People(ledger, asking, Random(f"{seed} people"), publishers)
                yield cls(ledger, publishers, people, Random(f"{seed} driver"), pace)
        finally:
            await asyncio.wait({asyncio.create_task(producer.stop())}, timeout=5)
            ledger.close()

    def _actions(self) -> dict[Action, int]:
        """What is done how often; a twentieth are repeats."""
        these, those = self.publishers, self.people
        return {
            these.offer: 30, these.offer_by_http: 8, these.comment: 8, these.repeat: 5, these.recall: 3,
            these.poison: 3, these.noise: 1, those.share: 8, those.moderate: 12, those.hear: 8, those.reply: 8,
            those.decline: 3, those.judge: 3, those.withdraw: 1, those.erase: 2,
        }  # fmt: skip

    async def run(self, stop: asyncio.Event) -> None:
        """Acts until it is stopped, and then waits for what is under way."""
        actions = self._actions()
        kinds, weights = list(actions), list(actions.values())
        under_way: set[asyncio.Task[None]] = set()
        while not stop.is_set():
            if len(under_way) < AT_ONCE:
                (action,) = self.rng.choices(kinds, weights)
                under_way.add(asyncio.create_task(self._do(action)))
            await asyncio.sleep(self.rng.uniform(0.2, 1.8) / self.pace)
            under_way = {task for task in under_way if not task.done()}
        if under_way:
            await asyncio.wait(under_way, timeout=60)

    async def _do(self, action: Action) -> None:
        name = action.__name__
        try:
            await action()
        except Exception as error:  # the driver survives everything; what it was not told is not in its book
            self.failed[f"{name} {type(error).__name__}"] += 1
        else:
            self.done[name] += 1
