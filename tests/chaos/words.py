"""What the driver's invented people say; each text is told apart from all others by its number."""

import json
from random import Random
from typing import Any
from uuid import uuid4

PREFIX = "uk.nhs.storyloop."
SERVICES = ("RXX01", "RXX01", "RXX02", "RXX", "RZZ")
Headers = list[tuple[str, bytes | None]]
STRUCTURED: Headers = [("content-type", b"application/cloudevents+json")]


def story(number: int, rng: Random, **more: Any) -> dict[str, Any]:
    """A story's own words."""
    return {
        "title": f"Story {number}",
        "text": f"Story {number}: {rng.randbytes(24).hex()} \u2014 nobody said how long it takes.",
        "services": [rng.choice(SERVICES)],
        "author_role": rng.choice(("patient", "carer", "relative")),
        "consent": ["show_to_staff", "publish"],
        "route": "web",
    } | more


def comment(number: int, rng: Random) -> dict[str, Any]:
    """A short answer."""
    text = f"Comment {number}: {rng.randbytes(8).hex()}"
    return {"service": "RXX02", "text": text, "answer": rng.randint(1, 5), "given_on": "2026-05-03"}


def event(what: str, reference: str, publisher: str, data: Any, event_id: str = "") -> dict[str, Any]:
    """A structured CloudEvent of a publisher."""
    return {
        "specversion": "1.0",
        "id": event_id or uuid4().hex,
        "type": f"{PREFIX}{what}.v1",
        "source": f"/{publisher}",
        "subject": reference,
        "time": "2026-05-04T10:00:00Z",
        "data": data,
    }


def as_record(said: dict[str, Any], binary: bool) -> tuple[bytes, Headers]:
    """Value and headers of an event, in one content mode or the other."""
    if not binary:
        return json.dumps(said).encode(), list(STRUCTURED)
    attributes = {name: value for name, value in said.items() if name != "data"}
    headers: Headers = [("content-type", b"application/json")]
    headers += [(f"ce_{name}", str(value).encode()) for name, value in attributes.items()]
    return json.dumps(said["data"]).encode(), headers


def poison(said: dict[str, Any], rng: Random) -> tuple[str, bytes | None, Headers]:
    """A record that nobody can accept: (the reason that it must be parked for, value, headers)."""
    data = said["data"]
    broken: dict[str, dict[str, Any]] = {
        "contract_broken": said | {"data": data | {"text": rng.choice(("", "a\u0000b", 17))}},
        "unknown_type": said | {"type": f"{PREFIX}story.sung.v1"},
        "unknown_version": said | {"type": f"{PREFIX}story.offered.v9"},
        "unexpected_type": said | {"type": f"{PREFIX}story.heard.v1", "data": {}},
        "source_not_registered": said | {"source": "/somebody-else"},
    }
    reason = rng.choice((*broken, "unreadable", "unreadable"))
    if reason in broken:
        return reason, json.dumps(broken[reason]).encode(), list(STRUCTURED)
    garbage: tuple[tuple[bytes | None, Headers], ...] = (
        (b"\xff\xfe{", list(STRUCTURED)),
        (None, list(STRUCTURED)),
        (b"{}", [("ce_id", None), ("x", b"\xff")]),
    )
    value, headers = rng.choice(garbage)
    return reason, value, headers
