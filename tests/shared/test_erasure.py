"""Erasure in the tables that every service has: texts go at once, what proves or orders stays."""

from datetime import UTC, datetime
from uuid import UUID

from shared.database import Database
from shared.deliveries import Delivery
from shared.timers import Timer
from shared.work import Work, on_threads
from tests.factories import STORY_TEXT, reply_published, story_erased, story_published, story_routed
from tests.records import record
from tests.service import column, execute, fetch, hear, home_of, tables_with

WORDS = "a canary sang in the corridor"


async def fill(database: Database, subject: str) -> None:
    """Announces, reminds, writes to somebody, and has a parked record and an answer, all about one story."""

    async def do(work: Work) -> None:
        story = UUID(subject.partition("/")[2])
        work.announce(reply_published(story, text=WORDS))
        work.remind(Timer(subject, "reply_overdue", datetime(2999, 1, 1, tzinfo=UTC), "T1"))
        work.deliver(Delivery(subject, "author", "waiting", "mail", {"text": WORDS}))
        work.deliver(Delivery(subject, "author", "sent", "mail", {"text": WORDS}))

    await on_threads(home_of("responder", database), {subject}, do)
    await execute(database, "UPDATE delivery SET sent_at = now(), payload = NULL WHERE kind = 'sent'")
    await hear("responder", database, record("storyloop.stories", b"{}", _envelope(subject), key=subject.encode()))
    await execute(database, "UPDATE parked SET value = convert_to($1, 'UTF8')", WORDS)
    await execute(
        database,
        "INSERT INTO answered (key, path, sha256, status, body, subject)"
        " VALUES ($1, 'POST /x', '', 201, convert_to($2, 'UTF8'), $1)",
        subject,
        WORDS,
    )


def _envelope(subject: str) -> dict[str, str]:
    return {
        "specversion": "1.0",
        "id": f"broken-{subject[-12:]}",
        "type": "uk.nhs.storyloop.story.withdrawn.v1",
        "source": "/storyloop/intake",
        "subject": subject,
        "time": "2026-05-04T10:00:00Z",
    }


async def test_no_table_holds_the_words_of_an_erased_story(responder: Database) -> None:
    story = story_published(text=WORDS)
    await hear("responder", responder, story, story_routed(story.story))
    await fill(responder, story.subject)
    before = await tables_with(responder, WORDS)

    await hear("responder", responder, story_erased(story.story))

    assert before == ["answered", "delivery", "outbox", "parked", "story"]
    assert await tables_with(responder, WORDS) == []


async def test_waiting_announcements_are_emptied_and_keep_envelope_and_number(responder: Database) -> None:
    story = story_published()
    await fill(responder, story.subject)
    headers = await column(responder, "SELECT headers FROM outbox")

    await hear("responder", responder, story_erased(story.story))

    rows = await fetch(responder, "SELECT value, headers FROM outbox ORDER BY id")
    assert (rows[0]["value"], rows[0]["headers"]) == (None, headers[0])
    assert b"copy.erased" in rows[1]["headers"]


async def test_parked_rows_and_timers_go_and_deliveries_stay_emptied(responder: Database) -> None:
    story = story_published()
    await fill(responder, story.subject)

    await hear("responder", responder, story_erased(story.story))

    deliveries = await fetch(
        responder, "SELECT kind, payload, sent_at IS NULL, given_up_at IS NULL FROM delivery ORDER BY kind"
    )
    assert await column(responder, "SELECT subject FROM parked UNION ALL SELECT subject FROM timer") == []
    assert [tuple(row) for row in deliveries] == [("sent", None, False, True), ("waiting", None, True, False)]


async def test_the_tombstone_stays_and_whatever_comes_later_goes_no_further(responder: Database) -> None:
    story = story_published()
    await hear("responder", responder, story_erased(story.story))

    late = await hear("responder", responder, story)

    assert [arrival.outcome for arrival in late] == ["erased"]
    assert await column(responder, "SELECT erased_at IS NOT NULL FROM thread WHERE subject = $1", story.subject) == [
        True
    ]
    assert await tables_with(responder, STORY_TEXT) == []


async def test_another_storys_rows_are_left_as_they_are(responder: Database) -> None:
    erased, other = story_published(), story_published()
    await fill(responder, other.subject)
    before = await tables_with(responder, WORDS)

    await hear("responder", responder, story_erased(erased.story))

    assert await tables_with(responder, WORDS) == before == ["answered", "delivery", "outbox", "parked"]
    assert await column(responder, "SELECT count(*) FROM timer") == [1]
