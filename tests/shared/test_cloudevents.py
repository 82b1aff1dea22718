"""Reading CloudEvents: what the SDK writes is read, in both content modes, and nothing else gets through."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import from_json

from shared.cloudevents import Envelope, Unreadable, read
from shared.ids import new_id
from shared.parking import ParkedRecord
from tests.records import record

NHS_NUMBER = "9990000018"
CE = {
    "specversion": "1.0",
    "id": "offer-1",
    "type": "uk.nhs.storyloop.story.offered.v1",
    "source": "/surveys/wards",
    "subject": "ref-1",
    "time": "2026-05-04T11:00:00+01:00",
}
DATA = {"title": "Ein Märchen 🐸", "answer": 3}
STRUCTURED = b"application/cloudevents+json; charset=utf-8"
TOPIC = "storyloop.submissions.surveys"


def structured(body: bytes | None, content_type: bytes = STRUCTURED) -> ParkedRecord:
    """A record whose value holds all of the event."""
    return ParkedRecord(TOPIC, 0, 7, 1, None, body, [("content-type", content_type)])


def binary(**changed: Any) -> ParkedRecord:
    """A good record in binary mode but for what is changed; None leaves an attribute out."""
    ce = {name: value for name, value in (CE | changed).items() if value is not None}
    return record(TOPIC, b'{"answer": 3}', ce)


def of_the_sdk(message: KafkaMessage) -> ParkedRecord:
    key = message.key.encode() if isinstance(message.key, str) else message.key
    return ParkedRecord(TOPIC, 0, 7, 1, key, message.value, list(message.headers.items()))


def event_of_the_sdk(**extensions: str) -> CloudEvent:
    time = {"time": datetime.fromisoformat(CE["time"]), "datacontenttype": "application/json"}
    return CloudEvent(CE | time | extensions, DATA)


def why(one: ParkedRecord) -> str:
    """The sentence with which a record is refused."""
    with pytest.raises(Unreadable) as caught:
        read(one)
    return str(caught.value)


# --- the SDK is the oracle ------------------------------------------------------------------------


@pytest.mark.parametrize("write", [to_binary, to_structured])
def test_what_the_sdk_writes_is_read_in_both_modes(write: Any) -> None:
    event = event_of_the_sdk(correlationid="c-1", causationid="c-0", term="1777000000", sequence="12")

    envelope = read(of_the_sdk(write(event, JSONFormat())))

    assert from_json(envelope.data or b"") == DATA
    assert replace(envelope, data=None) == Envelope(
        id="offer-1",
        type="uk.nhs.storyloop.story.offered.v1",
        source="/surveys/wards",
        subject="ref-1",
        time=datetime(2026, 5, 4, 10, 0, tzinfo=UTC),
        correlationid="c-1",
        causationid="c-0",
        term=1_777_000_000,
        sequence=12,
        topic=TOPIC,
        partition=0,
        offset=7,
    )


def test_bytes_that_the_sdk_writes_as_base64_are_the_same_bytes() -> None:
    event = CloudEvent(event_of_the_sdk().get_attributes(), b'{"answer": 3}')

    envelope = read(of_the_sdk(to_structured(event, JSONFormat())))

    assert envelope.data == b'{"answer": 3}'


# --- content modes --------------------------------------------------------------------------------


def test_content_type_alone_says_which_mode_it_is() -> None:
    body = to_structured(event_of_the_sdk(), JSONFormat()).value
    headers = [(f"ce_{name}", value.encode()) for name, value in (CE | {"id": "in-the-headers"}).items()]

    as_structured = ParkedRecord(TOPIC, 0, 7, 1, None, body, [("content-type", STRUCTURED), *headers])
    as_binary = ParkedRecord(TOPIC, 0, 7, 1, None, body, [("content-type", b"application/json"), *headers])

    assert read(as_structured).id == "offer-1"
    assert read(as_binary).id == "in-the-headers"
    assert read(as_binary).data == body


def test_header_names_are_read_whatever_their_case() -> None:
    headers = [("Content-Type", b"application/JSON"), *((f"CE_{n.upper()}", v.encode()) for n, v in CE.items())]

    assert read(ParkedRecord(TOPIC, 0, 7, 1, None, b"{}", headers)).id == "offer-1"


def test_without_content_type_a_record_is_json_in_binary_mode() -> None:
    headers = [(f"ce_{name}", value.encode()) for name, value in CE.items()]

    assert read(ParkedRecord(TOPIC, 0, 7, 1, None, b"{}", headers)).data == b"{}"


@pytest.mark.parametrize("content_type", [b"application/avro", b"text/plain", b"application/cloudevents+avro"])
def test_other_content_types_than_json_are_refused(content_type: bytes) -> None:
    headers = [(f"ce_{name}", value.encode()) for name, value in CE.items()]

    assert (
        why(ParkedRecord(TOPIC, 0, 7, 1, None, b"{}", [("content-type", content_type), *headers]))
        == "content-type is not JSON"
    )


def test_the_key_stands_in_for_a_missing_subject() -> None:
    with_key = replace(binary(subject=None), key=b"ref-9")

    assert read(with_key).subject == "ref-9"
    assert why(binary(subject=None)) == "subject is missing or has not the right shape"


# --- attributes -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["id", "subject", "correlationid", "causationid"])
def test_an_id_that_holds_an_nhs_number_is_refused_and_not_repeated(name: str) -> None:
    for written in (NHS_NUMBER, "999-000-0018", f"survey:{NHS_NUMBER}"):
        sentence = why(binary(**{name: written}))

        assert sentence == f"{name} holds an NHS number"


def test_an_nhs_number_as_key_is_refused_too() -> None:
    assert why(replace(binary(subject=None), key=NHS_NUMBER.encode())) == "subject holds an NHS number"


def test_ten_digits_that_are_no_nhs_number_are_an_id() -> None:
    assert read(binary(id="9990000019")).id == "9990000019"


@pytest.mark.parametrize("one", ["01a2b3c4-0000-7000-8000-a9990000018f", "01a2b3c400007000800a9990000018ff"])
def test_a_uuid_in_which_ten_digits_look_like_an_nhs_number_by_chance_is_an_id(one: str) -> None:
    assert UUID(one)

    assert read(binary(id=one, subject=f"story/{one}")).subject == f"story/{one}"


def test_our_own_ids_are_never_refused() -> None:
    ids = [str(new_id()) for _ in range(20_000)]

    assert [read(binary(id=one)).id for one in ids] == ids


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("specversion", "0.3"),
        ("specversion", None),
        ("id", None),
        ("id", ""),
        ("id", "a b"),
        ("id", "x" * 65),
        ("id", "newline\n"),
        ("type", "UK.nhs"),
        ("source", None),
        ("source", "https://surveys.example.org/?patient=1"),
        ("subject", "story/a/b"),
        ("time", None),
        ("time", "yesterday"),
        ("time", "2026-05-04T10:00:00"),
        ("time", "0001-01-01T00:00:00+23:00"),
        ("sequence", "-1"),
        ("sequence", "1.5"),
        ("sequence", "٣"),
        ("sequence", str(2**63)),
        ("term", "9" * 5_000),
    ],
)
def test_an_attribute_of_the_wrong_shape_is_named_and_not_repeated(name: str, value: str | None) -> None:
    sentence = why(binary(**{name: value}))

    assert sentence.startswith(name)
    assert not value or len(value) < 3 or value not in sentence


def test_a_traceparent_is_passed_on_only_if_it_is_one() -> None:
    good = f"00-{'a' * 32}-{'b' * 16}-01"

    assert read(binary(traceparent=good)).traceparent == good
    assert read(binary(traceparent="Mrs Invented of 1 High Street")).traceparent is None


# --- what may come over the wire ------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ce_id", "ce_subject", "ce_other", "content-type"])
def test_a_header_that_is_not_utf8_is_refused(name: str) -> None:
    assert why(replace(binary(), headers=[*binary().headers, (name, b"\xff\xfe")])) == f"{name} is not UTF-8"


def test_a_header_name_that_was_not_utf8_is_refused() -> None:
    bad = b"x-\xff".decode(errors="surrogateescape")

    assert why(replace(binary(), headers=[*binary().headers, (bad, b"1")])) == "a header's name is not UTF-8"


def test_a_key_that_is_not_utf8_is_refused() -> None:
    assert why(replace(binary(), key=b"\xff")) == "key is not UTF-8"


def test_a_null_header_is_as_good_as_none() -> None:
    nulls = [("ce_correlationid", None), ("ce_traceparent", None), ("x-other", None), ("ce_", None)]
    one = binary()

    assert read(replace(one, headers=[*one.headers, *nulls])) == read(one)
    assert why(replace(binary(), headers=[("ce_id", None)])) == "specversion is not 1.0"


def test_a_null_value_has_no_data_in_binary_mode_and_no_envelope_in_structured_mode() -> None:
    assert read(replace(binary(), value=None)).data is None
    assert why(structured(None)) == "the value is not JSON"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"\xff\xfe",
        b'{"id": "\\ud800"}',
        b"[" * 10_000 + b"]" * 10_000,
        b'{"data":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
        b'{"specversion": ' + b"9" * 10_000 + b"}",
        b'{"specversion": ' + b"9" * 4_300 + b"}",
        b'{"specversion": "1.0", "id": "1", "datacontenttype": "image/png"}',
        b'{"specversion": "1.0", "id": "1", "data_base64": "%%%"}',
    ],
)
def test_a_structured_body_that_is_no_event_is_refused(body: bytes) -> None:
    assert why(structured(body))


def test_deep_data_is_left_to_the_contract_in_binary_mode() -> None:
    deep = b"[" * 10_000 + b"]" * 10_000

    assert read(replace(binary(), value=deep)).data == deep


bytes_or_none = st.none() | st.binary(max_size=60)
names = st.sampled_from(["content-type", *(f"ce_{name}" for name in CE), "ce_term", "ce_erased"]) | st.text(max_size=20)
headers = st.lists(st.tuples(names, bytes_or_none), max_size=8)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def refused_or_read(one: ParkedRecord) -> None:
    try:
        assert isinstance(read(one), Envelope)
    except Unreadable as unreadable:
        assert len(str(unreadable)) < 100


@given(key=bytes_or_none, value=bytes_or_none, some=headers)
def test_whatever_the_bytes_are_a_record_is_read_or_unreadable(
    key: bytes | None, value: bytes | None, some: list[tuple[str, bytes | None]]
) -> None:
    refused_or_read(ParkedRecord(TOPIC, 0, 7, 1, key, value, some))
    refused_or_read(ParkedRecord(TOPIC, 0, 7, 1, key, value, [("content-type", STRUCTURED), *some]))


@given(name=st.sampled_from([*CE, "term", "sequence", "erased", "traceparent"]), value=st.text(max_size=40))
def test_whatever_one_header_says_a_record_is_read_or_unreadable(name: str, value: str) -> None:
    raw = value.encode(errors="surrogatepass")

    refused_or_read(replace(binary(), headers=[*binary().headers, (f"ce_{name}", raw)]))


@given(changed=st.dictionaries(st.sampled_from([*CE, "data", "data_base64", "datacontenttype", "term"]), anything))
def test_whatever_a_structured_event_says_it_is_read_or_unreadable(changed: dict[str, Any]) -> None:
    refused_or_read(structured(json.dumps(CE | changed).encode()))


def test_a_fault_never_repeats_what_a_sender_wrote_into_a_headers_name() -> None:
    words = "ce_\x00jane smith 999 000 0018"
    bad = ParkedRecord("t", 0, 0, 0, b"k", b"{}", [("content-type", b"application/json"), (words, b"\xff")])

    with pytest.raises(Unreadable) as raised:
        read(bad)

    assert str(raised.value) == "a header is not UTF-8"
