"""Whatever a publisher puts on its topic or sends over HTTP: a clear answer, nothing lost, and the next one goes on."""

import json
from typing import Any
from uuid import uuid4

import pytest

from tests.journeys.people import People, offered
from tests.waiting import eventually

CANARY = "Canary Featherstonehaugh 999 000 0018"
STRUCTURED = [("content-type", b"application/cloudevents+json")]


def event(**changes: Any) -> dict[str, Any]:
    return offered("ref-" + uuid4().hex, event_id="id-" + uuid4().hex) | changes


def told(**changes: Any) -> dict[str, Any]:
    good = event()
    return good | {"data": good["data"] | changes}


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


BAD: dict[str, tuple[bytes | None, str]] = {
    "not JSON": (b"{" + CANARY.encode(), "unreadable"),
    "null value": (None, "unreadable"),
    "bad UTF-8": (b"\xff\xfe" + CANARY.encode(), "unreadable"),
    "not an object": (as_json([CANARY]), "unreadable"),
    "no id": (as_json(event(id=None)), "unreadable"),
    "an id that is an NHS number": (as_json(event(id="9990000018")), "unreadable"),
    "no time": (as_json(event(time="yesterday")), "unreadable"),
    "wrong CloudEvents version": (as_json(event(specversion="0.3")), "unreadable"),
    "depth of 10,000": (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "unreadable"),
    "unknown type": (as_json(event(type="uk.nhs.storyloop.story.sung.v1")), "unknown_type"),
    "unknown version": (as_json(event(type="uk.nhs.storyloop.story.offered.v9")), "unknown_version"),
    "somebody else's type": (as_json(event(type="uk.nhs.storyloop.story.published.v1")), "unexpected_type"),
    "no data": (as_json({k: v for k, v in event().items() if k != "data"}), "contract_broken"),
    "missing field": (as_json(told(text=None)), "contract_broken"),
    "wrong kind of field": (as_json(told(services=CANARY)), "contract_broken"),
    "huge integer": (as_json(told(criticality=10**400)), "contract_broken"),
    "U+0000": (as_json(told(text=CANARY + "\0")), "contract_broken"),
    "lone surrogate": (as_json(told(text=CANARY + "\ud800")), "unreadable"),
    "no consent": (as_json(told(consent=["publish"])), "contract_broken"),
    "a source that is not the publisher's": (as_json(event(source="/kiosks")), "source_not_registered"),
}


@pytest.mark.parametrize("kind", BAD)
async def test_a_bad_submission_gets_a_receipt_and_the_next_one_goes_on(people: People, kind: str) -> None:
    value, reason = BAD[kind]
    before = len([one for one in await people.receipts() if one["reason"] == reason])

    await people.send("surveys", value, STRUCTURED, key=b"a-key")
    story = await people.offer()

    await people.kinds(story, "story.published")

    async def receipt_came() -> bool:
        refused = [one for one in await people.receipts() if one["reason"] == reason]
        return len(refused) == before + 1 and refused[-1]["outcome"] == "refused"

    await eventually(receipt_came)


async def test_a_repeat_is_told_as_one_and_a_reused_id_or_reference_is_refused(people: People) -> None:
    await people.offer("ref-once", event_id="once")
    await people.offer("ref-once", event_id="once")
    await people.offer("ref-once", event_id="once", title="Another body")
    await people.offer("ref-once", event_id="another", title="Another body")

    async def told_of() -> list[tuple[str, str | None]]:
        about = [one for one in await people.receipts() if one["event_id"] in {"once", "another"}]
        return [(one["outcome"], one["reason"]) for one in about] if len(about) == 4 else []

    assert sorted(await eventually(told_of), key=str) == [
        ("accepted", None),
        ("refused", "event_id_reused"),
        ("refused", "reference_reused"),
        ("repeated", None),
    ]


async def test_binary_mode_with_odd_headers_is_taken_or_refused_but_never_stops_the_topic(people: People) -> None:
    good = event()
    binary: list[tuple[str, bytes | None]] = [
        (f"ce_{name}", str(value).encode()) for name, value in good.items() if name != "data"
    ]
    body = as_json(good["data"])

    await people.send("surveys", body, [*binary, ("x-null", None)])
    await people.send("surveys", body, [*binary, ("x-not-utf-8", b"\xff")])
    await people.send("surveys", body, [*binary[1:], ("ce_specversion", None)])
    await people.send("surveys", body, [("content-type", b"text/plain"), *binary])
    story = await people.offer()

    await people.kinds(story, "story.published")

    async def accepted_once() -> bool:
        about = [one for one in await people.receipts() if one["event_id"] == good["id"]]
        return [one["outcome"] for one in about].count("accepted") == 1

    await eventually(accepted_once)


@pytest.mark.parametrize(
    ("service", "path"),
    [
        ("intake", "/stories"),
        ("intake", "/moderation/stories/01a20000-0000-7000-8000-000000000000/rejection"),
        ("responder", "/teams/EAST/stories/01a20000-0000-7000-8000-000000000000/replies"),
        ("tracker", "/stories/01a20000-0000-7000-8000-000000000000/changes/01a20000-0000-7000-8000-000000000000/made"),
    ],
)
@pytest.mark.parametrize(
    "body",
    [
        b"{" + CANARY.encode(),
        b"\xff\xfe",
        b"[" * 10_000,
        b'{"text": "\\u0000", "what": "\\u0000", "reason": 1}',
        b'{"text": "\\ud800", "what": "\\ud800", "reason": "\\ud800"}',
        b'{"text": 1' + b"0" * 5000 + b"}",
        b"{}",
        b"null",
        b'"' + b"x" * 600_000 + b'"',
    ],
    ids=["not JSON", "bad UTF-8", "deep", "U+0000", "lone surrogate", "huge integer", "empty", "null", "too large"],
)
async def test_bad_bodies_are_answered_field_by_field(people: People, service: str, path: str, body: bytes) -> None:
    answer = await people.http.post(
        people.system.url(service, path), content=body, headers={"Content-Type": "application/json"}
    )

    assert answer.status_code in {400, 413, 422}
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["reason"]
    assert CANARY not in answer.text


async def test_no_words_of_people_stand_in_any_log(people: People) -> None:
    await people.share(title=CANARY, text=CANARY, email="canary@example.org", services=["RXX01"])
    await people.post("intake", "/stories", {"title": CANARY, "text": 3, "email": CANARY})
    story = await people.offer(text=CANARY)
    await people.kinds(story, "story.published")

    for child in people.system.processes.values():
        log = child.log.read_text()
        assert "Featherstonehaugh" not in log
        assert "999 000 0018" not in log
        assert "9990000018" not in log
        assert "canary@example.org" not in log
        assert "Traceback" not in log
