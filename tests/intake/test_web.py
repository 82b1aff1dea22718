"""Intake's API for authors and moderators: sharing, following, withdrawing, erasing, deciding."""

from typing import Any

import httpx
import pytest

from shared.database import Database
from shared.events import (
    ChangeMade,
    StoryErased,
    StoryPublished,
    StoryReceived,
    StoryRejected,
    StoryWithdrawn,
    VerdictGiven,
)
from shared.ids import new_id
from tests.factories import ALL_CONSENTS, STORY_TEXT, reply_published, story_offered, what_was_told
from tests.intake.register import STORY, moderate, share
from tests.service import STAFF, announced, announced_types, column, execute, hear, receipts, submitted, tables_with

WRITES = {"email": "robin@example.org", "consent": [str(consent) for consent in sorted(ALL_CONSENTS)]}


async def test_a_shared_story_waits_and_is_told_without_its_text(database: Database, pages: httpx.AsyncClient) -> None:
    story, _ = await share(pages)

    ((type_, data),) = await announced(database)
    assert (type_, data["story"], data["publisher"]) == (StoryReceived.type, str(story), "web")
    assert "text" not in data
    assert await column(database, "SELECT state FROM intake.story") == ["waiting"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"consent": ["publish"]}, "data"),
        ({"text": ""}, "text"),
        ({"text": "\x00"}, "text"),
        ({"services": []}, "services"),
        ({"email": "not an address"}, "email"),
        ({"happened": "2026-13"}, "happened"),
    ],
)
async def test_a_story_that_cannot_be_taken_names_the_field(
    fields: dict[str, Any], field: str, database: Database, pages: httpx.AsyncClient
) -> None:
    answer = await pages.post("/stories", json=what_was_told(**fields))

    assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (422, [field])
    assert await announced(database) == []


async def test_a_story_sent_again_with_its_key_is_the_same_story(database: Database, pages: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "key-1"}

    first = await pages.post("/stories", json=what_was_told(), headers=key)
    second = await pages.post("/stories", json=what_was_told(), headers=key)
    other = await pages.post("/stories", json=what_was_told(title="Another"), headers=key)

    assert (first.status_code, second.status_code, second.json()) == (201, 201, first.json())
    assert (other.status_code, other.json()["reason"]) == (409, "idempotency_key_reused")
    assert await announced_types(database) == [StoryReceived.type]


async def test_a_key_whose_answer_is_forgotten_makes_no_second_story(
    database: Database, pages: httpx.AsyncClient
) -> None:
    """After a day the answer is gone and the story is not; it was a 500."""
    key = {"Idempotency-Key": "key-1"}
    await pages.post("/stories", json=what_was_told(), headers=key)
    await execute(database, "DELETE FROM answered")

    again = await pages.post("/stories", json=what_was_told(), headers=key)

    assert (again.status_code, again.json()["reason"]) == (409, "idempotency_key_reused")
    assert await announced_types(database) == [StoryReceived.type]


async def test_without_a_key_each_story_is_its_own(database: Database, pages: httpx.AsyncClient) -> None:
    first, second = await share(pages), await share(pages)

    assert first[0] != second[0]


# --- the private link -------------------------------------------------------------------------------


async def test_the_private_link_shows_the_story(pages: httpx.AsyncClient) -> None:
    story, mine = await share(pages)

    shown = (await pages.get("/my-story", headers=mine)).json()

    assert (shown["story"], shown["state"], shown["told"]["text"]) == (str(story), "waiting", STORY_TEXT)
    assert (shown["progress"], shown["erased"]) == ([], [])


@pytest.mark.parametrize(
    ("header", "status"),
    [({}, 401), ({"Authorization": "Bearer wrong"}, 404), (STAFF, 404), ({"Authorization": "Basic abc"}, 401)],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/my-story"),
        ("POST", "/my-story/withdrawal"),
        ("DELETE", "/my-story"),
        ("POST", "/my-story/verdicts"),
    ],
)
async def test_a_wrong_link_opens_nothing(
    method: str, path: str, header: dict[str, str], status: int, pages: httpx.AsyncClient
) -> None:
    body = {"change": str(new_id()), "verdict": "yes"} if path.endswith("verdicts") else None

    answer = await pages.request(method, path, headers=header, json=body)

    assert answer.status_code == status


async def test_the_link_is_kept_only_as_its_hash(database: Database, pages: httpx.AsyncClient) -> None:
    _, mine = await share(pages)

    assert await tables_with(database, mine["Authorization"].removeprefix("Bearer ")) == []


# --- withdrawing and erasing ------------------------------------------------------------------------


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


# --- verdicts ---------------------------------------------------------------------------------------


async def test_the_author_judges_a_change_of_the_story(database: Database, pages: httpx.AsyncClient) -> None:
    story, mine = await share(pages)
    change = new_id()
    await hear("intake", database, ChangeMade(story=story, change=change, team="T1", what="A sign."))

    answer = await pages.post("/my-story/verdicts", headers=mine, json={"change": str(change), "verdict": "partly"})

    assert answer.status_code == 200
    assert (await announced(database))[-1] == (
        VerdictGiven.type,
        {"story": str(story), "change": str(change), "verdict": "partly"},
    )


async def test_only_a_change_of_the_story_can_be_judged(database: Database, pages: httpx.AsyncClient) -> None:
    """A reply's id stands among the lines too; a verdict on it would have been parked by tracker."""
    story, mine = await share(pages)
    reply = reply_published(story)
    await hear("intake", database, reply)

    for judged in (reply.reply, new_id()):
        answer = await pages.post("/my-story/verdicts", headers=mine, json={"change": str(judged), "verdict": "yes"})
        assert (answer.status_code, answer.json()["reason"]) == (404, "no_such_change")
    assert VerdictGiven.type not in await announced_types(database)


@pytest.mark.parametrize("verdict", ["other", "perhaps", "", None])
async def test_a_verdict_is_one_of_three(verdict: str | None, pages: httpx.AsyncClient) -> None:
    _, mine = await share(pages)

    answer = await pages.post("/my-story/verdicts", headers=mine, json={"change": str(new_id()), "verdict": verdict})

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "verdict")


# --- moderation -------------------------------------------------------------------------------------


async def test_moderators_see_what_waits_and_nothing_else(pages: httpx.AsyncClient) -> None:
    waiting, decided = (await share(pages))[0], (await share(pages))[0]
    await moderate(pages, decided, "rejection", reason="too_old")

    listed = (await pages.get("/moderation/stories", headers=STAFF)).json()

    assert [(entry["story"], entry["told"]["text"]) for entry in listed] == [(str(waiting), STORY_TEXT)]


@pytest.mark.parametrize(("consent", "visibility"), [(["publish"], "public"), ([], "staff")])
async def test_an_approved_story_is_published_as_its_author_chose(
    consent: list[str], visibility: str, database: Database, pages: httpx.AsyncClient
) -> None:
    story, _ = await share(pages, consent=["show_to_staff", *consent], criticality=1)

    await moderate(pages, story, "approval", criticality=3)

    type_, data = (await announced(database))[-1]
    assert (type_, data["revision"], data["visibility"], data["criticality"], data["text"]) == (
        StoryPublished.type,
        1,
        visibility,
        3,
        STORY_TEXT,
    )
    assert not {"email", "consent"} & data.keys()


async def test_a_publishers_story_waits_and_is_approved_like_any_other(
    database: Database, pages: httpx.AsyncClient
) -> None:
    await hear("intake", database, submitted(story_offered(criticality=5), id_="e-1"))

    await moderate(pages, STORY, "approval")

    assert (await announced(database))[-1][1]["criticality"] is None
    assert await receipts(database) == [("e-1", "accepted", None)]


async def test_a_rejected_story_says_why(database: Database, pages: httpx.AsyncClient) -> None:
    story, _ = await share(pages)

    await moderate(pages, story, "rejection", reason="legal")

    assert (await announced(database))[-1] == (StoryRejected.type, {"story": str(story), "reason": "legal"})


@pytest.mark.parametrize("second", ["approval", "rejection"])
async def test_a_story_is_decided_once(second: str, database: Database, pages: httpx.AsyncClient) -> None:
    story, _ = await share(pages)
    await moderate(pages, story, "approval")

    answer = await moderate(pages, story, second, reason="legal")

    assert (answer.status_code, answer.json()["reason"]) == (409, "already_published")
    assert await announced_types(database) == [StoryReceived.type, StoryPublished.type]


async def test_a_withdrawn_or_unknown_story_is_not_decided(database: Database, pages: httpx.AsyncClient) -> None:
    story, mine = await share(pages)
    await pages.post("/my-story/withdrawal", headers=mine)

    withdrawn, unknown = await moderate(pages, story, "approval"), await moderate(pages, new_id(), "approval")

    assert (withdrawn.status_code, withdrawn.json()["reason"]) == (409, "already_withdrawn")
    assert (unknown.status_code, unknown.json()["reason"]) == (404, "no_such_story")


@pytest.mark.parametrize("decision", ["approval", "rejection"])
async def test_only_staff_may_moderate(decision: str, pages: httpx.AsyncClient) -> None:
    story, mine = await share(pages)
    path = f"/moderation/stories/{story}/{decision}"

    for header in ({}, mine):
        assert (await pages.post(path, json={"reason": "legal"}, headers=header)).status_code == 401
        assert (await pages.get("/moderation/stories", headers=header)).status_code == 401
