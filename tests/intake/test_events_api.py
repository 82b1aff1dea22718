"""`POST /events`: publishers' CloudEvents over HTTP, one or a batch, with an answer for each."""

from typing import Any

import httpx
import orjson
import pytest

from shared.database import Database
from shared.events import CommentOffered, CommentReceived, StoryOffered, StoryRecalled, StoryReceived, StoryWithdrawn
from tests.factories import STORY_TEXT, what_was_told
from tests.intake.register import STORY, TOKENS
from tests.service import announced_types, column, fetch, parked, receipts

ONE, BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"


def event(type_: str = StoryOffered.type, data: dict[str, Any] | None = None, **attributes: Any) -> dict[str, Any]:
    """A structured CloudEvent of `surveys`."""
    return {
        "specversion": "1.0",
        "id": "e-1",
        "type": type_,
        "source": "/surveys/wards",
        "subject": "ref-1",
        "time": "2026-05-04T10:00:00Z",
        "data": what_was_told() if data is None else data,
    } | attributes


async def post(pages: httpx.AsyncClient, body: Any, kind: str = ONE, token: str = TOKENS["surveys"]) -> httpx.Response:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": kind}
    return await pages.post("/events", content=content, headers=headers)


async def test_an_event_is_taken_as_from_the_publishers_topic(database: Database, pages: httpx.AsyncClient) -> None:
    answer = await post(pages, event())

    assert answer.status_code == 202
    assert answer.json() == {
        "id": "e-1",
        "outcome": "accepted",
        "reason": None,
        "subject_id": str(STORY),
        "errors": [],
    }
    assert await announced_types(database) == [StoryReceived.type]
    assert await receipts(database) == [("e-1", "accepted", None)]


async def test_the_same_event_again_is_answered_as_a_repeat(database: Database, pages: httpx.AsyncClient) -> None:
    await post(pages, event())

    again = await post(pages, event())

    assert (again.status_code, again.json()["outcome"], again.json()["subject_id"]) == (202, "repeated", str(STORY))
    assert await announced_types(database) == [StoryReceived.type]


async def test_a_recall_over_http_withdraws(database: Database, pages: httpx.AsyncClient) -> None:
    await post(pages, event())

    await post(pages, event(StoryRecalled.type, {}, id="e-2"))

    assert await announced_types(database) == [StoryReceived.type, StoryWithdrawn.type]


async def test_a_comment_takes_the_bulk_lane(database: Database, pages: httpx.AsyncClient) -> None:
    answer = await post(pages, event(CommentOffered.type, {"service": "W1", "answer": 2, "given_on": "2026-05-03"}))

    assert answer.status_code == 202
    assert await announced_types(database) == [CommentReceived.type]
    assert await column(database, "SELECT DISTINCT lane FROM outbox ORDER BY lane") == ["bulk", "receipts"]


REFUSED: dict[str, tuple[dict[str, Any], str, int]] = {
    "contract_broken": (event(data={"title": "No more"}), "surveys", 422),
    "source_not_registered": (event(source="/elsewhere"), "surveys", 422),
    "service_not_registered": (event(data=what_was_told(services=["W9"])), "narrow", 422),
    "unknown_type": (event("uk.nhs.elsewhere.thing.happened.v1"), "surveys", 422),
    "unknown_version": (event("uk.nhs.storyloop.story.offered.v9"), "surveys", 422),
    "unexpected_type": (event("uk.nhs.storyloop.story.published.v1"), "surveys", 422),
    "unreadable": (event(id="999 000 0001 and more"), "surveys", 422),
}


@pytest.mark.parametrize("reason", REFUSED)
async def test_a_refused_event_is_answered_and_not_parked(
    reason: str, database: Database, pages: httpx.AsyncClient
) -> None:
    body, publisher, status = REFUSED[reason]

    answer = await post(pages, body, token=TOKENS[publisher])

    assert (answer.status_code, answer.json()["reason"]) == (status, reason)
    assert STORY_TEXT not in answer.text
    assert await parked(database) == []
    assert await receipts(database) == []


async def test_a_broken_event_names_its_fields(pages: httpx.AsyncClient) -> None:
    answer = await post(pages, event(data=what_was_told(services=[], author_role=None)))

    assert [error["field"] for error in answer.json()["errors"]] == ["services", "author_role"]


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        (event(data=what_was_told(text="Other."), subject="ref-2"), "event_id_reused"),
        (event(data=what_was_told(text="Other."), id="e-2"), "reference_reused"),
    ],
)
async def test_a_reused_id_is_a_conflict(second: dict[str, Any], reason: str, pages: httpx.AsyncClient) -> None:
    await post(pages, event())

    answer = await post(pages, second)

    assert (answer.status_code, answer.json()["reason"]) == (409, reason)


async def test_each_event_of_a_batch_has_its_own_answer(database: Database, pages: httpx.AsyncClient) -> None:
    batch = [
        event(),
        event(),
        event(id="e-2", subject="ref-2", source="/elsewhere"),
        event(id="e-3", subject="ref-3", data={}),
        "no event at all",
        event(id="e-5", subject="ref-5"),
    ]

    answer = await post(pages, batch, BATCH)

    assert answer.status_code == 202
    assert [(one["id"], one["outcome"], one["reason"]) for one in answer.json()] == [
        ("e-1", "accepted", None),
        ("e-1", "repeated", None),
        ("e-2", "refused", "source_not_registered"),
        ("e-3", "refused", "contract_broken"),
        (None, "refused", "unreadable"),
        ("e-5", "accepted", None),
    ]
    assert await column(database, "SELECT reference FROM intake.story ORDER BY reference") == ["ref-1", "ref-5"]


@pytest.mark.parametrize(
    ("body", "kind", "status", "reason"),
    [
        (b"{}", "application/json", 415, "not_a_cloudevent"),
        (b"{}", "", 415, "not_a_cloudevent"),
        (b"not json", ONE, 422, "unreadable"),
        (b"[]", ONE, 422, "unreadable"),
        (b'{"specversion": "0.3"}', ONE, 422, "unreadable"),
        (b"[" * 10_000, ONE, 422, "unreadable"),
        (b"not json", BATCH, 400, "not_json"),
        (b'"\\ud800"', BATCH, 400, "not_json"),
        (b"{}", BATCH, 422, "not_a_batch"),
        (orjson.dumps([event()] * 101), BATCH, 422, "not_a_batch"),
        (b"x" * 512_001, ONE, 413, "too_large"),
    ],
)
async def test_what_is_no_event_is_refused(
    body: bytes, kind: str, status: int, reason: str, database: Database, pages: httpx.AsyncClient
) -> None:
    answer = await post(pages, body, kind)

    assert (answer.status_code, answer.json()["reason"]) == (status, reason)
    assert await fetch(database, "SELECT * FROM outbox") == []


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic abc"}])
async def test_only_a_registered_publisher_may_post(header: dict[str, str], pages: httpx.AsyncClient) -> None:
    answer = await pages.post("/events", json=event(), headers=header | {"Content-Type": ONE})

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_an_erased_story_offered_again_over_http_is_refused(database: Database, pages: httpx.AsyncClient) -> None:
    await post(pages, event())
    async with database.connection() as connection:
        await connection.execute("UPDATE thread SET erased_at = now()")

    answer = await post(pages, event(id="e-2"))

    assert (answer.status_code, answer.json()["reason"]) == (422, "story_erased")
