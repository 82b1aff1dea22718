"""Invariants of running: parked faithfully, contained, bounded, stopped gracefully, recovered without a hand."""

from collections.abc import Iterable
from datetime import datetime

from shared.parking import unpack
from tests.chaos.evidence import Evidence

GRACE_SECONDS = 25
RECOVERY_SECONDS = 30
MOST_MEMORY = 250
MOST_CONNECTIONS = 80
"""Six processes with six pooled connections and two relays each, and what starts or ends meanwhile."""
LISTENERS = {
    "storyloop.stories": {"router", "responder", "tracker"},
    "storyloop.routes": {"intake", "responder", "tracker"},
    "storyloop.replies": {"intake", "router", "tracker"},
}


def parked_faithfully(evidence: Evidence) -> list[str]:
    """I7: key, value, headers and time of a parked row are the record's, byte for byte."""
    found = []
    at = {(told.topic, told.partition, told.offset): told for records in evidence.records.values() for told in records}
    for name, rows in evidence.rows.items():
        for row in rows if name.endswith(".parked") else ():
            told = at.get((row["topic"], row["partition"], row["offset"]))
            place = f"{name} {row['topic']} {row['partition']}:{row['offset']} ({row['reason']})"
            if told is None or not row["reason"]:
                found.append(f"{place} is no record, or has no reason")
            elif (told.timestamp, list(told.headers)) != (row["timestamp"], unpack(row["headers"])):
                found.append(f"{place} has other headers or another time")
            elif row["reason"] != "story_erased" and (told.key, told.value) != (row["key"], row["value"]):
                found.append(f"{place} has another key or value")
    return found


def poison_is_contained(evidence: Evidence) -> list[str]:
    """I8: nonsense is parked for its reason by everybody who read it, and nobody stopped hearing for it."""
    found = [f"{line['service']} stopped consuming" for line in evidence.said("consumer.stopped")]
    parked = {
        (name.partition(".")[0], row["topic"], row["partition"], row["offset"]): row["reason"]
        for name, rows in evidence.rows.items()
        if name.endswith(".parked")
        for row in rows
    }
    for one in evidence.entries("poison", "noise"):
        at = (one.told["topic"], one.told["partition"], one.told["offset"])
        for service in LISTENERS.get(at[0], {"intake"}) - evidence.remade:
            if parked.get((service, *at)) != one.tried["reason"]:
                found.append(f"{one.key} at {service}: {parked.get((service, *at))}, not {one.tried['reason']}")
    return found


def answers_are_honest(evidence: Evidence) -> list[str]:
    """I11: over HTTP yes means committed (I1 and I3 see to that); what cannot be had now is 503 with Retry-After."""
    return list(evidence.wrong)


def bounded(evidence: Evidence) -> list[str]:
    """I12: memory and connections stay under their caps, and the lag has come back to nothing by itself."""
    caps = {name: MOST_CONNECTIONS if name == "connections" else MOST_MEMORY for name in evidence.peaks}
    found = [f"{name} went up to {peak:.0f}" for name, peak in evidence.peaks.items() if peak > caps[name]]
    return found + [f"not quiet in the end: {one}" for one in evidence.unquiet]


def stops_are_graceful(evidence: Evidence) -> list[str]:
    """I13: SIGTERM ends within the grace period with exit 0."""
    return [
        f"{one.name} ended with {one.code} after {one.seconds:.1f} s"
        for one in evidence.stops
        if one.code != 0 or one.seconds > GRACE_SECONDS * evidence.crowded
    ]


def recovery_is_quick(evidence: Evidence) -> list[str]:
    """I14: a new story goes all the way within half a minute of the fault's end; later on a crowded machine."""
    allowed = RECOVERY_SECONDS * evidence.crowded
    return [f"{name}: {seconds:.1f} s" for name, seconds in evidence.recoveries.items() if seconds > allowed]


def clocks_decide_nothing(evidence: Evidence) -> list[str]:
    """I15: facts with wrong times are there if a clock was wrong, and all else holds as without (I1 to I10)."""
    if not evidence.shifted or any(_wrong_times(evidence)):
        return []
    return ["a clock was wrong, and no fact says so: nothing was tested"]


def _wrong_times(evidence: Evidence) -> Iterable[bool]:
    for topic in LISTENERS:
        for told in evidence.records[topic]:
            if told.ce.get("time"):
                said = datetime.fromisoformat(told.ce["time"]).timestamp()
                yield abs(said - told.timestamp / 1000) > 1800
