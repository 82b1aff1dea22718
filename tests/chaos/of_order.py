"""Invariants of order: each number once and without a gap, no position past unfinished work, announced = committed."""

import json
from collections import defaultdict
from collections.abc import Iterable

from tests.chaos.evidence import Evidence, Told

Number = tuple[int, int]
GROUPS = "storyloop."


def _by_subject(evidence: Evidence) -> dict[tuple[str, str, str], list[Told]]:
    """(topic, announcer, subject) → its numbered facts, in the order of the topic."""
    found = defaultdict(list)
    for topic, records in evidence.records.items():
        for told in records if not topic.startswith("storyloop.replay.") else ():
            if told.number[1]:
                found[(topic, told.ce["source"], told.ce["subject"])].append(told)
    return found


def order_is_kept(evidence: Evidence) -> list[str]:
    """I4: on the topics, in what listeners have heard, and in what they say."""
    found = [
        f"{topic} {subject}: {fault}"
        for (topic, source, subject), facts in _by_subject(evidence).items()
        for fault in _faults(facts, evidence.setbacks[source.rpartition("/")[2]] > 0)
    ]
    found += [f"gap: {line['service']} {line.get('subject')}" for line in evidence.said("sequence.gap")]
    for line in evidence.said("announcer.went_back"):
        if not evidence.setbacks[_announcer(str(line["topic"]), evidence)]:
            found.append(f"went back: {line['service']} {line['topic']} {line.get('subject')}")
    found += [f"lost: {line}" for line in evidence.said("records.lost")]
    return found + list(_unheard(evidence)) + list(_handled_twice(evidence))


def _announcer(topic: str, evidence: Evidence) -> str:
    records = [told for told in evidence.records[topic] if told.ce.get("source")]
    return records[0].ce["source"].rpartition("/")[2] if records else ""


def _faults(facts: list[Told], set_back: bool) -> Iterable[str]:
    """A number is one fact; what is new follows on the number before, unless its announcer was set back."""
    ids: dict[Number, str] = {}
    for told in facts:
        if ids.setdefault(told.number, told.ce["id"]) != told.ce["id"]:
            yield f"{told.number} is two facts"
    heard: Number = (0, 0)
    for told in facts:
        if told.number <= heard:
            continue
        if told.number[1] > heard[1] + 1:
            yield f"a gap between {heard} and {told.number}"
        if told.number[1] <= heard[1] and not set_back:
            yield f"went back from {heard} to {told.number}"
        heard = told.number


def _unheard(evidence: Evidence) -> Iterable[str]:
    """Every listener has heard the last number of every subject."""
    listeners = defaultdict(set)
    for name, rows in evidence.rows.items():
        if name.endswith(".position"):
            for row in rows:
                listeners[row["topic"]].add(name.partition(".")[0])
    heard = {
        (name.partition(".")[0], row["subject"]): json.loads(row["heard"])
        for name, rows in evidence.rows.items()
        if name.endswith(".thread")
        for row in rows
    }
    for (topic, source, subject), facts in _by_subject(evidence).items():
        last = max(told.number for told in facts)
        for service in listeners[topic]:
            known = tuple(heard.get((service, subject), {}).get(source, ()))
            if known != last:
                yield f"{service} has heard {known or 'nothing'} of {last} of {subject} on {topic}"


def _handled_twice(evidence: Evidence) -> Iterable[str]:
    """A numbered fact is handled once by each service, unless the service's own database was set back."""
    handled: dict[tuple[str, str, int, int], int] = defaultdict(int)
    for line in evidence.said("event.heard"):
        if line.get("sequence") and line["outcome"] == "handled" and not evidence.setbacks[line["service"]]:
            handled[(line["service"], line["topic"], line["partition"], line["offset"])] += 1
    yield from (f"{place} was handled {times} times" for place, times in handled.items() if times > 1)


def positions_are_honest(evidence: Evidence) -> list[str]:
    """I9: everything is read to its end, and Kafka's committed offsets are not past that."""
    found = []
    stored = {}
    for name, rows in evidence.rows.items():
        if name.endswith(".position"):
            service = name.partition(".")[0]
            for row in rows:
                at = (row["topic"], row["partition"])
                stored[(service, *at)] = row["next_offset"]
                if row["next_offset"] != evidence.ends.get(at, 0):
                    found.append(f"{service} is at {row['next_offset']} of {evidence.ends.get(at)} in {at}")
    for (group, topic, partition), offset in evidence.committed.items():
        service = group.removeprefix(GROUPS).partition(".")[0]
        if offset > stored.get((service, topic, partition), 0):
            found.append(f"{group} committed {offset} in {topic} {partition}, and the work is not that far")
    return found


def announced_is_committed(evidence: Evidence) -> list[str]:
    """I10: the last number on the topic is the one that the announcer's thread has, and nothing waits."""
    threads = {
        (name.partition(".")[0], row["subject"]): (row["term"], row["announced"])
        for name, rows in evidence.rows.items()
        if name.endswith(".thread")
        for row in rows
        if row["announced"]
    }
    found, told = [], set()
    for (topic, source, subject), facts in _by_subject(evidence).items():
        service, last = source.rpartition("/")[2], max(one.number for one in facts)
        told.add((service, subject))
        if threads.get((service, subject)) != last:
            found.append(f"{topic} {subject}: {last} was told and {threads.get((service, subject))} is committed")
    found += [f"{service} never told of {subject}" for service, subject in threads.keys() - told]
    for name, rows in evidence.rows.items():
        if name.endswith(".outbox") and rows:
            found.append(f"{len(rows)} announcements wait in {name}")
    return found + list(_facts_without_rows(evidence))


def _facts_without_rows(evidence: Evidence) -> Iterable[str]:
    """Both ways: a fact of which no row is left, a row of which nobody was told."""
    rows = {str(row["reply"]) for row in evidence.rows["responder.reply"]}
    facts = {told.data["reply"]: told.data["story"] for told in evidence.records["storyloop.replies"]
             if told.kind == "reply.published" and told.data}  # fmt: skip
    yield from (f"reply {one} was told and is not there" for one, story in facts.items()
                if one not in rows and story not in evidence.erased)  # fmt: skip
    yield from (f"reply {one} is there and was not told" for one in rows - facts.keys())
    routes = {(str(row["story"]), row["team"]) for row in evidence.rows["router.route"]}
    routed = {(told.data["story"], team["team"]) for told in evidence.records["storyloop.routes"]
              if told.kind == "story.routed" for team in told.data["teams"]}  # fmt: skip
    yield from (f"route {one} is there and was not told" for one in routes - routed)
    yield from (f"route {one} was told and is not there" for one in routed - routes if one[0] not in evidence.erased)
