"""Replay: an announcer restates what it knows for a listener that is new or was away for longer than topics live.

The announcer writes one record per subject, under the thread's lock and with its (term, sequence), and an end
marker for each partition. The listener keeps the live topics' ends as its positions first, reads erasures, then
its replay topic to the markers, and only then the live topics from those positions.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated

import typer
from aiokafka import AIOKafkaConsumer, TopicPartition
from pydantic_core import from_json

from shared import erasures, outbox, positions, threads, topics
from shared.contracts import Event
from shared.database import Connection, Database, term_of
from shared.entrance import Entrance
from shared.events import ReplayEnded, SubjectRestated
from shared.logs import log
from shared.outbox import Announcement
from shared.streams import Stream
from shared.topics import Lane
from shared.work import Home

Restate = Callable[[Connection, Sequence[str]], Awaitable[Sequence[Event]]]
RestateLoose = Callable[[Connection, str], Awaitable[Sequence[Event]]]
"""Facts without a thread, after the given subject, in order of subjects; empty at the end."""
SUBJECTS_AT_ONCE = 200


# --- the announcer ---------------------------------------------------------------------------------


async def restate(
    service: str, database: Database, listener: str, state: Restate, loose: RestateLoose | None = None
) -> int:
    """Writes the whole state of an announcer into its replay lane; how many subjects that were."""
    count, after = 0, ""
    while subjects := await _next(service, database, listener, state, after):
        count, after = count + len(subjects), subjects[-1]
    after = ""
    while loose is not None and (after := await _next_loose(service, database, listener, loose, after)):
        count += 1
    async with database.transaction() as connection:
        marks = [
            Announcement(
                ReplayEnded(listener=listener, partition=number), None, Lane.BULK, number, (term_of(connection), 1)
            )
            for number in range(topics.replay_to(listener).partitions)
        ]
        await outbox.write(connection, service, marks, {})
    log.info("replay.written", listener=listener, subjects=count)
    return count


async def _next(service: str, database: Database, listener: str, state: Restate, after: str) -> list[str]:
    async with database.transaction() as connection:
        rows = await connection.fetch(
            "SELECT subject FROM thread WHERE announced > 0 AND subject > $1 ORDER BY subject LIMIT $2",
            after,
            SUBJECTS_AT_ONCE,
        )
        held = await threads.lock(connection, [row["subject"] for row in rows])
        facts: dict[str, list[Event]] = defaultdict(list)
        for event in await state(connection, [thread.subject for thread in held.values() if not thread.erased]):
            facts[event.subject].append(event)
        said = [
            Announcement(
                _restated(listener, thread.subject, facts[thread.subject]),
                None,
                Lane.BULK,
                None,
                (thread.term, thread.announced),
            )
            for thread in held.values()
        ]
        await outbox.write(connection, service, said, {})
        return [row["subject"] for row in rows]


async def _next_loose(service: str, database: Database, listener: str, loose: RestateLoose, after: str) -> str:
    async with database.transaction() as connection:
        events = await loose(connection, after)
        if not events:
            return ""
        about = f"comments/{events[-1].subject.partition('/')[2]}"
        said = Announcement(_restated(listener, about, events), None, Lane.BULK)
        await outbox.write(connection, service, [said], {})
        return events[-1].subject


def _restated(listener: str, about: str, events: Sequence[Event]) -> SubjectRestated:
    facts = [{"type": event.type, "data": from_json(event.model_dump_json())} for event in events]
    return SubjectRestated(about=about, listener=listener, facts=facts)


# --- the listener ----------------------------------------------------------------------------------


async def hear(home: Home, kafka: str, streams: Sequence[Stream]) -> None:
    """Hears the replay topic until every announcer that this service listens to has set all its end markers."""
    topic = topics.replay_to(home.service)
    inside = [stream for stream in streams if not stream.submissions]
    await _keep_live_ends(kafka, home.database, inside)
    handlers = {contract: handler for stream in inside for contract, handler in stream.handlers.items()}
    entrance = Entrance(home, Stream(f"storyloop.{home.service}.replay", handlers, (topic.name,)))
    announcers = {topics.BY_NAME[name].announcer for stream in inside for name in stream.topics}
    marks_wanted = len(announcers) * topic.partitions
    while await _marks(home.database) < marks_wanted:
        await erasures.read_to_end(kafka, entrance, topic)
        await asyncio.sleep(0.2)
    log.info("replay.heard", marks=marks_wanted)


async def _marks(database: Database) -> int:
    async with database.connection() as connection:
        count: int = await connection.fetchval(
            "SELECT count(*) FROM thread, jsonb_object_keys(heard) WHERE subject LIKE 'replay/%'"
        )
        return count


async def _keep_live_ends(kafka: str, database: Database, streams: Sequence[Stream]) -> None:
    """Positions that are not kept yet are put at the live topics' ends, once, before the replay is heard."""
    names = sorted({name for stream in streams for name in stream.topics} - {topics.ERASURES.name})
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka)
    await consumer.start()
    try:
        parts = [TopicPartition(name, number) for name in names for number in range(topics.BY_NAME[name].partitions)]
        ends = await consumer.end_offsets(parts)
    finally:
        await consumer.stop()
    async with database.transaction() as connection:
        await positions.stored(connection, ends)


async def forget(database: Database, listener: str) -> None:
    """Makes a long-absent listener new: live positions and old markers go, so that the next start hears a replay."""
    replayed = topics.replay_to(listener)
    async with database.transaction() as connection:
        await connection.execute(
            "DELETE FROM position WHERE topic <> ALL ($1::text[])", [topics.ERASURES.name, replayed.name]
        )
        await connection.execute("DELETE FROM thread WHERE subject LIKE 'replay/%'")


def main(
    listener: Annotated[str, typer.Argument(help="the service that was away")],
    postgres: Annotated[str, typer.Option(envvar="STORYLOOP_POSTGRES")],
) -> None:
    """Makes a stopped listener ready to hear a replay; then let announcers restate, and start it with REPLAY=true."""

    async def run() -> None:
        database = await Database.connect(postgres, application="replay")
        await forget(database, listener)
        await database.close()

    asyncio.run(run())


if __name__ == "__main__":
    typer.run(main)
