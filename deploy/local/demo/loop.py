"""Loop: loads the directory, shares every sample, lets the scripts run side by side, and counts the comments."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import cycle

import httpx
from aiokafka import AIOKafkaProducer

from deploy.local.demo import publishing, script
from deploy.local.demo.apis import Apis, Refused
from deploy.local.demo.journey import Journey, World, go, share
from deploy.local.demo.receipts import Receipts, open_receipts
from deploy.local.demo.samples import DIRECTORY, Comment, Story, Way, publishers
from deploy.local.demo.waiting import TookTooLong, until
from deploy.local.stack import Stack
from services.router.load import load, read_files
from services.router.rules import Files
from shared.database import Database
from shared.work import Home, on_threads


async def load_directory(stack: Stack) -> Files:
    """The sample directory, put in place as `python -m services.router.load` does it."""
    files = read_files(*DIRECTORY)
    database = await Database.connect(stack.databases.dsns["router"], application="demo")
    try:
        await on_threads(Home("router", database), ["directory/all"], lambda work: load(files, work))
    finally:
        await database.close()
    return files


@dataclass
class Round:
    """One round of all samples; others may look at it while it grows."""

    journeys: list[Journey] = field(default_factory=list)
    receipts: Receipts = field(default_factory=Receipts)
    comments: str | None = None
    """What came of the comments, in a sentence; None while it is open."""
    trouble: str | None = None

    @property
    def right(self) -> bool:
        """Every story reached its state, and every comment was counted."""
        return self.trouble is None and bool(self.journeys) and all(journey.right for journey in self.journeys)


async def go_round(
    stack: Stack, stories: Sequence[Story], comments: Sequence[Comment], round_: Round, ended: Callable[[Journey], None]
) -> None:
    """Returns when every story has come to its end or to its deadline; `ended` is told of each."""
    names = [publisher.name for publisher in publishers()]
    async with AsyncExitStack() as open_:
        client = await open_.enter_async_context(httpx.AsyncClient(timeout=10, trust_env=False))
        producer = await open_.enter_async_context(AIOKafkaProducer(bootstrap_servers=stack.kafka.address))
        await open_.enter_async_context(open_receipts(stack.kafka.address, names, round_.receipts))
        world = World(Apis(stack, client), producer, round_.receipts)
        await _offer_comments(producer, comments)
        round_.journeys += await share(stories, world)
        await asyncio.gather(
            *(_to_the_end(journey, world, ended) for journey in round_.journeys),
            _count_comments(world.apis, comments, round_),
        )


async def _to_the_end(journey: Journey, world: World, ended: Callable[[Journey], None]) -> None:
    await go(journey, world, script.follow)
    ended(journey)


async def _offer_comments(producer: AIOKafkaProducer, comments: Sequence[Comment]) -> None:
    for comment, way in zip(comments, cycle([Way.KAFKA_BINARY, Way.KAFKA_STRUCTURED]), strict=False):
        await publishing.on_topic(producer, publishing.comment_offer(comment), way)


async def _count_comments(apis: Apis, comments: Sequence[Comment], round_: Round) -> None:
    """Tracker counts every comment, and responder's reading lists hold it."""
    numbers = Counter(comment.service for comment in comments)

    async def missing() -> list[str]:
        return [service for service, number in numbers.items() if await _counted(apis, service) != (number, number)]

    async def are_there() -> bool:
        return not await missing()

    try:
        await until(are_there, "all comments to be counted")
        round_.comments = (
            f"{len(comments)} comments about {len(numbers)} services are counted and can be read by staff."
        )
    except (TookTooLong, Refused, httpx.HTTPError) as trouble:
        round_.trouble = f"comments: {trouble}"


async def _counted(apis: Apis, service: str) -> tuple[int, int]:
    counts = await apis.get("tracker", f"/services/{service}/comments")
    return sum(one["comments"] for one in counts), len(await apis.get("responder", f"/services/{service}/comments"))
