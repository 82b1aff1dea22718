"""Outcome: where a story stands and when it got there, read from the answers of tracker and intake."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from deploy.local.demo.samples import State
from deploy.local.system import SERVICES

MARKS = {
    "story.received": State.RECEIVED,
    "story.rejected": State.REJECTED,
    "story.unheard": State.UNHEARD,
    "story.routed": State.SENT,
    "story.heard": State.HEARD,
    "reply.published": State.ANSWERED,
    "story.withdrawn": State.WITHDRAWN,
}
ORDER = list(State)


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds since the story was shared; None for what has not happened."""

    sent: float | None = None
    heard: float | None = None
    answered: float | None = None
    change: float | None = None


def state_of(timeline: Mapping[str, Any] | None, mine: Mapping[str, Any] | None = None) -> State | None:
    """The furthest state that shows; erased only when all four services have said so."""
    if mine and {one["service"] for one in mine["erased"]} >= set(SERVICES):
        return State.ERASED
    if timeline is None:
        return None
    reached = [MARKS[entry["kind"]] for entry in timeline["entries"] if entry["kind"] in MARKS]
    reached += [State(f"change_{change['state']}") for change in timeline["changes"]]
    return max(reached, key=ORDER.index, default=None)


def teams_of(timeline: Mapping[str, Any] | None) -> list[str]:
    """The teams that it was sent to, sorted."""
    entries = timeline["entries"] if timeline else []
    return sorted({entry["target"] for entry in entries if entry["kind"] == "story.routed"})


def times_of(timeline: Mapping[str, Any] | None) -> Times:
    """When each thing happened for the first time; for the change, when it came to stand where it stands."""
    if timeline is None:
        return Times()
    first: dict[str, datetime] = {}
    for entry in timeline["entries"]:
        first.setdefault(entry["kind"], datetime.fromisoformat(entry["at"]))
    shared = first.get("story.received")
    changed = max((_stands_since(change, first) for change in timeline["changes"]), default=None)

    def seconds(at: datetime | None) -> float | None:
        return (at - shared).total_seconds() if at and shared else None

    return Times(
        sent=seconds(first.get("story.routed")),
        heard=seconds(first.get("story.heard")),
        answered=seconds(first.get("reply.published")),
        change=seconds(changed),
    )


def _stands_since(change: Mapping[str, Any], first: Mapping[str, datetime]) -> datetime:
    if change["state"] in {"confirmed", "disputed"} and "verdict.given" in first:
        return first["verdict.given"]
    return datetime.fromisoformat(change["made_at"] or change["claimed_at"])
