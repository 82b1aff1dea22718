"""Strategies for Kafka records: well-formed, a little wrong, and wild."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from pydantic_core import to_json

from shared.contracts import CONTRACTS, Event
from shared.ids import new_id
from shared.parking import ParkedRecord
from tests.contracts.reading import sample
from tests.records import record

CANARY = "Mrs Invented of 1 High Street"
"""Stands only in data: no log line and no detail may hold it."""
NASTY: tuple[Any, ...] = (
    *(None, True, -1, 0, 10**400, 1e308, "", " ", "\x00", CANARY, f"{CANARY}\x00", "x" * 70_000, "<script>", "=1+1"),
    *([], {}, [CANARY], {"a": CANARY}, [[[[[[]]]]]], "other", "0000-13", "9999-12-31", "9434765919"),
)
RAW = (b"", b"null", b"[]", b"{", b"\xff\xfe", b'"\\ud800"', b"[" * 10_000, b'{"a":' * 2_000, b"1e999", b"NaN", None)
WILD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just(CANARY),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)
KEYS = st.sampled_from([None, b"", b"\xff", *[b"a-key"] * 9])
ATTRIBUTES = ("specversion", "id", "type", "source", "subject", "time", "term", "sequence", "erased", "traceparent")
TEXTS = st.one_of(
    st.sampled_from(
        ["", "1.0", "-1", "9" * 30, "2026-05-04T10:00:00", "9999-12-31T23:59:59-14:00", "９", "story/", "a/b/c"]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
)


def data_of(contract: type[Event], story: str) -> SearchStrategy[bytes | None]:
    """The contract's sample about a story, with up to two fields spoiled or gone; or bytes of any kind."""
    good = sample(contract) | ({"story": story} if "story" in contract.model_fields else {})
    changes = st.dictionaries(st.sampled_from([*good, "more"]), st.sampled_from(NASTY) | WILD, max_size=2)
    gone = st.sets(st.sampled_from([*good, "more"]), max_size=1)
    spoiled = st.builds(
        lambda changed, without: {name: value for name, value in (good | changed).items() if name not in without},
        changes,
        gone,
    )
    return st.one_of(
        st.just(_json(good)), spoiled.map(_json), spoiled.map(_json), st.sampled_from(RAW), st.binary(max_size=40)
    )


def _json(value: Any) -> bytes:
    try:
        return to_json(value, inf_nan_mode="constants")
    except ValueError:  # a lone surrogate: JSON can say it, UTF-8 cannot
        return b'{"text":"\\ud800"}'


@st.composite
def records(draw: st.DrawFn, topics: list[str], heard: list[type[Event]], stories: list[str]) -> ParkedRecord:
    """A record of one of these topics, about one of these stories; mostly of a type that is heard there."""
    topic, story = draw(st.sampled_from(topics)), draw(st.sampled_from(stories))
    anything = sorted(CONTRACTS.values(), key=lambda one: one.type)
    contract = draw(st.sampled_from(heard if draw(st.integers(0, 3)) else anything))
    submission = "submissions." in topic
    ce: dict[str, str] = {
        "specversion": "1.0",
        "id": draw(st.sampled_from(["e1", "e2", str(new_id())])),
        "type": contract.type,
        "source": "/surveys/wards" if submission else draw(st.sampled_from(["/storyloop/intake", "/storyloop/router"])),
        "subject": f"ref-{story[-1]}" if submission else f"story/{story}",
        "time": "2026-05-04T10:00:00Z",
    }
    if draw(st.booleans()):
        ce |= {"term": "1", "sequence": str(draw(st.integers(0, 30)))}
    ce |= draw(
        st.dictionaries(st.sampled_from(ATTRIBUTES), TEXTS, max_size=2) if not draw(st.integers(0, 3)) else st.just({})
    )
    value, headers = draw(data_of(contract, story)), draw(_headers())
    if draw(st.integers(0, 4)) == 0:
        return _structured(topic, ce, value, headers)
    return record(topic, value, ce, key=draw(KEYS), headers=headers)


def _headers() -> SearchStrategy[list[tuple[str, bytes | None]]]:
    names = st.sampled_from(
        ["x", "content-type", "Content-Type", "ce_id", "ce_time", "\udcff", "ce_", "ce_erased", "ce_x"]
    )
    values = st.sampled_from([None, b"", b"\xff", b"text/plain", b"application/json; charset=utf-8", b"true"])
    return st.lists(st.tuples(names, values), max_size=1) | st.just([])


def _structured(topic: str, ce: dict[str, Any], value: bytes | None, headers: Any) -> ParkedRecord:
    """The same in structured mode, its data put in as raw text."""
    start = to_json(ce)[:-1]
    body = start + b',"data":' + (value or b"null") + b"}"
    return record(topic, body, {}, headers=[("content-type", b"application/cloudevents+json"), *headers])
