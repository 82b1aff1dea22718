"""The system in one process: four real services on one real Postgres, and lists in the place of Kafka."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import asyncpg
import httpx
from aiokafka import TopicPartition

from deploy.local.system import SERVICES, Databases
from shared import parking, positions
from shared.cloudevents import read
from shared.contracts import CONTRACTS, Event
from shared.database import Connection, Database
from shared.entrance import Entrance
from shared.hearing import Arrival, Outcome
from shared.positions import Fenced, Step
from shared.relay import Relay
from shared.streams import Stream
from shared.threads import Number
from shared.topics import COMMENT_SUBMISSIONS, SUBMISSIONS, Lane
from shared.work import Work
from tests.model.topics import BrokerAway, Log, partitions_of
from tests.service import execute, fetch, home_of, jobs, open_pages, streams

PUBLISHERS = ("surveys", "trusted")
WHOLE = ("topic", "partition", "offset", "timestamp", "key", "value")


class Killed(OSError):
    """The process ended before its COMMIT."""


class Mortal(Database):
    """A database whose next transaction can be made to end before its COMMIT."""

    dies = False

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """As always, or rolled back at the very end."""
        async with super().transaction() as connection:
            yield connection
            if self.dies:
                self.dies = False
                raise Killed


class World:
    """What the machine's rules act on; one for all examples, made new by `wipe`."""

    def __init__(self, databases: Databases) -> None:
        self.dsns = databases
        self.log = Log()
        self.databases: dict[str, Mortal] = {}
        self.pages: dict[str, httpx.AsyncClient] = {}
        self.places: dict[tuple[str, TopicPartition], int] = {}
        """Where each service stands, as its consumer remembers it; the database's rows must agree."""
        self.last: dict[tuple[str, str, str], Number] = {}
        """(listener, announcer, subject) -> the number that was taken last."""
        self.tally: Counter[str] = Counter()
        """What has happened in all examples: a run without faults has tested nothing."""
        self.streams: Mapping[str, Sequence[Stream]] = {service: streams(service) for service in SERVICES}
        self._opened = AsyncExitStack()

    async def open(self) -> None:
        """Connects and opens the pages; Postgres itself is not killed here, so that nobody need wait for its disk."""
        name = self.dsns.admin.rpartition("/")[2]
        await self._as_admin(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
        for service in SERVICES:
            self.databases[service] = await Mortal.connect(self.dsns.dsns[service], application="model", size=2)
            self.pages[service] = await self._opened.enter_async_context(open_pages(service, self.databases[service]))

    async def close(self) -> None:
        """Gives everything back."""
        await self._opened.aclose()
        for database in self.databases.values():
            await database.close()

    async def wipe(self) -> None:
        """Empties every table and topic, for the next example."""
        self.log, self.places, self.last = Log(), {}, {}
        deletes = [
            f'DELETE FROM "{service}"."{row["tablename"]}"'  # noqa: S608 - the catalogue's names
            for service, database in self.databases.items()
            for row in await fetch(database, "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
            if row["tablename"] != "migration"
        ]
        await self._as_admin("; ".join(["BEGIN", "SET LOCAL session_replication_role = replica", *deletes, "COMMIT"]))
        for service, database in self.databases.items():
            async with database.transaction() as stored:
                places = await positions.stored(stored, dict.fromkeys(self._partitions(service), 0))
            self.places |= {(service, place): offset for place, offset in places.items()}

    async def _as_admin(self, statements: str) -> None:
        connection = await asyncpg.connect(self.dsns.admin)
        try:
            await connection.execute(statements)
        finally:
            await connection.close()

    def _partitions(self, service: str) -> list[TopicPartition]:
        offered = [prefix + name for prefix in (SUBMISSIONS, COMMENT_SUBMISSIONS) for name in PUBLISHERS]
        topics = [topic for stream in self.streams[service] for topic in stream.topics]
        topics += [topic for topic in offered if any(stream.reads(topic) for stream in self.streams[service])]
        return [TopicPartition(topic, number) for topic in topics for number in range(partitions_of(topic))]

    # --- the relay ------------------------------------------------------------------------------

    async def relay(self, service: str, takes: int | None = None, dies: bool = False) -> None:
        """Sends what waits; the broker may go away after some records, or the relay after all of them."""
        database, self.log.takes = self.databases[service], takes
        database.dies = dies
        there = len(self.log)
        try:
            async with database.transaction() as connection:
                for lane in Lane:
                    relay = Relay(service, database.dsn, "", lane)
                    await relay._send_first_rows(connection, self.log)  # its connection and its broker are ours here
        except (BrokerAway, Killed):
            self.tally["sent and not deleted"] += len(self.log) - there
        database.dies, self.log.takes = False, None

    async def outboxes(self) -> list[str]:
        """The services that have something to send."""
        return [who for who, database in self.databases.items() if await fetch(database, "SELECT FROM outbox LIMIT 1")]

    # --- the entrance ---------------------------------------------------------------------------

    def waiting(self, service: str) -> list[tuple[Stream, list[TopicPartition]]]:
        """The streams of a service that have unread records, and the partitions where they are."""
        found = []
        for stream in self.streams[service]:
            unread = [place for place in sorted(self.log.records) if self._is_unread(service, stream, place)]
            if unread:
                found.append((stream, unread))
        return found

    def _is_unread(self, service: str, stream: Stream, place: TopicPartition) -> bool:
        return stream.reads(place.topic) and self.places[service, place] < len(self.log.records[place])

    async def hear(
        self,
        service: str,
        stream: Stream,
        unread: Sequence[TopicPartition],
        most: int = 500,
        *,
        bug: type[Event] | None = None,
        dies: bool = False,
    ) -> list[Arrival]:
        """Takes a batch; a bug fails every event of a type; a death leaves nothing and answers nothing."""
        starts = {place: self.places[service, place] for place in unread}
        records = [one for place, start in starts.items() for one in self.log.records[place][start : start + most]]
        steps = [Step(place, start, min(start + most, len(self.log.records[place]))) for place, start in starts.items()]
        entrance = self._entrance(service, stream if bug is None else _with_bug(stream, bug))
        entrance.home.database.dies = dies  # type: ignore[attr-defined]  # it is a Mortal one
        try:
            arrivals = await entrance.take(records, steps)
        except Killed:
            self.tally["died before the commit"] += 1
            return []
        self._each_number_once(service, arrivals)
        self.tally.update(f"heard: {arrival.outcome}" for arrival in arrivals)
        self.places |= {(service, step.partition): step.end for step in steps}
        return arrivals

    def _each_number_once(self, service: str, arrivals: Sequence[Arrival]) -> None:
        """I4: whatever becomes of a fact, its number is the next one; told again it is a repeat and nothing else."""
        for arrival in arrivals:
            assert type(arrival.outcome) is Outcome
            envelope = arrival.envelope
            if envelope is not None and envelope.sequence and arrival.outcome is not Outcome.REPEATED:
                key = (service, envelope.source, envelope.subject)
                before = self.last.get(key, (0, 0))
                assert (envelope.sequence, before) == (before[1] + 1, min(before, envelope.number)), key
                self.last[key] = envelope.number

    async def wake_as_zombie(self, service: str, place: TopicPartition) -> bool:
        """A consumer that was away begins where it was long ago; True if it was fenced off."""
        stream = next(stream for stream in self.streams[service] if stream.reads(place.topic))
        records = self.log.records[place][:1]
        try:
            await self._entrance(service, stream).take(records, [Step(place, 0, 1)])
        except Fenced:
            self.tally["fenced off"] += 1
            return True
        return False

    async def go_back(self, service: str, place: TopicPartition, offset: int) -> None:
        """Sets a position back: all from there on is delivered again."""
        await execute(
            self.databases[service],
            "UPDATE position SET next_offset = $3 WHERE topic = $1 AND partition = $2",
            place.topic,
            place.partition,
            offset,
        )
        self.places[service, place] = offset

    def _entrance(self, service: str, stream: Stream) -> Entrance:
        return Entrance(home_of(service, self.databases[service]), stream)

    # --- parked rows ----------------------------------------------------------------------------

    async def redrive(self, service: str) -> list[Arrival]:
        """Takes up what a bug has parked; answers with what was handled or refused now, in order."""
        database = self.databases[service]
        before = [row for row in await self.parked(service) if row["reason"] == "handler_failed"]
        await execute(
            database,
            "UPDATE parked SET mark = 'redrive', marked_by = 'model', marked_at = now()"
            " WHERE reason = 'handler_failed'",
        )
        await jobs(service, database).redrive()
        after = {_place(row): row["reason"] for row in await self.parked(service)}
        found = [(self._arrival(service, row), after.get(_place(row))) for row in before]
        self.tally["redriven"] += len(found)
        return [_after_redrive(arrival, reason) for arrival, reason in found if reason != "handler_failed"]

    async def parked(self, service: str) -> list[asyncpg.Record]:
        """All parked rows, each of them byte for byte what lies in the topic."""
        order = 'ORDER BY topic, partition, "offset", timestamp'
        rows = await fetch(self.databases[service], f"SELECT * FROM parked {order}")  # noqa: S608 - a constant
        for row in rows:
            record = self.log.records[TopicPartition(row["topic"], row["partition"])][row["offset"]]
            assert [row[name] for name in WHOLE] == [getattr(record, name) for name in WHOLE]
            assert parking.unpack(row["headers"]) == list(record.headers)
        return rows

    def _arrival(self, service: str, row: asyncpg.Record) -> Arrival:
        record = self.log.records[TopicPartition(row["topic"], row["partition"])][row["offset"]]
        stream = next(stream for stream in self.streams[service] if stream.reads(record.topic))
        return self._entrance(service, stream).arrive(record)

    def contract_at(self, service: str, place: TopicPartition) -> type[Event] | None:
        """The kind of the next event of a partition."""
        return CONTRACTS.get(read(self.log.records[place][self.places[service, place]]).type)


def _place(row: asyncpg.Record) -> tuple[str, int, int]:
    return (row["topic"], row["partition"], row["offset"])


def _after_redrive(arrival: Arrival, reason: str | None) -> Arrival:
    envelope = arrival.envelope
    assert envelope is not None
    if reason is not None:
        arrival.park(reason)
    else:
        arrival.outcome = Outcome.HANDLED
        arrival.events = [CONTRACTS[envelope.type].model_validate_json(envelope.data or b"").come_as(envelope)]
    return arrival


def _with_bug(stream: Stream, contract: type[Event]) -> Stream:
    """The next version of a service, with a mistake in one handler: it saves and announces, and then fails."""
    healthy = stream.handlers.get(contract)
    if healthy is None:
        return stream

    async def broken(events: Sequence[Event], work: Work) -> None:
        await healthy(events, work)
        raise ZeroDivisionError

    return replace(stream, handlers={**stream.handlers, contract: broken})
