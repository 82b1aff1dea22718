"""Makes Kafka records as a broker would hand them over, so that tests name only what matters to them."""

from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

from shared.cloudevents import Headers
from shared.contracts import Event
from shared.ids import new_id
from shared.parking import ParkedRecord

_offsets = count()


def told(
    event: Event,
    by: str,
    *,
    number: tuple[int, int] | None = None,
    id_: str | None = None,
    topic: str | None = None,
    offset: int | None = None,
    **attributes: str,
) -> ParkedRecord:
    """An event as its announcer's relay writes it."""
    ce = {
        "specversion": "1.0",
        "id": id_ or str(new_id()),
        "type": event.type,
        "source": f"/storyloop/{by}",
        "subject": event.subject,
        "time": "2026-05-04T10:00:00Z",
    } | attributes
    if number:
        ce |= {"term": str(number[0]), "sequence": str(number[1])}
    return record(
        event.topic_for(by) if topic is None else topic,
        event.model_dump_json().encode(),
        ce,
        key=event.subject.encode(),
        offset=offset,
    )


def record(
    topic: str,
    value: bytes | None,
    ce: Mapping[str, Any],
    *,
    key: bytes | None = None,
    partition: int = 0,
    offset: int | None = None,
    headers: Headers = (),
) -> ParkedRecord:
    """One record in binary mode, at the next offset of its partition."""
    named: Sequence[tuple[str, bytes | None]] = [(f"ce_{name}", str(text).encode()) for name, text in ce.items()]
    return ParkedRecord(
        topic,
        partition,
        next(_offsets) if offset is None else offset,
        1_777_000_000_000,
        key,
        value,
        [("content-type", b"application/json"), *named, *headers],
    )
