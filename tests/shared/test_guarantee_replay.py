"""A listener that hears a replay takes no live fact before the replay's end, or it would drop what was restated."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import APIRouter
from pydantic import SecretStr

from deploy.local.ports import free_port
from deploy.local.system import make_topics
from services.intake import restate as intake_restate
from shared import replay, topics
from shared.database import Database
from shared.events import StoryPublished, StoryWithdrawn
from shared.pages.site import PLAIN
from shared.relay import Relay
from shared.restating import restate
from shared.service import Process, Service
from shared.settings import Role, Settings
from shared.topics import Lane
from shared.work import Work, hears, on_threads
from tests.factories import story_offered
from tests.service import column, execute, hear, home_of, signed_in_by, submitted
from tests.shared.relaying import at_work
from tests.waiting import eventually


@pytest.fixture
async def listener(kafka: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """The name of a service of the test's own: a package without migrations of its own, and a replay topic."""
    name = f"listener-{uuid4().hex[:8]}"
    (tmp_path / "migrations").mkdir()
    package = ModuleType(f"services.{name}")
    package.__spec__ = ModuleSpec(package.__name__, None, is_package=True)
    package.__spec__.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setitem(sys.modules, package.__name__, package)
    await make_topics(kafka, (), (topics.replay_to(name),))
    return name


@asynccontextmanager
async def hearing_a_replay(listener: str, database: Database, kafka: str) -> AsyncIterator[None]:
    """The listener's process, started to hear a replay first."""
    settings = Settings(
        kafka=kafka,
        postgres=SecretStr(database.dsn),
        instance="0",
        http_host="127.0.0.1",
        http_port=free_port(),
        role=Role.CONSUME,
        replay=True,
        **signed_in_by(listener),
    )
    own_pool = await Database.connect(database.dsn, application=listener)
    stop = asyncio.Event()
    process = asyncio.create_task(
        Process(Service(listener, settings, handlers(), APIRouter(), PLAIN), own_pool).run(stop)
    )
    try:
        yield
    finally:
        stop.set()
        await process


def handlers() -> ModuleType:
    """What the listener hears, it notes."""
    module = ModuleType("handlers")

    @hears(StoryPublished, StoryWithdrawn)
    async def note(facts: Sequence[Any], work: Work) -> None:
        await work.connection.executemany(
            "INSERT INTO router.noted (story, what) VALUES ($1, $2)",
            [(fact.story, fact.type.split(".")[-2]) for fact in facts],
        )

    vars(module)["note"] = note
    return module


async def noted(database: Database, story: UUID) -> list[str]:
    """What the listener has heard of a story, in order."""
    return await column(database, "SELECT what FROM router.noted WHERE story = $1 ORDER BY id", story)


async def relayed(intake: Database, kafka: str, lane: Lane) -> None:
    """Intake's relay sends what waits in one lane."""

    async def empty() -> bool:
        return await column(intake, "SELECT count(*) FROM outbox WHERE lane = $1", lane) == [0]

    async with at_work(Relay("intake", intake.dsn, kafka, lane)):
        await eventually(empty, what=f"the {lane} lane is empty")


async def told_long_ago(intake: Database) -> UUID:
    """A story that intake has published, and that no topic holds any more."""
    await execute(intake, "INSERT INTO intake.publisher VALUES ('surveys', '{/surveys/wards}', '{*}', true)")
    await hear("intake", intake, submitted(story_offered()))
    await execute(intake, "DELETE FROM outbox")
    [story] = await column(intake, "SELECT story FROM intake.story")
    return UUID(str(story))


async def withdraw(intake: Database, story: UUID) -> None:
    """Intake says that a story was taken back."""

    async def say(work: Work) -> None:
        work.announce(StoryWithdrawn(story=story))

    await on_threads(home_of("intake", intake), {f"story/{story}"}, say)


async def test_no_live_fact_is_heard_before_the_end_of_the_replay(
    kafka: str, intake: Database, router: Database, listener: str
) -> None:
    async def reads_the_replay() -> bool:
        place = "SELECT count(*) FROM position WHERE topic = $1"
        return await column(router, place, topics.replay_to(listener).name) != [0]

    await execute(
        router,
        "CREATE TABLE router.noted (id bigint GENERATED ALWAYS AS IDENTITY, story uuid, what text)",
    )
    story = await told_long_ago(intake)
    await replay.make_ready(kafka, router, listener)
    own_place = "DELETE FROM position WHERE topic = $1"  # the topic is empty: whoever reads it first makes it again
    await execute(router, own_place, topics.replay_to(listener).name)
    await restate("intake", intake, listener, intake_restate.restate)
    await withdraw(intake, story)
    await relayed(intake, kafka, Lane.LIVE)

    async with hearing_a_replay(listener, router, kafka):
        await eventually(reads_the_replay, what="the listener reads its replay topic")
        with suppress(AssertionError):  # a listener that reads beside the replay needs less
            await eventually(lambda: noted(router, story), within=3)
        before_the_end = await noted(router, story)
        await relayed(intake, kafka, Lane.BULK)
        await eventually(lambda: is_withdrawn(router, story), what="the live fact is heard")

    assert before_the_end == []
    assert await noted(router, story) == ["published", "withdrawn"]


async def is_withdrawn(database: Database, story: UUID) -> bool:
    return "withdrawn" in await noted(database, story)
