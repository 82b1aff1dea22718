"""A small service of its own for tests of the entrance and the consumer: it keeps what it hears in one table.

What a story's title says decides what becomes of it, so that a test can make any handler fail.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import orjson
from aiokafka import TopicPartition
from asyncpg import DeadlockDetectedError
from structlog.testing import capture_logs

from shared import positions
from shared.cloudevents import Record
from shared.contracts import Event
from shared.database import Database
from shared.entrance import Entrance
from shared.events import CopyErased, StoryErased, StoryPublished, StoryUnheard, StoryWithdrawn
from shared.hearing import Arrival
from shared.parking import ParkedRecord
from shared.positions import Step
from shared.streams import Stream
from shared.work import Handler, Home, Work
from tests.factories import story_published
from tests.records import told
from tests.service import column, execute, fetch

TOPIC = "storyloop.stories"
TOPICS = (TOPIC, "storyloop.erasures")


class Keeper:
    """Keeps each story that it hears of, once per time that it was handled, and announces it as unheard."""

    def __init__(self, database: Database, group: str = "keeper", topics: tuple[str, ...] = TOPICS) -> None:
        self.database = database
        self.calls: list[tuple[str, int]] = []
        self.troubles = 0
        """How often the next calls fail with an error that passes by itself."""
        self.handlers: dict[type[Event], Handler] = {
            StoryPublished: self.keep,
            StoryWithdrawn: self.withdraw,
            StoryErased: self.forget,
        }
        self.home = Home("router", database)
        self.entrance = Entrance(self.home, Stream(group, self.handlers, topics))

    async def prepare(self) -> None:
        """Makes the one table; without any constraint, so that whatever is applied twice is seen twice."""
        await execute(
            self.database,
            "CREATE TABLE router.kept (id bigint GENERATED ALWAYS AS IDENTITY, story uuid, title text, of integer)",
        )

    # --- its handlers -----------------------------------------------------------------------------

    async def keep(self, stories: Sequence[StoryPublished], work: Work) -> None:
        """Saves and announces first, so that a failure leaves something to drop."""
        self._called("keep", stories)
        for story in stories:
            if story.title == "refused":
                work.refuse(story, "not_wanted")
        wanted = [story for story in stories if story.title != "refused"]
        await work.connection.execute(
            "INSERT INTO router.kept (story, title, of) SELECT * FROM unnest($1::uuid[], $2::text[], $3::integer[])",
            [story.story for story in wanted],
            [story.title for story in wanted],
            [len(stories)] * len(wanted),
        )
        work.announce(*(_too_large(story) for story in wanted if story.title == "too large"))
        work.announce(*(_unheard(story, about) for story in wanted for about in _about(story)))
        if any(story.title == "bug" for story in stories):
            raise ZeroDivisionError(stories[0].text)

    async def withdraw(self, stories: Sequence[StoryWithdrawn], work: Work) -> None:
        """Keeps that, too."""
        self._called("withdraw", stories)
        await work.connection.execute(
            "INSERT INTO router.kept (story, title) SELECT unnest($1::uuid[]), 'withdrawn'",
            [story.story for story in stories],
        )

    async def forget(self, erased: Sequence[StoryErased], work: Work) -> None:
        """Forgets what was kept."""
        self._called("forget", erased)
        await work.connection.execute(
            "DELETE FROM router.kept WHERE story = ANY ($1::uuid[])", [story.story for story in erased]
        )
        work.announce(*(CopyErased(story=story.story) for story in erased))

    def _called(self, name: str, events: Sequence[Any]) -> None:
        self.calls.append((name, len(events)))
        if self.troubles:
            self.troubles -= 1
            raise DeadlockDetectedError("deadlock detected")

    # --- what a test does with it -----------------------------------------------------------------

    async def hear(self, *records: Record) -> list[Arrival]:
        """One batch that begins at the stored positions."""
        return await self.entrance.take(records, await self.steps(*records))

    async def hear_logged(self, *records: Record) -> list[dict[str, Any]]:
        """One batch; what was logged while it was heard."""
        with capture_logs() as lines:
            await self.hear(*records)
        return [dict(line) for line in lines]

    async def steps(self, *records: Record) -> list[Step]:
        """From the stored positions to behind these records."""
        ends = {TopicPartition(one.topic, one.partition): one.offset + 1 for one in records}
        async with self.database.transaction() as connection:
            places = await positions.stored(connection, dict.fromkeys(ends, 0))
        return [Step(place, places[place], max(places[place], end)) for place, end in ends.items()]

    async def kept(self, what: str = "title") -> list[Any]:
        """What stands in the table, in order."""
        return await column(self.database, f"SELECT {what} FROM router.kept ORDER BY id")  # noqa: S608 - test's own

    async def parked(self) -> list[tuple[str, str]]:
        """(reason, detail) of parked rows, in order of offsets."""
        rows = await fetch(self.database, 'SELECT reason, detail FROM parked ORDER BY topic, partition, "offset"')
        return [(row["reason"], row["detail"]) for row in rows]

    async def announced(self) -> list[tuple[str, str, int, int]]:
        """(last word of the type, subject, term, sequence) of what waits for the relay, in order."""
        said = await self.headers()
        return [(_word(one), one["ce_subject"], int(one["ce_term"]), int(one["ce_sequence"])) for one in said]

    async def headers(self) -> list[dict[str, str]]:
        """The headers of what waits for the relay, in order."""
        rows = await column(self.database, "SELECT headers FROM outbox ORDER BY id")
        return [dict(orjson.loads(headers)) for headers in rows]

    async def about(self) -> list[tuple[str, int]]:
        """(subject, sequence) of what waits for the relay, in order."""
        return [(subject, sequence) for _, subject, _, sequence in await self.announced()]


def published(story: UUID, title: str, sequence: int, term: int = 1, **how: Any) -> ParkedRecord:
    """The fact that a story was published, as intake's relay writes it."""
    return told(story_published(story, title=title), "intake", number=(term, sequence), **how)


def _about(story: StoryPublished) -> list[UUID]:
    """`about <uuid>` as a title makes the handler speak of another story as well."""
    other = story.title.removeprefix("about ")
    return [story.story] if other == story.title else [story.story, UUID(other)]


def _unheard(story: StoryPublished, about: UUID) -> StoryUnheard:
    return StoryUnheard(story=about, revision=story.revision, services=story.services)


def _too_large(story: StoryPublished) -> StoryPublished:
    """Each of these characters is one when it is counted and six when it is written."""
    text = "\x01" * 64_000
    return story.model_copy(update={"text": text, "good": text, "improve": text})


def _word(headers: dict[str, str]) -> str:
    return headers["ce_type"].split(".")[-2]
