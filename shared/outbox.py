"""The outbox: announcements as rows, numbered and written in the transaction that decided them.

Numbers are given last, for what has survived: a number given earlier could be lost with its savepoint.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import orjson

from shared import topics
from shared.cloudevents import Envelope
from shared.contracts import Event
from shared.database import Connection, term_of
from shared.ids import new_id
from shared.threads import Thread
from shared.topics import Lane


@dataclass(frozen=True, slots=True)
class Announcement:
    """An event to be told, and the one that caused it."""

    event: Event
    cause: Envelope | None = None
    lane: Lane = Lane.LIVE
    partition: int | None = None
    number: tuple[int, int] | None = None
    """Given already where a state is restated; otherwise its thread gives it."""
    value: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Written out at once: what is too large fails where it is announced, and only its own cause is parked."""
        value = self.event.model_dump_json().encode()
        if len(value) > topics.MAX_RECORD_BYTES:
            raise ValueError(f"{self.event.type} is larger than {topics.MAX_RECORD_BYTES} bytes")
        object.__setattr__(self, "value", value)


async def write(
    connection: Connection, service: str, announcements: Sequence[Announcement], threads: Mapping[str, Thread]
) -> None:
    """Numbers the announcements in order and writes their rows; those of an erased story go out emptied."""
    if not announcements:
        return
    rows = [_row(service, announcement, threads, term_of(connection)) for announcement in announcements]
    await connection.execute(
        """
        INSERT INTO outbox (lane, topic, partition, subject, key, value, headers, personal)
        SELECT lane, topic, partition, subject, convert_to(subject, 'UTF8'), value, headers, personal
          FROM unnest($1::text[], $2::text[], $3::integer[], $4::text[], $5::bytea[], $6::bytea[], $7::boolean[])
          WITH ORDINALITY AS row (lane, topic, partition, subject, value, headers, personal, place)
         ORDER BY place
        """,
        *(list(column) for column in zip(*rows, strict=True)),
    )


async def empty(connection: Connection, subjects: Sequence[str]) -> int:
    """Takes the text out of waiting announcements of erased stories; envelope and number still go out."""
    status = await connection.execute(
        "UPDATE outbox SET value = NULL WHERE subject = ANY ($1::text[]) AND personal AND value IS NOT NULL",
        subjects,
    )
    return int(status.rsplit(" ", 1)[1])


Row = tuple[str, str, int | None, str, bytes | None, bytes, bool]


def _row(service: str, announcement: Announcement, threads: Mapping[str, Thread], term: int) -> Row:
    event, subject = announcement.event, announcement.event.subject
    topic = event.topic_for(service)
    thread = threads.get(subject)
    number = announcement.number
    if number is None and topic in topics.BY_NAME and topics.BY_NAME[topic].sequenced:
        number = threads[subject].next_number(term)
    emptied = event.personal and thread is not None and thread.erased
    value = None if emptied else announcement.value
    headers = orjson.dumps(list(_headers(service, announcement, number)))
    return (announcement.lane, topic, announcement.partition, subject, value, headers, event.personal)


def _headers(service: str, announcement: Announcement, number: tuple[int, int] | None) -> Iterable[tuple[str, str]]:
    event, cause = announcement.event, announcement.cause
    id_, time = new_id(), datetime.now(UTC).isoformat()
    yield "content-type", "application/json"
    yield "ce_specversion", "1.0"
    yield "ce_id", str(id_)
    yield "ce_type", event.type
    yield "ce_source", f"/storyloop/{service}"
    yield "ce_subject", event.subject
    yield "ce_time", time
    yield "ce_recordedtime", time
    yield "ce_dataschema", f"urn:storyloop:{event.type}"
    yield "ce_correlationid", cause.correlationid if cause else event.subject.partition("/")[2]
    if cause:
        yield "ce_causationid", cause.id
    if cause and cause.traceparent:
        yield "ce_traceparent", cause.traceparent
    if number:
        yield "ce_term", str(number[0])
        yield "ce_sequence", str(number[1])
