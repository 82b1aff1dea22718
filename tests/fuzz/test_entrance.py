"""Whatever bytes a topic holds, the entrance takes them, and each record comes to exactly one end."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from deploy.local.system import SERVICES, Databases
from shared import parking
from shared.contracts import Event
from shared.database import Database
from shared.hearing import Arrival, Outcome
from shared.parking import ParkedRecord
from tests.fuzz.records import CANARY, records
from tests.intake.register import register
from tests.model.runner import Loop, a_loop
from tests.service import fetch, hear, streams

STORIES = [f"01900000-0000-7000-8000-00000000000{number}" for number in range(4)]
SHORT = settings(
    max_examples=60,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
LONG = settings(SHORT, max_examples=600, derandomize=False, phases=[Phase.generate, Phase.shrink], print_blob=True)


@pytest.fixture
def loop() -> Iterator[Loop]:
    """A loop of its own: Hypothesis calls no coroutines."""
    with a_loop() as loop:
        yield loop


@pytest.fixture
def database(databases: Databases, loop: Loop, service: str) -> Iterator[Database]:
    """The service's own database; intake's knows some publishers."""
    database = loop.run(Database.connect(databases.dsns[service], application="fuzz", size=2))
    if service == "intake":
        loop.run(register(database))
    yield database
    loop.run(database.close())


@pytest.mark.timeout(300)
@pytest.mark.parametrize("service", SERVICES)
def test_every_record_comes_to_exactly_one_end(service: str, database: Database, loop: Loop) -> None:
    ends = throw(service, database, loop, SHORT)

    assert {Outcome.PARKED, Outcome.HANDLED} <= ends.keys()


@pytest.mark.prove
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("service", SERVICES)
def test_very_many_records_each_come_to_exactly_one_end(service: str, database: Database, loop: Loop) -> None:
    ends = throw(service, database, loop, LONG)

    assert ends.keys() >= {Outcome.PARKED, Outcome.HANDLED, Outcome.REPEATED}


def throw(service: str, database: Database, loop: Loop, how: settings) -> Counter[Outcome]:
    """Throws batches of records at a service; how many came to which end."""
    ends: Counter[Outcome] = Counter()

    @how
    @given(batch=st.lists(records(topics_of(service), contracts_of(service), STORIES), min_size=1, max_size=4))
    def at_it(batch: list[ParkedRecord]) -> None:
        ends.update(loop.run(take(service, database, batch)))

    at_it()
    return ends


def topics_of(service: str) -> list[str]:
    """Every topic that the service hears, and those of publishers, one of whom nobody knows."""
    found = {topic for stream in streams(service) for topic in stream.topics}
    offered = [f"storyloop.{kind}.{who}" for kind in ("submissions", "comment-submissions") for who in ("trusted", "x")]
    return sorted(found) + (offered if service == "intake" else [])


def contracts_of(service: str) -> list[type[Event]]:
    """Every type that the service has a handler for."""
    return sorted({one for stream in streams(service) for one in stream.handlers}, key=lambda contract: contract.type)


async def take(service: str, database: Database, batch: Sequence[ParkedRecord]) -> list[Outcome]:
    """One batch through the entrance; checks what became of each record."""
    with capture_logs() as lines:
        arrivals = await hear(service, database, *batch)

    assert sorted(map(id, batch)) == sorted(id(arrival.record) for arrival in arrivals)
    rows = {(row["topic"], row["offset"]): row for row in await fetch(database, "SELECT * FROM parked")}
    for arrival in arrivals:
        assert type(arrival.outcome) is Outcome
        assert arrival.reason != "handler_failed", arrival.detail
        row = rows.get((arrival.record.topic, arrival.record.offset))
        if arrival.outcome is not Outcome.PARKED:
            assert row is None
        elif row is not None:  # gone only where its story was erased by the same batch
            assert kept(row) == came(arrival)
            assert CANARY not in row["detail"]
    assert CANARY not in str(lines)
    return [arrival.outcome for arrival in arrivals if arrival.outcome]


def kept(row: Any) -> tuple[bytes | None, bytes | None, list[tuple[str, bytes | None]]]:
    """What a parked row holds of its record."""
    return (row["key"], row["value"], parking.unpack(row["headers"]))


def came(arrival: Arrival) -> tuple[bytes | None, bytes | None, list[tuple[str, bytes | None]]]:
    """What it must hold: every byte, or no word if its story is erased."""
    record = arrival.record
    key, value = (None, None) if arrival.wordless else (record.key, record.value)
    return (key, value, list(record.headers))
