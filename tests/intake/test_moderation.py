"""Intake's API for moderators: what waits, and what is decided once."""

import httpx
import pytest

from shared.database import Database
from shared.events import (
    StoryPublished,
    StoryReceived,
    StoryRejected,
)
from shared.ids import new_id
from tests.factories import STORY_TEXT, story_offered
from tests.intake.register import STORY, moderate, share
from tests.service import STAFF, announced, announced_types, hear, receipts, submitted


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
