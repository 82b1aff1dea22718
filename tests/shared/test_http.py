"""HTTP: every answer has one shape, no answer repeats what was sent, and a key has one effect."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import orjson
import pytest
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel
from structlog.testing import capture_logs

from shared.contracts import Text
from shared.database import Database
from shared.http import MAX_BODY_BYTES, AtDesk, Desk, IdempotencyKey, make_app
from shared.sign_in.current import Who
from shared.work import Home, Work
from tests.service import column, execute, home_of

WORDS = "a-canary-in-the-corridor"
SECURITY = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}
pages = APIRouter()


class Note(BaseModel):
    """Something that is said."""

    text: Text
    times: int = 1


class Kept(BaseModel):
    """What became of it."""

    id: str


@pages.post("/notes/{note}", response_model=Kept)
async def keep(request: Request, note: str, said: Note, desk: AtDesk, key: IdempotencyKey = None) -> Response:
    """Keeps a note in a table of its own; a second effect would be a second row."""

    async def do(work: Work) -> Kept:
        await work.connection.execute("INSERT INTO note (text) VALUES ($1)", said.text)
        return Kept(id=note)

    return await desk.once(request, key, f"note/{note}", do)


@pages.get("/away")
async def away(desk: AtDesk) -> int:
    """Needs the database."""
    return int(await desk.read(lambda connection: connection.fetchval("SELECT 1")))


@pages.get("/broken")
async def broken() -> None:
    """Has a bug that speaks."""
    raise ValueError(WORDS)


@pages.get("/staff")
async def for_staff(_who: Who) -> str:
    """Only for staff."""
    return "in"


@asynccontextmanager
async def client_of(home: Home, *, ready: bool = True) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application with the small router; an exception that leaves the application fails the test."""
    transport = httpx.ASGITransport(make_app(Desk(home, ready=ready), pages))
    async with httpx.AsyncClient(transport=transport, base_url="https://storyloop.test") as client:
        yield client


@pytest.fixture
async def client(responder: Database) -> AsyncIterator[httpx.AsyncClient]:
    """A ready application."""
    await execute(responder, "CREATE TABLE note (text text)")
    async with client_of(home_of("responder", responder)) as client:
        yield client


async def post(client: httpx.AsyncClient, body: bytes, key: str | None = None, note: str = "1") -> httpx.Response:
    headers = {"content-type": "application/json"} | ({"Idempotency-Key": key} if key else {})
    return await client.post(f"/notes/{note}", content=body, headers=headers)


def assert_is_problem(answer: httpx.Response, status: int, reason: str) -> dict[str, Any]:
    """The one shape of every error; returns it."""
    problem: dict[str, Any] = orjson.loads(answer.content)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert (problem["status"], problem["reason"], problem["type"]) == (status, reason, "about:blank")
    assert WORDS not in answer.text
    assert {name: answer.headers.get(name) for name in SECURITY} == SECURITY
    return problem


# --- what is not understood -----------------------------------------------------------------------

TEXT = b'{"text": "%s"}'


@pytest.mark.parametrize(
    ("body", "status", "reason", "field"),
    [
        pytest.param(b'{"text": "' + WORDS.encode(), 422, "invalid", None, id="not JSON"),
        pytest.param(b'"\xff\xfe"', 400, "bad_request", None, id="not UTF-8"),
        pytest.param(b'{"text":' + b"[" * 10_000 + b"]" * 10_000 + b"}", 400, "bad_request", None, id="depth 10,000"),
        pytest.param(b'{"text": "x", "times": ' + b"9" * 5_000 + b"}", 400, "bad_request", None, id="huge number"),
        pytest.param(b'{"text": ["' + WORDS.encode() + b'"]}', 422, "invalid", "text", id="wrong type"),
        pytest.param(b'{"times": 2}', 422, "invalid", "text", id="missing field"),
        pytest.param(b'{"text": null}', 422, "invalid", "text", id="null"),
        pytest.param(TEXT % rb"a\u0000b", 422, "invalid", "text", id="U+0000"),
        pytest.param(TEXT % rb"a\ud800b", 422, "invalid", "text", id="lone surrogate"),
        pytest.param(b"[]", 422, "invalid", "data", id="not an object"),
        pytest.param(b"", 422, "invalid", "data", id="empty"),
    ],
)
async def test_a_body_that_cannot_be_read_is_a_problem_field_by_field_without_what_was_sent(
    client: httpx.AsyncClient, body: bytes, status: int, reason: str, field: str | None
) -> None:
    answer = await post(client, body)

    problem = assert_is_problem(answer, status, reason)
    if field:
        assert [error["field"] for error in problem["errors"]] == [field]


async def test_a_body_that_says_it_is_too_large_is_not_read(client: httpx.AsyncClient) -> None:
    answer = await post(client, TEXT % (b"x" * MAX_BODY_BYTES))

    assert_is_problem(answer, 413, "too_large")


async def test_a_body_that_is_too_large_is_noticed_without_its_length(client: httpx.AsyncClient) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(MAX_BODY_BYTES // 1000 + 1):
            yield b"x" * 1000

    answer = await client.post("/notes/1", content=pieces(), headers={"content-type": "application/json"})

    assert "content-length" not in answer.request.headers
    assert_is_problem(answer, 413, "too_large")


async def test_an_unknown_path_and_a_wrong_method_are_problems(client: httpx.AsyncClient) -> None:
    unknown, wrong = await client.get(f"/{WORDS}"), await client.delete("/away")

    assert_is_problem(unknown, 404, "not_found")
    assert_is_problem(wrong, 405, "method_not_allowed")


async def test_who_shows_no_token_or_a_wrong_one_is_asked_to_sign_in(client: httpx.AsyncClient) -> None:
    nobody = await client.get("/staff")
    somebody = await client.get("/staff", headers={"Authorization": f"Bearer {WORDS}"})

    assert_is_problem(nobody, 401, "sign_in")
    assert_is_problem(somebody, 401, "sign_in")
    assert nobody.headers["www-authenticate"] == "Bearer"


# --- what is ours ---------------------------------------------------------------------------------


async def test_before_it_is_ready_a_service_says_when_to_come_back_and_answers_health(responder: Database) -> None:
    async with client_of(home_of("responder", responder), ready=False) as client:
        early, live, ready = [await client.get(path) for path in ("/away", "/health/live", "/health/ready")]

    assert_is_problem(early, 503, "starting")
    assert early.headers["retry-after"] == "2"
    assert (live.status_code, ready.status_code) == (200, 503)
    assert {name: ready.headers.get(name) for name in SECURITY} == SECURITY


async def test_while_the_database_is_away_callers_are_told_when_to_come_back() -> None:
    nowhere = await Database.connect("postgresql://nobody@127.0.0.1:9/none", application="test")

    async with client_of(home_of("responder", nowhere)) as client:
        answer = await client.get("/away")

    assert_is_problem(answer, 503, "try_again")
    assert answer.headers["retry-after"] == "2"


async def test_a_bug_of_ours_says_nothing_of_itself(client: httpx.AsyncClient) -> None:
    with capture_logs() as lines:
        answer = await client.get("/broken")

    assert_is_problem(answer, 500, "our_fault")
    assert [(line["event"], line["route"], line["status"]) for line in lines] == [
        ("request.failed", "/broken", 500),
        ("request.answered", "/broken", 500),
    ]


async def test_an_answer_that_is_good_has_the_security_headers_too(client: httpx.AsyncClient) -> None:
    answer = await post(client, TEXT % b"hello")

    assert answer.status_code == 201
    assert {name: answer.headers.get(name) for name in SECURITY} == SECURITY


async def test_a_line_of_the_log_names_the_route_and_never_the_address(client: httpx.AsyncClient) -> None:
    with capture_logs() as lines:
        await post(client, TEXT % b"hello", note=WORDS)

    assert [(line["event"], line["route"], line["status"]) for line in lines] == [
        ("request.answered", "/notes/{note}", 201)
    ]
    assert WORDS not in str(lines)


# --- Idempotency-Key ------------------------------------------------------------------------------


async def test_the_same_key_and_body_get_the_same_answer_and_have_one_effect(
    client: httpx.AsyncClient, responder: Database
) -> None:
    first, again = await post(client, TEXT % b"hello", "k1"), await post(client, TEXT % b"hello", "k1")

    assert (again.status_code, again.content) == (first.status_code, first.content) == (201, b'{"id":"1"}')
    assert await column(responder, "SELECT text FROM note") == ["hello"]


async def test_the_same_key_with_another_body_is_refused(client: httpx.AsyncClient, responder: Database) -> None:
    await post(client, TEXT % b"hello", "k1")

    answer = await post(client, TEXT % b"goodbye", "k1")

    assert_is_problem(answer, 409, "idempotency_key_reused")
    assert await column(responder, "SELECT text FROM note") == ["hello"]


async def test_two_requests_with_one_key_at_once_have_one_effect(
    client: httpx.AsyncClient, responder: Database
) -> None:
    answers = await asyncio.gather(*(post(client, TEXT % b"hello", "k1") for _ in range(4)))

    assert {(answer.status_code, answer.content) for answer in answers} == {(201, b'{"id":"1"}')}
    assert await column(responder, "SELECT text FROM note") == ["hello"]


async def test_a_request_that_failed_may_be_tried_again_with_its_key(
    client: httpx.AsyncClient, responder: Database
) -> None:
    await execute(responder, "ALTER TABLE note RENAME TO gone")
    failed = await post(client, TEXT % b"hello", "k1")
    await execute(responder, "ALTER TABLE gone RENAME TO note")

    again = await post(client, TEXT % b"hello", "k1")

    assert (failed.status_code, again.status_code) == (500, 201)
    assert await column(responder, "SELECT text FROM note") == ["hello"]


async def test_a_key_of_another_shape_is_refused(client: httpx.AsyncClient) -> None:
    answer = await post(client, TEXT % b"hello", f"{WORDS} {WORDS}")

    assert_is_problem(answer, 422, "invalid")
