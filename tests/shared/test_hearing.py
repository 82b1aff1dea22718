"""What becomes of one record, decided from its number, its type and its thread, without any I/O."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import to_json

from shared.cloudevents import read
from shared.contracts import Event
from shared.events import ReplayEnded, StoryErased, StoryPublished, StoryWithdrawn, SubjectRestated
from shared.hearing import Arrival, Notice, Outcome, decide, mark_erased, number_is_new
from shared.ids import new_id
from shared.parking import ParkedRecord
from shared.threads import Thread
from tests.factories import story_erased, story_heard, story_published, story_withdrawn
from tests.records import record, told

INTAKE = "/storyloop/intake"
STORY = new_id()
INTERESTING = (StoryPublished, StoryErased)


def arrival(event: Event, **how: Any) -> Arrival:
    """A fact of intake as it arrives."""
    return arrived(told(event, "intake", **({"topic": "storyloop.stories"} | how)))


def arrived(one: ParkedRecord) -> Arrival:
    envelope = read(one)
    return Arrival(one, envelope, envelope.subject)


def thread(heard: tuple[int, int] | None = None, *, erased: bool = False) -> Thread:
    return Thread(f"story/{STORY}", erased=erased, heard={INTAKE: heard} if heard else {})


def published(term: int = 0, sequence: int = 0) -> Arrival:
    return arrival(story_published(STORY), number=(term, sequence) if sequence else None)


def decided(one: Arrival, of: Thread | None = None, *, submissions: bool = False, redriven: bool = False) -> Arrival:
    decide(one, of or thread(), INTERESTING, submissions, redriven)
    return one


# --- numbers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("heard", "number", "new", "notice"),
    [
        (None, (5, 1), True, None),
        ((5, 1), (5, 2), True, None),
        ((5, 2), (5, 2), False, None),
        ((5, 2), (5, 1), False, None),
        ((5, 2), (4, 3), False, None),
        ((5, 2), (6, 3), True, None),
        (None, (5, 2), True, Notice.GAP),
        ((5, 2), (5, 4), True, Notice.GAP),
        ((5, 2), (6, 4), True, Notice.GAP),
        ((5, 2), (6, 2), True, Notice.WENT_BACK),
        ((5, 2), (6, 1), True, Notice.WENT_BACK),
    ],
)
def test_term_and_sequence_are_compared_as_a_pair(
    heard: tuple[int, int] | None, number: tuple[int, int], new: bool, notice: Notice | None
) -> None:
    one, of = published(*number), thread(heard)

    assert number_is_new(one, of) is new
    assert one.notice is notice
    assert of.heard_from(INTAKE) == (number if new else heard)


def test_a_fact_without_a_number_is_always_new_and_counts_nothing() -> None:
    of = thread((5, 2))

    assert number_is_new(published(), of)
    assert (of.heard, of.moved) == ({INTAKE: (5, 2)}, False)


def test_announcers_are_counted_apart() -> None:
    of = thread((5, 2))
    reply = arrived(told(story_heard(STORY), "responder", number=(1, 1)))

    assert number_is_new(reply, of)
    assert of.heard == {INTAKE: (5, 2), "/storyloop/responder": (1, 1)}


@pytest.mark.parametrize(
    "event",
    [
        SubjectRestated(about=f"story/{STORY}", listener="router", facts=[]),
        ReplayEnded(listener="router", partition=0),
    ],
)
def test_a_replay_starts_where_it_starts_and_leaves_no_gap(event: Event) -> None:
    one, of = arrival(event, topic="storyloop.replay.router", number=(5, 9)), thread((5, 2))

    assert number_is_new(one, of)
    assert (one.notice, of.heard_from(INTAKE)) == (None, (5, 9))


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 6)), max_size=30))
def test_what_is_taken_rises_always_whatever_comes(numbers: list[tuple[int, int]]) -> None:
    of = thread()

    taken = [number for number in numbers if number_is_new(published(*number), of)]

    assert taken == sorted(set(taken))
    assert of.heard_from(INTAKE) == max(numbers, default=(0, 0))


# --- types and versions ---------------------------------------------------------------------------


def of_type(type_: str) -> Arrival:
    ce = {"specversion": "1.0", "id": "1", "type": type_, "source": INTAKE, "time": "2026-05-04T10:00:00Z"}
    return arrived(record("storyloop.stories", b"{}", ce, key=b"story/1"))


@pytest.mark.parametrize("submissions", [True, False])
def test_a_known_type_in_an_unknown_version_is_parked_wherever_it_comes(submissions: bool) -> None:
    one = decided(of_type("uk.nhs.storyloop.story.published.v2"), submissions=submissions)

    assert (one.outcome, one.reason) == (Outcome.PARKED, "unknown_version")


def test_an_unknown_type_is_skipped_inside_and_refused_from_publishers() -> None:
    for type_ in ("uk.nhs.storyloop.story.sung.v1", "org.example.story.published.v1", "published"):
        inside, from_a_publisher = decided(of_type(type_)), decided(of_type(type_), submissions=True)

        assert inside.outcome is Outcome.SKIPPED
        assert (from_a_publisher.outcome, from_a_publisher.reason) == (Outcome.PARKED, "unknown_type")


def test_a_fact_that_nobody_here_hears_is_skipped_inside_and_refused_from_publishers() -> None:
    inside = decided(arrival(story_withdrawn(STORY)))
    from_a_publisher = decided(arrival(story_withdrawn(STORY)), submissions=True)

    assert inside.outcome is Outcome.SKIPPED
    assert (from_a_publisher.outcome, from_a_publisher.reason) == (Outcome.PARKED, "unexpected_type")


# --- contracts ------------------------------------------------------------------------------------


def with_data(data: bytes | None) -> Arrival:
    ce = {"specversion": "1.0", "id": "1", "type": StoryPublished.type, "source": INTAKE, "time": "2026-05-04T10:00Z"}
    return arrived(record("storyloop.stories", data, ce, key=b"story/1"))


def test_a_good_fact_is_decoded_with_its_envelope() -> None:
    one = decided(arrival(story_published(STORY), number=(5, 1)))

    assert one.outcome is Outcome.HANDLED
    assert one.events == [story_published(STORY).come_as(one.envelope)] if one.envelope else False
    assert one.events[0].envelope.number == (5, 1)


@pytest.mark.parametrize(
    "data",
    [
        None,
        b"",
        b"null",
        b"[]",
        b"not JSON",
        b"\xff",
        b"{}",
        b"[" * 10_000 + b"]" * 10_000,
        b'{"revision": ' + b"9" * 5_000 + b"}",
        story_published(STORY).model_dump_json().replace("corridor", "corri\\u0000dor").encode(),
        story_published(STORY).model_dump_json().replace("corridor", "corri\\ud800dor").encode(),
    ],
)
def test_data_that_breaks_the_contract_is_parked(data: bytes | None) -> None:
    one = decided(with_data(data))

    assert (one.outcome, one.reason) == (Outcome.PARKED, "contract_broken")


def test_what_is_wrong_is_told_field_by_field_without_what_stood_there() -> None:
    words = "Mrs Invented of 1 High Street"
    broken = story_published(STORY).model_dump(mode="json") | {"revision": words, "title": 3, "services": []}

    one = decided(with_data(to_json(broken)))

    assert [where for where, _ in one.errors] == ["revision", "title", "services"]
    assert words not in one.detail


def test_unknown_fields_are_ignored_and_unknown_words_read_as_other() -> None:
    data = story_published(STORY).model_dump(mode="json") | {"visibility": "neighbours", "new": 1}

    one = decided(with_data(to_json(data)))

    assert one.outcome is Outcome.HANDLED
    assert isinstance(one.events[0], StoryPublished)
    assert one.events[0].visibility == "other"


# --- erasure --------------------------------------------------------------------------------------


def test_of_an_erased_story_no_words_are_decoded() -> None:
    assert decided(published(5, 1), thread(erased=True)).outcome is Outcome.ERASED
    assert decided(arrival(story_published(STORY), erased="true")).outcome is Outcome.ERASED
    refused = decided(published(), thread(erased=True), submissions=True)
    assert (refused.outcome, refused.reason) == (Outcome.PARKED, "story_erased")
    assert refused.events == []


def test_a_fact_without_words_is_heard_of_an_erased_story_too() -> None:
    one = arrival(story_withdrawn(STORY))

    decide(one, thread(erased=True), [StoryWithdrawn], submissions=False)

    assert one.outcome is Outcome.HANDLED


def test_an_erasure_marks_its_thread_for_whatever_comes_after_it() -> None:
    of, erasure = thread(), decided(arrival(story_erased(STORY)))

    mark_erased(erasure, of)

    assert (of.erased, of.moved) == (True, True)
    assert decided(published(5, 1), of).outcome is Outcome.ERASED


def test_an_erasure_is_done_once_but_may_be_redriven() -> None:
    again = decided(arrival(story_erased(STORY)), thread(erased=True))
    redriven = decided(arrival(story_erased(STORY)), thread(erased=True), redriven=True)

    assert (again.outcome, redriven.outcome) == (Outcome.REPEATED, Outcome.HANDLED)


# --- replays --------------------------------------------------------------------------------------


def restated(*facts: dict[str, Any]) -> Arrival:
    event = SubjectRestated(about=f"story/{STORY}", listener="router", facts=facts)
    return decided(arrival(event, topic="storyloop.replay.router", number=(5, 9)))


def test_a_restated_subject_becomes_the_facts_that_are_heard_here() -> None:
    data = story_published(STORY).model_dump(mode="json")

    one = restated(
        {"type": StoryPublished.type, "data": data},
        {"type": StoryWithdrawn.type, "data": {"story": str(STORY)}},
        {"type": "uk.nhs.storyloop.story.sung.v1", "data": {}},
    )

    assert (one.outcome, [type(event) for event in one.events]) == (Outcome.HANDLED, [StoryPublished])
    assert (one.events[0].envelope.number, one.events[0].envelope.replayed) == ((5, 9), True)


@pytest.mark.parametrize(
    "fact",
    [
        {"type": StoryErased.type},
        {"type": StoryErased.type, "data": None},
        {"type": StoryErased.type, "data": {"story": str(STORY)}, "time": "yesterday"},
        {"type": StoryErased.type, "data": {"story": str(STORY)}, "time": 3},
    ],
)
def test_a_restated_fact_that_cannot_be_read_is_parked(fact: dict[str, Any]) -> None:
    one = restated(fact)

    assert (one.outcome, one.reason) == (Outcome.PARKED, "contract_broken")


# --- trying again ---------------------------------------------------------------------------------


def test_before_a_batch_is_tried_again_what_was_decided_is_forgotten_but_not_that_a_record_is_unreadable() -> None:
    readable, unreadable = decided(with_data(b"{}")), Arrival(with_data(b"{}").record)
    unreadable.park("unreadable", "id is missing")

    readable.again()
    unreadable.again()

    assert (readable.outcome, readable.reason, readable.notice, readable.events) == (None, "", None, [])
    assert (unreadable.outcome, unreadable.reason) == (Outcome.PARKED, "unreadable")
