"""The author takes a story back, or has it deleted everywhere."""

import httpx

from shared.database import Database
from shared.events import (
    StoryErased,
    StoryPublished,
    StoryReceived,
    StoryWithdrawn,
)
from tests.factories import ALL_CONSENTS, STORY_TEXT, reply_published, what_was_told
from tests.intake.register import moderate, share
from tests.service import announced, announced_types, hear, tables_with

WRITES = {"email": "robin@example.org", "consent": [str(consent) for consent in sorted(ALL_CONSENTS)]}


async def test_the_author_takes_the_story_back_once(database: Database, pages: httpx.AsyncClient) -> None:
    _, mine = await share(pages)

    first = await pages.post("/my-story/withdrawal", headers=mine)
    second = await pages.post("/my-story/withdrawal", headers=mine)

    assert (first.status_code, second.status_code) == (200, 200)
    assert await announced_types(database) == [StoryReceived.type, StoryWithdrawn.type]


async def test_an_erased_story_is_gone_from_every_table(database: Database, pages: httpx.AsyncClient) -> None:
    story, mine = await share(pages, **WRITES)
    await moderate(pages, story, "approval")
    await hear("intake", database, reply_published(story, text="Words of staff about the story."))

    await pages.delete("/my-story", headers=mine)

    for words in (STORY_TEXT, "Four hours in a corridor", "robin@example.org", "Words of staff"):
        assert (words, await tables_with(database, words)) == (words, [])
    assert [(type_, data is None) for type_, data in await announced(database)] == [
        (StoryReceived.type, False),
        (StoryPublished.type, True),
        (StoryWithdrawn.type, False),
        (StoryErased.type, False),
    ]


async def test_the_link_goes_on_showing_who_holds_no_text(database: Database, pages: httpx.AsyncClient) -> None:
    _, mine = await share(pages)

    await pages.delete("/my-story", headers=mine)

    shown = (await pages.get("/my-story", headers=mine)).json()
    assert (shown["state"], shown["told"]) == ("withdrawn", None)
    assert [copy["service"] for copy in shown["erased"]] == ["intake"]


async def test_an_erased_storys_answer_is_not_given_again(database: Database, pages: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "key-1"}
    link = (await pages.post("/stories", json=what_was_told(), headers=key)).json()["link"]
    await pages.delete("/my-story", headers={"Authorization": f"Bearer {link}"})

    again = await pages.post("/stories", json=what_was_told(), headers=key)

    assert (again.status_code, again.json()["reason"]) == (410, "erased")
