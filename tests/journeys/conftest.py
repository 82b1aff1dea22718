"""One running system for all journeys, and people to act in it."""

from collections.abc import AsyncIterator, Iterator

import pytest
from aiokafka import AIOKafkaProducer

from deploy.local.folder import run_folder
from deploy.local.stack import Stack, stack
from services.intake.rules import EVERY_SERVICE, Publisher
from services.router.load import load
from services.router.rules import Files, Organisation, Team
from shared.database import Database
from shared.work import Home, on_threads
from tests.journeys.people import People

PUBLISHERS = (
    Publisher("surveys", frozenset({"/surveys"}), frozenset({EVERY_SERVICE}), trusted=True),
    Publisher("kiosks", frozenset({"/kiosks"}), frozenset({"RXX01"}), trusted=False),
)
DIRECTORY = Files(
    organisations={
        code: Organisation(code, name, kind, parent)
        for code, name, kind, parent in (
            ("Y99", "Midshire region", "region", None),
            ("RXX", "Midshire Hospitals", "trust", "Y99"),
            ("RXX01", "Eastbrook Hospital", "site", "RXX"),
            ("RXX02", "Westbrook Hospital", "site", "RXX"),
            ("RZZ", "Farshire Care", "trust", "Y99"),
        )
    },
    teams={
        "EAST": Team("EAST", "Eastbrook patient experience", "RXX"),
        "TRUST": Team("TRUST", "Midshire patient experience", "RXX"),
    },
    subscriptions=[("S1", "EAST", "RXX01"), ("S2", "TRUST", "RXX")],
)


@pytest.fixture(scope="session")
def running() -> Iterator[Stack]:
    """The system, with two publishers and a small directory."""
    with run_folder() as folder, stack(folder, PUBLISHERS) as system:
        yield system


@pytest.fixture(scope="session")
async def system(running: Stack) -> Stack:
    """The same, with its directory loaded."""
    database = await Database.connect(running.databases.dsns["router"], application="test")
    await on_threads(Home("router", database), ["directory/all"], lambda work: load(DIRECTORY, work))
    await database.close()
    return running


@pytest.fixture
async def people(system: Stack) -> AsyncIterator[People]:
    """Publishers, authors and staff of the running system."""
    producer = AIOKafkaProducer(bootstrap_servers=system.kafka.address)
    await producer.start()
    async with People.of(system, producer) as those:
        yield those
    await producer.stop()
