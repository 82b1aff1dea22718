"""Loop: loads the directory, shares every sample, lets the scripts run side by side, and counts the comments."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack

import httpx
from aiokafka import AIOKafkaProducer

from deploy.local.demo import publishing, script
from deploy.local.demo.apis import Apis
from deploy.local.demo.journey import Journey, World, go, share
from deploy.local.demo.receipts import open_receipts
from deploy.local.demo.samples import DIRECTORY, Comment, Story, Way, publishers
from deploy.local.demo.waiting import until
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


async def go_round(
    stack: Stack,
    stories: Sequence[Story],
    comments: Sequence[Comment],
    shared: Callable[[Sequence[Journey], list[dict[str, object]]], None],
    ended: Callable[[Journey], None],
) -> None:
    """Returns when every story has come to its end or to its deadline; `shared` and `ended` are told on the way."""
    async with AsyncExitStack() as open_:
        client = await open_.enter_async_context(httpx.AsyncClient(timeout=10, trust_env=False))
        receipts = await open_.enter_async_context(
            open_receipts(stack.kafka.address, [publisher.name for publisher in publishers()])
        )
        producer = await open_.enter_async_context(AIOKafkaProducer(bootstrap_servers=stack.kafka.address))
        world = World(Apis(stack, client), producer, receipts)
        await _offer_comments(producer, comments)
        journeys = await share(stories, world)
        shared(journeys, receipts.seen)
        await asyncio.gather(
            *(_to_the_end(journey, world, ended) for journey in journeys), _count_comments(world.apis, comments)
        )


async def _to_the_end(journey: Journey, world: World, ended: Callable[[Journey], None]) -> None:
    await go(journey, world, script.follow)
    ended(journey)


async def _offer_comments(producer: AIOKafkaProducer, comments: Sequence[Comment]) -> None:
    for comment, way in zip(comments, [Way.KAFKA_BINARY, Way.KAFKA_STRUCTURED] * len(comments), strict=False):
        await publishing.on_topic(producer, publishing.comment_offer(comment), way)


async def _count_comments(apis: Apis, comments: Sequence[Comment]) -> None:
    """Tracker counts every comment, and responder's reading lists hold it."""
    for service, number in Counter(comment.service for comment in comments).items():

        async def are_there(service: str = service, number: int = number) -> bool:
            counts = await apis.get("tracker", f"/services/{service}/comments")
            reading_list = await apis.get("responder", f"/services/{service}/comments")
            return sum(one["comments"] for one in counts) == len(reading_list) == number

        await until(are_there, f"{number} comments about {service}")
