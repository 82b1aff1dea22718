"""What publishers offer and take back on their own topics, and the receipts that they get."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import asyncpg
import orjson
import pytest

from shared.database import Database
from shared.events import (
    StoryPublished,
    StoryRecalled,
    StoryReceived,
)
from shared.parking import ParkedRecord
from tests.factories import story_offered, what_was_told
from tests.intake.register import STORY
from tests.service import (
    announced,
    announced_types,
    column,
    fetch,
    hear,
    parked,
    receipts,
    redrive,
    submitted,
)
from tests.waiting import eventually

STATES = "SELECT state FROM intake.story"


async def test_an_offered_story_is_accepted_and_waits_for_a_moderator(database: Database) -> None:
    await hear("intake", database, submitted(story_offered(), id_="e-1"))

    ((type_, data),) = await announced(database)
    assert (type_, data["story"], data["publisher"], data["visibility"]) == (
        StoryReceived.type,
        str(STORY),
        "surveys",
        "public",
    )
    assert "text" not in data
    assert await column(database, STATES) == ["waiting"]
    assert await receipts(database) == [("e-1", "accepted", None)]


async def test_receipts_have_a_lane_of_their_own_and_hold_up_no_story(database: Database) -> None:
    await hear("intake", database, submitted(story_offered()))

    lanes = await column(database, "SELECT topic || ' ' || lane FROM outbox ORDER BY id")
    assert lanes == ["storyloop.stories live", "storyloop.receipts.surveys receipts"]


async def test_a_story_of_a_trusted_publisher_is_published_at_once(database: Database) -> None:
    await hear("intake", database, submitted(story_offered(criticality=4), by="trusted"))

    assert [(type_, data.get("criticality"), data.get("revision")) for type_, data in await announced(database)] == [
        (StoryReceived.type, None, None),
        (StoryPublished.type, 4, 1),
    ]
    assert await column(database, STATES) == ["published"]


async def test_the_criticality_of_an_untrusted_publisher_is_told_to_nobody(database: Database) -> None:
    await hear("intake", database, submitted(story_offered(criticality=5)))

    assert [data.get("criticality") for _, data in await announced(database)] == [None]


async def test_the_same_submission_again_is_a_repeat(database: Database) -> None:
    first = submitted(story_offered(), id_="e-1")
    again = submitted(story_offered(), id_="e-1")

    await hear("intake", database, first, again)
    await hear("intake", database, submitted(story_offered(), id_="e-1"))

    assert await announced_types(database) == [StoryReceived.type]
    assert await receipts(database) == [
        ("e-1", "accepted", None),
        ("e-1", "repeated", None),
        ("e-1", "repeated", None),
    ]


async def test_the_same_story_under_another_event_id_is_a_repeat(database: Database) -> None:
    await hear("intake", database, submitted(story_offered(), id_="e-1"), submitted(story_offered(), id_="e-2"))

    assert await receipts(database) == [("e-1", "accepted", None), ("e-2", "repeated", None)]


OTHER_WORDS = story_offered(text="Something else.")
REFUSED: dict[str, list[ParkedRecord]] = {
    "event_id_reused": [
        submitted(story_offered(), id_="e-1"),
        submitted(OTHER_WORDS, id_="e-1", reference="ref-2"),
    ],
    "reference_reused": [submitted(story_offered(), id_="e-1"), submitted(OTHER_WORDS, id_="e-2")],
    "source_not_registered": [submitted(story_offered(), id_="e-1", source="/elsewhere")],
    "service_not_registered": [submitted(story_offered(services=["W1", "W2"]), by="narrow", id_="e-1")],
    "recalled": [submitted(StoryRecalled(), id_="e-1"), submitted(story_offered(), id_="e-2")],
    "contract_broken": [submitted(story_offered(), id_="e-1", value=b'{"title": "No more than a title"}')],
}


@pytest.mark.parametrize("reason", REFUSED)
async def test_what_is_refused_is_parked_and_its_publisher_is_told(reason: str, database: Database) -> None:
    *before, refused = await hear("intake", database, *REFUSED[reason])

    assert await parked(database) == [reason]
    assert (await receipts(database))[len(before) :] == [(refused.envelope and refused.envelope.id, "refused", reason)]


async def test_the_same_words_under_a_used_event_id_and_another_reference_are_refused(database: Database) -> None:
    await hear("intake", database, submitted(story_offered(), id_="e-1"))

    await hear("intake", database, submitted(story_offered(), id_="e-1", reference="ref-2"))

    assert await parked(database) == ["event_id_reused"]
    assert await column(database, "SELECT reference FROM intake.story") == ["ref-1"]


async def test_a_broken_offer_names_its_fields_without_what_stood_in_them(database: Database) -> None:
    secret = orjson.dumps(what_was_told(email="secret words"))

    await hear("intake", database, submitted(story_offered(), value=secret))

    ((value,),) = await fetch(database, "SELECT value FROM outbox")
    assert b'"field":"email"' in value
    assert b"secret words" not in value


async def test_an_unknown_publisher_is_parked_and_gets_no_receipt(database: Database) -> None:
    await hear("intake", database, submitted(story_offered(), by="stranger"))

    assert await parked(database) == ["unknown_publisher"]
    assert await receipts(database) == []
    assert await column(database, STATES) == []


async def test_an_unreadable_record_has_a_receipt_by_its_place(database: Database) -> None:
    good = submitted(story_offered())
    record = ParkedRecord(good.topic, 0, good.offset, good.timestamp, b"key", b"\xff", [])

    await hear("intake", database, record)

    assert await parked(database) == ["unreadable"]
    assert await receipts(database) == [(None, "refused", "unreadable")]


async def test_a_refused_offer_does_not_hold_back_the_others(database: Database) -> None:
    await hear(
        "intake",
        database,
        submitted(story_offered(), source="/elsewhere", reference="ref-1"),
        submitted(story_offered(), id_="e-2", reference="ref-2"),
    )

    assert await column(database, "SELECT reference FROM intake.story") == ["ref-2"]


async def test_of_two_offers_with_one_event_id_that_come_at_the_same_instant_one_is_refused(database: Database) -> None:
    first = submitted(story_offered(), id_="e-1", reference="ref-1")
    second = submitted(story_offered(), id_="e-1", reference="ref-2", partition=1)

    async def persistently(record: ParkedRecord) -> None:
        with suppress(asyncpg.SerializationError):
            await hear("intake", database, record)
            return
        await hear("intake", database, record)

    async with held_up(database, "intake.submission"):
        both = asyncio.gather(persistently(first), persistently(second))
        await eventually(lambda: waiting_for_locks(database, 2), what="both have judged what they were offered")
    await both

    assert len(await column(database, STATES)) == 1
    assert await parked(database) == ["event_id_reused"]


@asynccontextmanager
async def held_up(database: Database, table: str) -> AsyncIterator[None]:
    """Nobody can write into the table meanwhile; reading goes on."""
    async with database.transaction() as connection:
        await connection.execute(f"LOCK TABLE {table} IN SHARE MODE")
        yield


async def waiting_for_locks(database: Database, sessions: int) -> bool:
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'intake.submission'::regclass"
    return await column(database, waiting) == [sessions]


async def test_a_parked_offer_is_taken_once_its_publisher_is_registered(database: Database) -> None:
    await hear("intake", database, submitted(story_offered(services=["W2"]), by="narrow", id_="e-1"))
    async with database.connection() as connection:
        await connection.execute("UPDATE intake.publisher SET services = '{W1,W2}' WHERE name = 'narrow'")

    await redrive("intake", database)

    assert await parked(database) == []
    assert await receipts(database) == [("e-1", "refused", "service_not_registered"), ("e-1", "accepted", None)]
