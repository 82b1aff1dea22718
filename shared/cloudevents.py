"""CloudEvents 1.0 on Kafka, both content modes; told apart by `content-type` alone, as the binding says.

Nothing a sender can put into a record makes `read` raise anything but `Unreadable`.
"""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from pydantic_core import from_json, to_json

from shared.contracts import OPAQUE
from shared.ids import refuse_nhs_number

Headers = Sequence[tuple[str, bytes | None]]
Place = tuple[str, int, int]
"""Topic, partition and offset."""
STRUCTURED = "application/cloudevents+json"
_OPAQUE = re.compile(OPAQUE.replace("$", r"\Z"))
_SUBJECT = re.compile(r"^([a-z]{1,20}/)?[A-Za-z0-9._:-]{1,64}\Z")
_SOURCE = re.compile(r"^[A-Za-z0-9._:/-]{1,200}\Z")
_TYPE = re.compile(r"^[a-z0-9.]{1,120}\Z")
_TRACEPARENT = re.compile(r"^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}\Z")
_JSON = re.compile(r"^application/([a-z.-]+\+)?json\s*(;.*)?\Z", re.IGNORECASE)
_OURS = re.compile(r"(ce_[a-z]{1,20}|content-type|key)\Z")
"""Names that may be repeated in a sentence; others are the sender's own words."""
_BIGINT = 2**63
_IDS = frozenset({"id", "type", "source", "subject", "correlationid", "causationid"})


class Unreadable(ValueError):
    """The record has no envelope that could be trusted; says which attribute, never what stood in it."""


class Record(Protocol):
    """What is needed of a Kafka record; a parked row has it too."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Headers: ...


@dataclass(frozen=True, slots=True)
class Envelope:
    """A CloudEvent's attributes, checked, and its data as it came."""

    id: str
    type: str
    source: str
    subject: str
    time: datetime
    correlationid: str
    data: bytes | None = field(default=None, repr=False)
    term: int = 0
    sequence: int = 0
    """0: the topic carries no sequence."""
    causationid: str | None = None
    traceparent: str | None = None
    erased: bool = False
    replayed: bool = False
    topic: str = ""
    partition: int = -1
    offset: int = -1

    @property
    def number(self) -> tuple[int, int]:
        """(term, sequence), compared as a pair."""
        return (self.term, self.sequence)


def read(record: Record) -> Envelope:
    """The envelope of a record in either content mode; `Unreadable` where there is none."""
    headers = {name.lower() if name.isascii() else _name(name): value for name, value in record.headers}
    content_type = _text(headers.get("content-type"), "content-type") or "application/json"
    if content_type.lower().startswith(STRUCTURED):
        attributes, data = _structured(record.value)
    else:
        attributes = _attributes(headers)
        data = record.value
        if not _JSON.match(content_type):
            raise Unreadable("content-type is not JSON")
    return envelope(attributes, data, _text(record.key, "key"), (record.topic, record.partition, record.offset))


def subject_of_key(record: Record) -> str | None:
    """The subject that an unreadable record's key names, if it has the shape of one."""
    try:
        return _shaped({"subject": _text(record.key, "key")}, "subject", _SUBJECT)
    except Unreadable:
        return None


def envelope(
    attributes: Mapping[str, Any], data: bytes | None, fallback: str | None = None, place: Place = ("", -1, -1)
) -> Envelope:
    """Checks attributes by the CloudEvents rules and ours; the Kafka key stands in for a missing subject."""
    if str(attributes.get("specversion")) != "1.0":
        raise Unreadable("specversion is not 1.0")
    id_ = _shaped(attributes, "id", _OPAQUE)
    trace = attributes.get("traceparent")
    return Envelope(
        id=id_,
        type=_shaped(attributes, "type", _TYPE),
        source=_shaped(attributes, "source", _SOURCE),
        subject=_shaped({"subject": attributes.get("subject") or fallback}, "subject", _SUBJECT),
        time=_time(attributes.get("time")),
        correlationid=_optional(attributes, "correlationid") or id_,
        causationid=_optional(attributes, "causationid"),
        traceparent=trace if isinstance(trace, str) and _TRACEPARENT.match(trace) else None,
        term=_number(attributes, "term"),
        sequence=_number(attributes, "sequence"),
        erased=str(attributes.get("erased", "")).lower() == "true",
        data=data,
        topic=place[0],
        partition=place[1],
        offset=place[2],
    )


def split(event: Any) -> tuple[dict[str, Any], bytes | None]:
    """The attributes and the data of a structured event that is parsed already."""
    if not isinstance(event, dict):
        raise Unreadable("the event is not a JSON object")
    attributes = {name: value for name, value in event.items() if name not in {"data", "data_base64"}}
    if not _JSON.match(str(attributes.get("datacontenttype", "application/json"))):
        raise Unreadable("datacontenttype is not JSON")
    if isinstance(event.get("data_base64"), str):
        return attributes, _decoded(event["data_base64"])
    return attributes, to_json(event["data"]) if "data" in event else None


def _structured(value: bytes | None) -> tuple[dict[str, Any], bytes | None]:
    try:
        event = from_json(value or b"")
    except (ValueError, RecursionError) as error:
        raise Unreadable("the value is not JSON") from error
    try:
        return split(event)
    except Unreadable:
        raise
    except (ValueError, RecursionError) as error:
        raise Unreadable("the data cannot be read") from error


def _decoded(data: str) -> bytes:
    try:
        return base64.b64decode(data, validate=True)
    except ValueError as error:
        raise Unreadable("data_base64 is not base64") from error


def _name(name: str) -> str:
    if any("\ud800" <= character <= "\udfff" for character in name):
        raise Unreadable("a header's name is not UTF-8")
    return name.lower()


def _attributes(headers: Mapping[str, bytes | None]) -> dict[str, Any]:
    said = [(name, value) for name, value in headers.items() if name.startswith("ce_")]
    try:
        return {name[3:]: value and value.decode() for name, value in said}
    except UnicodeDecodeError:
        return {name[3:]: _text(value, name) for name, value in said}  # says which


def _text(value: bytes | None, name: str) -> str | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError as error:
        raise Unreadable(f"{name if _OURS.match(name) else 'a header'} is not UTF-8") from error


def _shaped(attributes: Mapping[str, Any], name: str, shape: re.Pattern[str]) -> str:
    value = attributes.get(name)
    if not isinstance(value, str) or not shape.match(value):
        raise Unreadable(f"{name} is missing or has not the right shape")
    try:
        return refuse_nhs_number(value) if name in _IDS else value
    except ValueError as error:
        raise Unreadable(f"{name} holds an NHS number") from error


def _optional(attributes: Mapping[str, Any], name: str) -> str | None:
    return _shaped(attributes, name, _OPAQUE) if attributes.get(name) is not None else None


def _time(value: Any) -> datetime:
    try:
        time = datetime.fromisoformat(value)
        return time.astimezone(UTC) if time.tzinfo else _no_zone()
    except (TypeError, ValueError, OverflowError) as error:
        raise Unreadable("time is missing or not an RFC 3339 time with its zone") from error


def _no_zone() -> datetime:
    raise ValueError("no zone")


def _number(attributes: Mapping[str, Any], name: str) -> int:
    value = attributes.get(name, 0)
    digits = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if not (digits.isascii() and digits.isdigit() and len(digits) < 20 and int(digits) < _BIGINT):
        raise Unreadable(f"{name} is not a whole number")
    return int(digits)
