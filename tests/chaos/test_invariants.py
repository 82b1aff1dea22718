"""Each invariant of the chaos run can be violated, and then says so."""

import json
from collections import Counter, defaultdict
from dataclasses import replace
from typing import Any

import pytest

from tests.chaos.evidence import Evidence, Told
from tests.chaos.invariants import INVARIANTS
from tests.chaos.ledger import Entry, digest
from tests.chaos.world import Stopped

STORY = "6f0c9b1e-5f0e-4d55-9a0b-6a3f6d3c7a11"
SUBMITTED = {"topic": "storyloop.submissions.surveys", "partition": 0, "offset": 0}


def evidence(**rows: list[dict[str, Any]]) -> Evidence:
    """What lies there: `intake_story=[…]` are rows of intake.story; nothing else is anywhere."""
    there: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    there |= {name.replace("_", ".", 1): found for name, found in rows.items()}
    return Evidence(rows=there, records=defaultdict(list))


def told(kind: str, number: tuple[int, int], id_: str = "a", service: str = "intake", **data: Any) -> Told:
    """A fact on its announcer's topic."""
    topic = {"intake": "storyloop.stories", "router": "storyloop.routes", "responder": "storyloop.replies"}[service]
    ce = {
        "type": f"uk.nhs.storyloop.{kind}.v1",
        "id": id_,
        "source": f"/storyloop/{service}",
        "subject": f"story/{STORY}",
        "term": str(number[0]),
        "sequence": str(number[1]),
    }
    headers = tuple((f"ce_{name}", value.encode()) for name, value in ce.items())
    return Told(topic, 0, 0, 0, None, json.dumps({"story": STORY} | data).encode(), headers)


def on_topics(*facts: Told, **rows: list[dict[str, Any]]) -> Evidence:
    """Facts as they lie on their topics."""
    records: defaultdict[str, list[Told]] = defaultdict(list)
    for place, fact in enumerate(facts):
        records[fact.topic].append(replace(fact, offset=place))
    return replace(evidence(**rows), records=records)


def noted(kind: str, tried: dict[str, Any], **was_told: Any) -> dict[str, Entry]:
    """A ledger with one entry that was acknowledged."""
    return {"one": Entry("one", kind, tried, was_told | {"yes": True})}


OFFERED = {"story": STORY, "sha": digest("A", "B"), "event": "e1", "publisher": "surveys"}
THREAD = {"subject": f"story/{STORY}", "term": 5, "announced": 1, "heard": "{}", "erased_at": None}
RECEIVED = told("story.received", (5, 1))
PARKED = {**SUBMITTED, "timestamp": 0, "reason": "unreadable", "headers": b"[]", "key": None, "value": b"other"}
WORDS = json.dumps({"title": "A", "text": "not what was said"})

VIOLATED = {
    "I1 an offer is nowhere": ("I1", replace(evidence(), ledger=noted("offer", OFFERED, **SUBMITTED))),
    "I1 a shared story is nowhere": ("I1", replace(evidence(), ledger=noted("share", {"email": None}, story=STORY))),
    "I1 tracker knows nothing of a story": (
        "I1",
        evidence(intake_story=[{"story": STORY, "state": "published", "revision": 1}]),
    ),
    "I2 other words are stored": (
        "I2",
        replace(
            evidence(intake_story=[{"story": STORY, "told": WORDS, "publisher": "surveys"}]),
            ledger=noted("offer", OFFERED, **SUBMITTED),
        ),
    ),
    "I2 a story was offered by nobody": (
        "I2",
        evidence(intake_story=[{"story": STORY, "told": None, "publisher": "surveys"}]),
    ),
    "I3 an effect was decided twice": ("I3", on_topics(RECEIVED, told("story.received", (5, 2), "b"))),
    "I3 a reply is not there": ("I3", replace(evidence(), ledger=noted("reply", {"story": STORY}, id="r1"))),
    "I4 a gap": ("I4", on_topics(RECEIVED, told("story.published", (5, 3), "b"))),
    "I4 one number is two facts": ("I4", on_topics(RECEIVED, told("story.published", (5, 1), "b"))),
    "I4 a new term repeats a number": ("I4", on_topics(RECEIVED, told("story.published", (6, 1), "b"))),
    "I4 a listener has not heard the last fact": (
        "I4",
        on_topics(RECEIVED, router_position=[{"topic": "storyloop.stories", "partition": 0, "next_offset": 1}]),
    ),
    "I5 a story is routed to nobody": (
        "I5",
        on_topics(
            told("story.published", (5, 1), services=["RXX01"]),
            router_organisation=[{"code": "RXX01", "parent": None}],
            router_subscription=[{"team": "EAST", "scope": "RXX01"}],
        ),
    ),
    "I7 a parked row is not what came": (
        "I7",
        replace(
            evidence(intake_parked=[PARKED]),
            records={"t": [Told(SUBMITTED["topic"], 0, 0, 0, None, b"what came", ())]},  # type: ignore[arg-type]
        ),
    ),
    "I8 poison is not parked": ("I8", replace(evidence(), ledger=noted("poison", {"reason": "x"}, **SUBMITTED))),
    "I9 a position is not at the end": (
        "I9",
        replace(evidence(router_position=[{"topic": "t", "partition": 0, "next_offset": 3}]), ends={("t", 0): 4}),
    ),
    "I9 an offset is past the work": ("I9", replace(evidence(), committed={("storyloop.router", "t", 0): 4})),
    "I10 a fact was told and is not committed": ("I10", on_topics(RECEIVED)),
    "I10 a fact is committed and was not told": ("I10", evidence(intake_thread=[THREAD])),
    "I10 an announcement waits": ("I10", evidence(intake_outbox=[{}])),
    "I11 an answer is our fault": ("I11", replace(evidence(), wrong=["500"])),
    "I12 memory grows": ("I12", replace(evidence(), peaks={"router-0": 900})),
    "I12 it is never quiet": ("I12", replace(evidence(), unquiet=["3 letters"])),
    "I13 a stop takes too long": ("I13", replace(evidence(), stops=[Stopped("router-0", 0, 60)])),
    "I13 a stop is not orderly": ("I13", replace(evidence(), stops=[Stopped("router-0", 137, 1)])),
    "I14 it does not recover": ("I14", replace(evidence(), recoveries={"postgres_killed": 31})),
    "I15 no clock was wrong": ("I15", replace(evidence(), shifted=True)),
}


@pytest.mark.parametrize("case", VIOLATED)
def test_an_invariant_says_when_it_is_violated(case: str) -> None:
    name, found = VIOLATED[case]

    assert INVARIANTS[name](found)


def test_every_invariant_has_a_way_to_be_violated() -> None:
    assert {name for name, _ in VIOLATED.values()} == INVARIANTS.keys()


def test_nothing_is_violated_where_nothing_is() -> None:
    assert {name: judge(evidence()) for name, judge in INVARIANTS.items() if judge(evidence())} == {}


def test_a_new_term_may_repeat_a_number_after_a_set_back() -> None:
    facts = on_topics(RECEIVED, told("story.published", (6, 1), "b"))

    assert INVARIANTS["I4"](replace(facts, setbacks=Counter(intake=1))) == []
