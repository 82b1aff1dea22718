"""Replay: a listener that is new, or was away for longer than topics live, hears what announcers restate for it.

The listener keeps the live topics' ends as its positions first (`python -m shared.replay`); then announcers restate
(`python -m services.<announcer>.restate <listener>`); then it is started with STORYLOOP_REPLAY=true and reads
erasures, its replay topic to the end markers of every announcer, and only then the live topics from those positions.
"""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Annotated

import typer
from aiokafka import AIOKafkaConsumer, TopicPartition

from shared import erasures, positions, topics
from shared.database import Database
from shared.entrance import Entrance
from shared.logs import log
from shared.stopping import stop
from shared.streams import Stream
from shared.topics import Topic
from shared.work import Home


async def hear(home: Home, kafka: str, streams: Sequence[Stream]) -> None:
    """Hears the replay topic until every announcer that this service listens to has set all its end markers."""
    topic = topics.replay_to(home.service)
    inside = [stream for stream in streams if not stream.submissions]
    heard = [topics.BY_NAME[name] for stream in inside for name in stream.topics if name in _RESTATED]
    await _keep_ends(kafka, home.database, heard)
    await _forget_others(home.database, heard)
    entrance = Entrance(home, stream_of(home.service, streams))
    sources = {f"/storyloop/{topic.announcer}" for topic in heard if topic.announcer != home.service}
    marks_wanted = len(sources) * topic.partitions
    while await _marks(home.database, sources) < marks_wanted:
        await erasures.read_to_end(kafka, entrance, topic)
        await asyncio.sleep(0.2)
    log.info("replay.heard", marks=marks_wanted)


def stream_of(service: str, streams: Sequence[Stream]) -> Stream:
    """The replay topic of a service, heard by the handlers of all its streams from inside."""
    inside = [stream for stream in streams if not stream.submissions]
    handlers = {contract: handler for stream in inside for contract, handler in stream.handlers.items()}
    return Stream(f"storyloop.{service}.replay", handlers, (topics.replay_to(service).name,))


async def _marks(database: Database, sources: Iterable[str]) -> int:
    async with database.connection() as connection:
        count: int = await connection.fetchval(
            "SELECT count(*) FROM thread, jsonb_object_keys(heard) AS source"
            " WHERE subject LIKE 'replay/%' AND source = ANY ($1::text[])",
            list(sources),
        )
        return count


_RESTATED = frozenset(topics.BY_NAME) - {topics.ERASURES.name}
"""Erasures are kept for ever and are read themselves; a service does not restate to itself."""


async def _keep_ends(kafka: str, database: Database, wanted: Iterable[Topic]) -> None:
    """Positions that are not kept yet are put at these topics' ends, once, before anything is restated."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka)
    await consumer.start()
    try:
        parts = [TopicPartition(topic.name, number) for topic in wanted for number in range(topic.partitions)]
        ends = await consumer.end_offsets(parts)
    finally:
        await stop(consumer)
    async with database.transaction() as connection:
        await positions.stored(connection, ends)


async def _forget_others(database: Database, heard: Sequence[Topic]) -> None:
    """Positions that were kept before anybody knew what this listener hears."""
    async with database.transaction() as connection:
        await connection.execute(
            "DELETE FROM position WHERE topic = ANY ($1::text[])", list(_RESTATED - {topic.name for topic in heard})
        )


HEARD_AGAIN = f"/storyloop/{topics.DIRECTORY.announcer}"
"""Whose facts a listener takes again, although it has heard them: its new version may keep more of them than the last.

Each is the same row again. Of what others announce, old facts come back with their subject's newest number, and who
decides by that number would decide a second time: router where a story goes, tracker what a verdict makes of a change.
"""


async def make_ready(kafka: str, database: Database, listener: str) -> None:
    """Makes a listener new: old positions and markers go, and what is told live from here on is heard live.

    This comes before announcers restate: a fact that was told between the two would be in neither. What an earlier
    replay left on its topic is passed over: its markers would end this one before it was heard.

    What was heard of the directory and of routes counts as unheard again (see `HEARD_AGAIN`).
    """
    begun_anew = [topics.BY_NAME[name] for name in sorted(_RESTATED)] + [topics.replay_to(listener)]
    async with database.transaction() as connection:
        names = [topic.name for topic in begun_anew]
        await connection.execute("DELETE FROM position WHERE topic = ANY ($1::text[])", names)
        await connection.execute("DELETE FROM thread WHERE subject LIKE 'replay/%'")
        await connection.execute("UPDATE thread SET heard = heard - $1::text WHERE heard ? $1::text", HEARD_AGAIN)
    await _keep_ends(kafka, database, begun_anew)


def main(
    postgres: Annotated[str, typer.Option(envvar="STORYLOOP_POSTGRES", help="with the listener's own role")],
    kafka: Annotated[str, typer.Option(envvar="STORYLOOP_KAFKA", help="host:port,…")],
) -> None:
    """Makes a stopped listener ready to hear a replay; whose role is used says which one.

    Example: STORYLOOP_POSTGRES=postgresql://tracker@db/storyloop python -m shared.replay
    """

    async def run() -> None:
        database = await Database.connect(postgres, application="replay")
        try:
            async with database.connection() as connection:
                listener = await connection.fetchval("SELECT current_schema()")
            await make_ready(kafka, database, listener)
        finally:
            await database.close()

    asyncio.run(run())


if __name__ == "__main__":
    typer.run(main)
