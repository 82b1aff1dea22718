"""Tracker's API: a story's way round the loop, and the changes that it led to."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
import pytest

from shared.database import Database
from shared.events import ChangeMade, ChangePlanned, Claim, Verdict
from shared.ids import new_id
from tests.factories import comment_received, story_published, verdict_given
from tests.service import STAFF, announced, announced_types, column, hear
from tests.tracker.changes import claim, states

TOMORROW = datetime.now(UTC).date() + timedelta(days=1)


async def make(pages: httpx.AsyncClient, story: UUID, change: UUID, key: str = "") -> httpx.Response:
    headers = STAFF | ({"Idempotency-Key": key} if key else {})
    return await pages.post(f"/stories/{story}/changes/{change}/made", json={"what": "It hangs."}, headers=headers)


async def test_a_storys_timeline_shows_its_lines_and_changes(database: Database, pages: httpx.AsyncClient) -> None:
    story, change = await claim(database, due=TOMORROW)
    await hear("tracker", database, story_published(story))

    shown = (await pages.get(f"/stories/{story}", headers=STAFF)).json()

    assert {entry["kind"] for entry in shown["entries"]} == {"story.published", "reply.published"}
    assert [(one["change"], one["state"], one["due"]) for one in shown["changes"]] == [
        (str(change), "planned", str(TOMORROW))
    ]


async def test_a_story_that_was_never_here_is_not_found(pages: httpx.AsyncClient) -> None:
    assert (await pages.get(f"/stories/{new_id()}", headers=STAFF)).status_code == 404


async def test_a_planned_change_is_reported_as_made(database: Database, pages: httpx.AsyncClient) -> None:
    story, change = await claim(database, due=TOMORROW)

    answer = await make(pages, story, change)

    assert answer.status_code == 200
    assert await announced_types(database) == [ChangePlanned.type, ChangeMade.type]
    assert await states(database) == ["made"]
    assert await column(database, "SELECT target FROM timer") == []


async def test_a_disputed_change_can_be_made_again(database: Database, pages: httpx.AsyncClient) -> None:
    story, change = await claim(database, Claim.MADE)
    await hear("tracker", database, verdict_given(story, change, Verdict.NO))

    assert (await make(pages, story, change)).status_code == 200
    assert await states(database) == ["made"]
    assert [data["step"] for _, data in await announced(database)] == [1, 2, 3]


async def test_what_is_made_cannot_be_made_again(database: Database, pages: httpx.AsyncClient) -> None:
    story, change = await claim(database, Claim.MADE)

    answer = await make(pages, story, change)

    assert (answer.status_code, answer.json()["reason"]) == (409, "already_made")
    assert await announced_types(database) == [ChangeMade.type]


async def test_the_same_report_with_its_key_is_answered_again(database: Database, pages: httpx.AsyncClient) -> None:
    story, change = await claim(database)

    first, second = await make(pages, story, change, "key-1"), await make(pages, story, change, "key-1")

    assert (first.status_code, second.status_code) == (200, 200)
    assert await announced_types(database) == [ChangePlanned.type, ChangeMade.type]


async def test_a_change_of_another_story_is_not_found(database: Database, pages: httpx.AsyncClient) -> None:
    _, change = await claim(database)

    assert (await make(pages, new_id(), change)).status_code == 404
    assert await states(database) == ["planned"]


async def test_changes_are_listed_by_state(database: Database, pages: httpx.AsyncClient) -> None:
    _, planned = await claim(database)
    _, made = await claim(database, Claim.MADE)

    async def listed(query: str) -> set[str]:
        return {one["change"] for one in (await pages.get(f"/changes{query}", headers=STAFF)).json()}

    assert await listed("") == {str(planned), str(made)}
    assert await listed("?state=planned") == {str(planned)}
    assert await listed("?state=disputed") == set()


async def test_comments_are_counted_by_answer(database: Database, pages: httpx.AsyncClient) -> None:
    answers = [1, 1, 5, None]
    await hear("tracker", database, *(comment_received(answer=answer) for answer in answers))
    await hear("tracker", database, comment_received(service="W2"))

    counts = (await pages.get("/services/W1/comments", headers=STAFF)).json()

    assert counts == [
        {"answer": 1, "comments": 2},
        {"answer": 5, "comments": 1},
        {"answer": None, "comments": 1},
    ]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/stories/01a20000-0000-7000-8000-000000000001"),
        ("GET", "/changes"),
        ("POST", "/stories/01a20000-0000-7000-8000-000000000001/changes/01a20000-0000-7000-8000-000000000001/made"),
        ("GET", "/services/W1/comments"),
    ],
)
async def test_only_staff_may_ask(method: str, path: str, pages: httpx.AsyncClient) -> None:
    answer = await pages.request(method, path, headers={"Authorization": "Bearer wrong"}, json={})

    assert (answer.status_code, answer.json()["reason"]) == (401, "sign_in")
