"""Where a story stands, read from what tracker and intake answer."""

from typing import Any

import pytest

from deploy.local.demo.html import people
from deploy.local.demo.outcome import Times, state_of, teams_of, times_of
from deploy.local.demo.samples import State
from deploy.local.system import SERVICES

CHANGE = {"state": "planned", "claimed_at": "2026-05-04T10:00:09Z", "made_at": None}


def entry(kind: str, second: int, target: str = "") -> dict[str, Any]:
    return {"kind": kind, "at": f"2026-05-04T10:00:0{second}Z", "target": target}


def timeline(*entries: dict[str, Any], changes: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    return {"entries": list(entries), "changes": list(changes)}


@pytest.mark.parametrize(
    ("kinds", "state"),
    [
        (["story.received"], State.RECEIVED),
        (["story.received", "story.rejected"], State.REJECTED),
        (["story.received", "story.published", "story.unheard"], State.UNHEARD),
        (["story.received", "story.routed", "route.declined"], State.SENT),
        (["story.heard", "story.received", "story.routed"], State.HEARD),
        (["story.received", "story.heard", "reply.published"], State.ANSWERED),
        (["story.received", "reply.published", "story.withdrawn"], State.WITHDRAWN),
    ],
)
def test_a_story_is_where_its_furthest_fact_says(kinds: list[str], state: State) -> None:
    assert state_of(timeline(*(entry(kind, 0) for kind in kinds))) == state


def test_a_change_goes_further_than_the_reply_that_claimed_it() -> None:
    told = timeline(entry("reply.published", 3), changes=(CHANGE | {"state": "disputed"},))

    assert state_of(told) is State.CHANGE_DISPUTED


def test_a_story_is_erased_only_when_every_service_has_said_so() -> None:
    three, four = ([{"service": name} for name in SERVICES[:number]] for number in (3, 4))

    assert state_of(None, {"erased": three}) is None
    assert state_of(None, {"erased": four}) is State.ERASED


def test_times_are_seconds_since_the_story_was_shared_and_the_first_of_each_kind_counts() -> None:
    told = timeline(
        entry("story.received", 1),
        entry("story.routed", 2, "T-2"),
        entry("story.routed", 2, "T-1"),
        entry("story.heard", 4, "T-1"),
        entry("story.heard", 7, "T-2"),
        changes=(CHANGE,),
    )

    assert times_of(told) == Times(sent=1, heard=3, answered=None, change=8)
    assert teams_of(told) == ["T-1", "T-2"]


def test_a_judged_change_stands_since_its_verdict() -> None:
    told = timeline(entry("story.received", 0), entry("verdict.given", 6), changes=(CHANGE | {"state": "confirmed"},))

    assert times_of(told).change == 6


def test_what_people_wrote_is_text_on_the_page_in_its_own_language_and_direction() -> None:
    assert people("<b>شكراً</b>", "ar") == '<span lang="ar" dir="auto">&lt;b&gt;شكراً&lt;/b&gt;</span>'
