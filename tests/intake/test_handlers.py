"""What intake does when the others say what became of a story: the author is shown, and perhaps written to."""

from typing import Any

import httpx
import pytest

from shared.contracts import StoryEvent
from shared.database import Database
from shared.events import (
    ChangeConfirmed,
    ChangeDisputed,
    ChangeMade,
    ChangeMissed,
    ChangePlanned,
    Claim,
    CopyErased,
    StoryUnheard,
)
from shared.ids import new_id
from tests.factories import (
    ALL_CONSENTS,
    REPLY_TEXT,
    reply_published,
    story_erased,
    story_heard,
    story_routed,
)
from tests.intake.register import share
from tests.service import column, fetch, hear, said, tables_with

WRITES = {"email": "robin@example.org", "consent": [str(consent) for consent in sorted(ALL_CONSENTS)]}


def all_facts(story: Any, change: Any) -> list[StoryEvent]:
    """Everything that an author is shown."""
    about = {"story": story, "change": change, "team": "T1"}
    return [
        story_routed(story),
        StoryUnheard(story=story, revision=1, services=("W1",)),
        story_heard(story),
        reply_published(story, claim=Claim.PLANNED),
        ChangePlanned(**about, what="A sign."),
        ChangeMissed(**about, due="2026-06-01"),
        ChangeMade(**about, what="A sign hangs."),
        ChangeDisputed(**about),
        ChangeConfirmed(**about),
    ]


async def test_the_author_is_shown_each_fact_once(database: Database, pages: httpx.AsyncClient) -> None:
    story, mine = await share(pages)
    records = [said(fact, time=f"2026-05-04T10:{n:02}:00Z") for n, fact in enumerate(all_facts(story, new_id()))]

    await hear("intake", database, *records)
    await hear("intake", database, *records[::-1])

    shown = (await pages.get("/my-story", headers=mine)).json()
    assert [line["kind"] for line in shown["progress"]] == [
        "story.routed",
        "story.unheard",
        "story.heard",
        "reply.published",
        "change.planned",
        "change.missed",
        "change.made",
        "change.disputed",
        "change.confirmed",
    ]


async def test_an_author_who_agreed_is_written_to_about_each_step_once(
    database: Database, pages: httpx.AsyncClient
) -> None:
    story, _ = await share(pages, **WRITES)
    facts = all_facts(story, new_id())

    await hear("intake", database, *facts)
    await hear("intake", database, facts[0])

    letters = await fetch(database, "SELECT kind, payload FROM delivery ORDER BY kind")
    assert [row["kind"].split()[0] for row in letters] == ["made", "planned", "received", "reply", "routed"]
    assert {row["payload"]["to"] for row in letters} == {"robin@example.org"}
    assert REPLY_TEXT in next(row["payload"]["text"] for row in letters if row["kind"].startswith("reply"))


@pytest.mark.parametrize("fields", [{"email": "robin@example.org"}, {"consent": WRITES["consent"]}])
async def test_an_author_who_did_not_agree_is_not_written_to(
    fields: dict[str, Any], database: Database, pages: httpx.AsyncClient
) -> None:
    story, _ = await share(pages, **fields)

    await hear("intake", database, *all_facts(story, new_id()))

    assert await column(database, "SELECT kind FROM delivery") == []


async def test_the_author_of_a_withdrawn_story_is_not_written_to_any_more(
    database: Database, pages: httpx.AsyncClient
) -> None:
    story, mine = await share(pages, **WRITES)
    await pages.post("/my-story/withdrawal", headers=mine)

    await hear("intake", database, *all_facts(story, new_id()))

    assert await column(database, "SELECT kind FROM delivery") == ["received"]


PROMISES = ("will ", "'ll ", "expect", "due", "soon", "shortly", "promise", "within", "guarantee")


async def test_no_letter_and_no_page_promises_anything(database: Database, pages: httpx.AsyncClient) -> None:
    answer = await pages.post("/stories", json={**_told(), **WRITES})
    story, mine = answer.json()["story"], {"Authorization": f"Bearer {answer.json()['link']}"}
    await hear("intake", database, *all_facts(story, new_id()))

    letters = await column(database, "SELECT (payload ->> 'subject') || ' ' || (payload ->> 'text') FROM delivery")
    shown = (await pages.get("/my-story", headers=mine)).json()
    texts = [answer.json()["help"], str(shown["progress"]), *letters]

    assert len(letters) == 5
    assert [(word, text) for text in texts for word in PROMISES if word in text.lower()] == []


def _told() -> dict[str, Any]:
    return {"title": "A title", "text": "A text", "services": ["W1"], "author_role": "patient"}


async def test_every_letter_says_who_helps_or_how_to_follow_and_carries_no_id(
    database: Database, pages: httpx.AsyncClient
) -> None:
    story, _ = await share(pages, **WRITES)
    await hear("intake", database, *all_facts(story, new_id()))

    received = await column(database, "SELECT payload ->> 'text' FROM delivery WHERE kind = 'received'")
    everything = await column(database, "SELECT payload ->> 'text' FROM delivery")
    assert "999" in received[0]
    assert "111" in received[0]
    assert [text for text in everything if str(story) in text] == []


async def test_what_was_disputed_and_made_again_is_a_new_line_and_a_new_letter(
    database: Database, pages: httpx.AsyncClient
) -> None:
    story, _ = await share(pages, **WRITES)
    about: dict[str, Any] = {"story": story, "change": new_id(), "team": "T1"}

    await hear(
        "intake",
        database,
        ChangeMade(**about, what="A sign hangs.", step=1),
        ChangeDisputed(**about, step=2),
        ChangeMade(**about, what="It hangs where people look.", step=3),
    )

    made = await column(database, "SELECT detail ->> 'what' FROM intake.progress WHERE kind = 'change.made' ORDER BY 1")
    assert made == ["A sign hangs.", "It hangs where people look."]
    assert len(await column(database, "SELECT kind FROM delivery WHERE kind LIKE 'made%'")) == 2


async def test_an_author_who_thinks_again_and_again_sees_every_word(
    database: Database, pages: httpx.AsyncClient
) -> None:
    story, mine = await share(pages)
    about: dict[str, Any] = {"story": story, "change": new_id(), "team": "T1"}
    words = [ChangeConfirmed(**about, step=2), ChangeDisputed(**about, step=3), ChangeConfirmed(**about, step=4)]

    await hear("intake", database, *(said(word, time=f"2026-05-04T10:{n:02}:00Z") for n, word in enumerate(words)))

    shown = (await pages.get("/my-story", headers=mine)).json()
    assert [line["kind"] for line in shown["progress"]] == ["change.confirmed", "change.disputed", "change.confirmed"]


async def test_a_progress_line_for_a_publishers_story_needs_no_author(database: Database) -> None:
    story = new_id()

    await hear("intake", database, story_routed(story))

    assert await column(database, "SELECT kind FROM intake.progress") == ["story.routed"]


async def test_the_receipt_of_an_erasure_grows_by_each_service(database: Database, pages: httpx.AsyncClient) -> None:
    story, mine = await share(pages)
    await pages.delete("/my-story", headers=mine)

    copies = [said(CopyErased(story=story), by) for by in ("router", "responder", "tracker")]
    await hear("intake", database, *copies, *copies)

    shown = (await pages.get("/my-story", headers=mine)).json()
    assert [copy["service"] for copy in shown["erased"]] == ["intake", "responder", "router", "tracker"]


async def test_after_a_restore_intake_forgets_what_was_erased_since(
    database: Database, pages: httpx.AsyncClient
) -> None:
    story, _ = await share(pages, text="Words that were erased after the copy was made.", **WRITES)

    await hear("intake", database, story_erased(story))

    assert await tables_with(database, "Words that were erased") == []
    assert await tables_with(database, "robin@example.org") == []
    assert await column(database, "SELECT service FROM intake.erasure") == ["intake"]
