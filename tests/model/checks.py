"""The invariants, as questions to the real tables and topics; each names those of reliability.md that it stands for."""

from collections import defaultdict
from collections.abc import MutableMapping, Sequence
from typing import Any

from aiokafka import TopicPartition

from deploy.local.system import SERVICES
from shared import topics
from shared.cloudevents import read
from shared.streams import Stream
from tests.model.agreement import Asked, all_agree, facts_expected, facts_told
from tests.model.expected import Expected
from tests.model.topics import Log
from tests.model.world import World
from tests.service import fetch


def facts_are_in_order(log: Log) -> None:
    """I4, I10: the first telling of each number is in order and without a gap; told again it is the same fact."""
    for topic in topics.FACTS:
        numbers: dict[str, list[tuple[int, int]]] = defaultdict(list)
        ids: dict[tuple[str, int], str] = {}
        for envelope in map(read, log.of(topic.name) if topic.sequenced else ()):
            same = ids.setdefault((envelope.subject, envelope.sequence), envelope.id)
            assert same == envelope.id, f"{envelope.subject} has two facts with number {envelope.number}"
            if envelope.number not in numbers[envelope.subject]:
                numbers[envelope.subject].append(envelope.number)
        for subject, told in numbers.items():
            assert [number for _, number in told] == list(range(1, len(told) + 1)), (topic.name, subject, told)
            assert told == sorted(told), f"{subject} was told in a lower term"


async def everything(world: World, expected: Expected) -> None:
    """All that must hold once nothing moves any more."""
    facts_are_in_order(world.log)
    await nothing_waits(world)
    await everything_was_heard(world)
    await only_what_was_refused_is_parked(world, expected)
    await nothing_was_invented(world, expected)
    told = facts_told(world.log)
    for id_, story in expected.stories.items():
        assert told[id_] == facts_expected(expected, id_, story), id_
        await all_agree(Asked(world, expected, id_, story))


# --- the plumbing -----------------------------------------------------------------------------------


async def nothing_waits(world: World) -> None:
    """I9, I10: outboxes are sent, positions are at the ends of the topics and where the consumers think."""
    for service, database in world.databases.items():
        assert await fetch(database, "SELECT 1 FROM outbox") == []
        rows = await fetch(database, "SELECT topic, partition, next_offset FROM position")
        stored = {TopicPartition(row[0], row[1]): row[2] for row in rows}
        assert stored == {place: at for (who, place), at in world.places.items() if who == service}
        assert stored == {place: len(world.log.records[place]) for place in stored}


async def everything_was_heard(world: World) -> None:
    """I1, I4: who listens to a topic has heard the last number of every subject; who announced gave no other."""
    for service, database in world.databases.items():
        threads = {row["subject"]: row for row in await fetch(database, "SELECT * FROM thread")}
        given = {subject: row["announced"] for subject, row in threads.items() if row["announced"]}
        assert given == {subject: last for subject, (_, last) in last_numbers(world.log, service).items()}, service
        for announcer in SERVICES:
            heard = {subject: row["heard"].get(f"/storyloop/{announcer}", ()) for subject, row in threads.items()}
            for subject, last in last_numbers(world.log, announcer, world.streams[service]).items():
                assert tuple(heard.get(subject, ())) == last, (service, announcer, subject)


def last_numbers(log: Log, announcer: str, heard_by: Sequence[Stream] | None = None) -> dict[str, tuple[int, int]]:
    """The highest number that a service has told of each subject, perhaps only where some streams hear it."""
    last: dict[str, tuple[int, int]] = {}
    for topic in (topic for topic in topics.FACTS if topic.sequenced and topic.announcer == announcer):
        if heard_by is None or any(stream.reads(topic.name) for stream in heard_by):
            for envelope in map(read, log.of(topic.name)):
                last[envelope.subject] = max(last.get(envelope.subject, (0, 0)), envelope.number)
    return last


def logs_are_clean(lines: Sequence[MutableMapping[str, Any]], expected: Expected) -> None:
    """I4, I16: no gap and no set-back was seen, and no log line holds a word of a story or a private link."""
    assert not {line["event"] for line in lines} & {"sequence.gap", "announcer.went_back", "relay.failed"}
    said = str(lines)
    assert "canary-" not in said
    assert [one for one in expected.stories.values() if one.link and one.link["Authorization"][7:] in said] == []


async def only_what_was_refused_is_parked(world: World, expected: Expected) -> None:
    """I1, I7: a parked row stands for a refused submission, and each of those has one."""
    for service in SERVICES:
        places = {(row["topic"], row["partition"], row["offset"]) for row in await world.parked(service)}
        refused = {place for place, fate in expected.fates.items() if fate == "refused"}
        assert places == (refused if service == "intake" else set()), service


async def nothing_was_invented(world: World, expected: Expected) -> None:
    """I2: no service knows of a story that nobody told."""
    for service, table in {"intake": "story", "router": "route", "responder": "reply", "tracker": "entry"}.items():
        rows = await fetch(world.databases[service], f"SELECT DISTINCT story FROM {service}.{table}")  # noqa: S608
        assert {row["story"] for row in rows} <= expected.stories.keys(), service
