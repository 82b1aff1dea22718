"""Intake's API for authors: sharing, the private link, verdicts."""

from typing import Any

import httpx
import pytest

from shared.database import Database
from shared.events import (
    ChangeMade,
    StoryReceived,
    VerdictGiven,
)
from shared.ids import new_id
from tests.factories import STORY_TEXT, reply_published, what_was_told
from tests.intake.register import share
from tests.service import STAFF, announced, announced_types, column, execute, hear, tables_with


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
