"""What publishers take back, what comes in bulk, and what arrives too late."""

from typing import Any

import pytest

from shared.database import Database
from shared.events import (
    CommentReceived,
    StoryRecalled,
    StoryReceived,
    StoryWithdrawn,
)
from shared.ids import comment_of
from tests.factories import ALL_CONSENTS, STORY_TEXT, comment_offered, story_offered
from tests.service import (
    announced,
    announced_types,
    column,
    hear,
    receipts,
    submitted,
    tables_with,
)

STATES = "SELECT state FROM intake.story"


async def test_a_recalled_story_is_withdrawn_once(database: Database) -> None:
    await hear("intake", database, submitted(story_offered(), id_="e-1"))

    await hear("intake", database, submitted(StoryRecalled(), id_="e-2"), submitted(StoryRecalled(), id_="e-3"))

    assert await announced_types(database) == [StoryReceived.type, StoryWithdrawn.type]
    assert await column(database, STATES) == ["withdrawn"]
    assert (await receipts(database))[1:] == [("e-2", "accepted", None), ("e-3", "accepted", None)]


async def test_a_recall_before_its_offer_keeps_the_offer_out(database: Database) -> None:
    await hear("intake", database, submitted(StoryRecalled(), id_="e-1"))

    await hear("intake", database, submitted(story_offered(), id_="e-2"))

    assert await announced(database) == []
    assert await receipts(database) == [("e-1", "accepted", None), ("e-2", "refused", "recalled")]


async def test_a_recall_reaches_only_its_own_publishers_story(database: Database) -> None:
    await hear("intake", database, submitted(story_offered()), submitted(StoryRecalled(), by="trusted"))

    assert await column(database, STATES) == ["waiting"]


async def test_comments_are_taken_in_bulk_without_a_letter(database: Database) -> None:
    offers = [submitted(comment_offered(), reference=f"c-{number}", id_=f"e-{number}") for number in range(50)]

    await hear("intake", database, *offers, offers[0])

    assert await announced_types(database) == [CommentReceived.type] * 50
    assert await column(database, "SELECT count(*) FROM intake.comment") == [50]
    assert await column(database, "SELECT DISTINCT lane FROM outbox ORDER BY lane") == ["bulk", "receipts"]
    assert (await receipts(database))[-1] == ("e-0", "repeated", None)
    assert (await announced(database))[0][1]["comment"] == str(comment_of("surveys", "c-0"))


@pytest.mark.parametrize(
    ("how", "reason"),
    [({"by": "narrow"}, "service_not_registered"), ({"source": "/elsewhere"}, "source_not_registered")],
)
async def test_a_comment_is_refused_for_the_same_reasons(how: dict[str, Any], reason: str, database: Database) -> None:
    await hear("intake", database, submitted(comment_offered(service="W9"), id_="e-1", **how))

    assert await receipts(database) == [("e-1", "refused", reason)]


LETTERS = "SELECT kind FROM delivery"


@pytest.mark.parametrize(
    ("fields", "letters"),
    [
        ({"email": "robin@example.org", "consent": ALL_CONSENTS}, ["received"]),
        ({"email": "robin@example.org"}, []),
        ({"consent": ALL_CONSENTS}, []),
    ],
)
async def test_a_confirmation_is_sent_with_address_and_consent_only(
    fields: dict[str, Any], letters: list[str], database: Database
) -> None:
    await hear("intake", database, submitted(story_offered(**fields)))

    assert await column(database, LETTERS) == letters


async def test_an_erased_story_offered_again_leaves_no_words(database: Database) -> None:
    """What arrives late for an erased story stays erased, in the parked rows as well."""
    await hear("intake", database, submitted(story_offered(), id_="e-1"))
    async with database.connection() as connection:
        await connection.execute("UPDATE thread SET erased_at = now()")
        await connection.execute("UPDATE intake.story SET told = NULL")

    await hear("intake", database, submitted(story_offered(), id_="e-2"))

    assert (await receipts(database))[-1] == ("e-2", "refused", "story_erased")
    assert await tables_with(database, STORY_TEXT) == []
