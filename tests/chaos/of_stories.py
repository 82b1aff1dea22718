"""Invariants of what people said: nothing lost, nothing invented, each effect once, routing as a naive scan has it."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from tests.chaos.evidence import Evidence, Told
from tests.chaos.ledger import digest

RECEIPTS = "storyloop.receipts."
WAYS_IN = ("offer", "repeat", "recall", "comment")


def nothing_is_lost(evidence: Evidence) -> list[str]:
    """I1: what was accepted lies in exactly one place, has its receipt, and has gone all the way."""
    taken = {(row["publisher"], row["event_id"]) for row in evidence.rows["intake.submission"]}
    parked = {(row["topic"], row["partition"], row["offset"]) for row in evidence.rows["intake.parked"]}
    receipts = {
        (told.data["offered_on"], told.data["partition"], told.data["offset"])
        for topic, records in evidence.records.items()
        if topic.startswith(RECEIPTS)
        for told in records
    }
    stories = {str(row["story"]) for row in evidence.rows["intake.story"]}
    found = []
    for one in evidence.entries(*WAYS_IN):
        at = (one.told["topic"], one.told["partition"], one.told["offset"])
        places = ((one.tried["publisher"], one.tried["event"]) in taken) + (at in parked)
        if places != 1 and one.tried["story"] not in evidence.erased:
            found.append(f"{one.key} lies in {places} places")
    for one in evidence.entries(*WAYS_IN, "reused", "poison"):
        at = (one.told["topic"], one.told["partition"], one.told["offset"])
        if at not in receipts:
            found.append(f"{one.key} has no receipt")
    for one in evidence.entries("offer_by_http", "share"):
        if str(one.told.get("story") or one.tried.get("story")) not in stories:
            found.append(f"{one.key} was accepted and is not there")
    return found + list(_not_gone_round(evidence))


def _not_gone_round(evidence: Evidence) -> Iterable[str]:
    lines = evidence.grouped("tracker.entry", "kind", "target")
    cases, teams = evidence.grouped("responder.team_case", "team"), evidence.grouped("router.route", "team")
    for row in evidence.rows["intake.story"]:
        story = str(row["story"])
        if story not in evidence.erased:
            wanted = {("story.received", "")} | {("story.routed", team) for (team,) in teams[story]}
            if row["state"] == "published":
                wanted.add(("story.published", ""))
            if not wanted <= lines[story]:
                yield f"tracker does not know {sorted(wanted - lines[story])} of story {story}"
            if cases[story] != teams[story]:
                yield f"story {story} is routed to {teams[story]} and has cases at {cases[story]}"
            if row["revision"]:
                yield from _other_states(story, row["state"], evidence)


def _other_states(story: str, state: str, evidence: Evidence) -> Iterable[str]:
    for service in ("router", "responder"):
        (known,) = evidence.grouped(f"{service}.story", "state")[story] or {("unknown",)}
        if known[0] != state:
            yield f"story {story} is {state} at intake and {known[0]} at {service}"


def nothing_is_invented(evidence: Evidence) -> list[str]:
    """I2: every stored word was said by the driver, and as it was said."""
    said: dict[str, set[str]] = defaultdict(set)
    for one in evidence.entries("offer", "offer_by_http", "comment", told=False):
        said[str(one.tried["story"])].add(one.tried["sha"])
    shared = {one.tried["sha"]: one.told.get("story") for one in evidence.entries("share", told=False)}
    replies = {one.tried["sha"] for one in evidence.entries("reply", told=False)}
    found = []
    for where, story, words in _stored_words(evidence):
        if words not in said[story] and shared.get(words, "") not in {story, None}:
            found.append(f"{where}: {story} holds words that nobody said about it")
    stored = [digest(row["text"]) for row in evidence.rows["responder.reply"]]
    told = [digest(one.data["text"]) for one in _facts(evidence, "reply.published") if one.data]
    found += [f"a reply says what nobody wrote: {words}" for words in {*stored, *told} - replies]
    known = {str(one.tried["story"]) for one in evidence.ledger.values() if "story" in one.tried}
    known |= {str(one.told["story"]) for one in evidence.entries("share")}
    for row in evidence.rows["intake.story"]:
        if row["publisher"] != "web" and str(row["story"]) not in known:
            found.append(f"story {row['story']} was offered by nobody")
    return found


def _stored_words(evidence: Evidence) -> Iterable[tuple[str, str, str]]:
    for table, column in (("intake.story", "told"), ("responder.story", "published")):
        for row in evidence.rows[table]:
            if row[column]:
                words = json.loads(row[column])
                yield table, str(row["story"]), digest(words["title"], words["text"])
    for told in _facts(evidence, "story.published"):
        if told.data:
            yield told.topic, told.data["story"], digest(told.data["title"], told.data["text"])
    for table in ("intake.comment", "responder.comment"):
        for row in evidence.rows[table]:
            yield table, str(row["comment"]), digest(None, row["text"])


def _facts(evidence: Evidence, *kinds: str) -> Iterable[Told]:
    for topic, records in evidence.records.items():
        if not topic.startswith(("storyloop.submissions", "storyloop.replay", "storyloop.comment-sub")):
            yield from (told for told in records if told.kind in kinds)


ONCE: Mapping[str, tuple[str, ...]] = {
    "story.received": ("story",),
    "story.published": ("story", "revision"),
    "story.rejected": ("story",),
    "story.withdrawn": ("story",),
    "story.unheard": ("story", "revision"),
    "story.heard": ("story", "team"),
    "reply.published": ("reply",),
    "change.planned": ("change",),
    "comment.received": ("comment",),
}
"""Which effects are decided once, and what they are known by."""


def each_effect_once(evidence: Evidence) -> list[str]:
    """I3: one row and one fact for each effect; mails at least once, and always the same.

    Only an announcer whose database was set back may decide again, once for each time.
    """
    facts: dict[tuple[Any, ...], set[str]] = defaultdict(set)
    for told in _facts(evidence, *ONCE, "story.routed", "copy.erased"):
        for effect in _effects(told):
            facts[(told.ce["source"].rpartition("/")[2], told.kind, *effect)].add(told.ce["id"])
    found = [
        f"{effect} was decided {len(ids)} times"
        for effect, ids in facts.items()
        if len(ids) > 1 + evidence.setbacks[effect[0]]
    ]
    written = Counter(digest(row["text"]) for row in evidence.rows["responder.reply"])
    found += [f"a reply is there {count} times" for count in written.values() if count > 1]
    ids = {str(row["reply"]) for row in evidence.rows["responder.reply"]}
    for one in evidence.entries("reply"):
        if one.told["id"] not in ids and one.tried["story"] not in evidence.erased:
            found.append(f"{one.key} was accepted and is not there")
    return found + list(_wrong_mails(evidence))


def _effects(told: Told) -> Iterable[tuple[Any, ...]]:
    if told.kind == "story.routed":
        return [(told.data["story"], team["team"]) for team in told.data["teams"]]
    if told.kind == "copy.erased":
        return [(told.data["story"],)]
    return [tuple(told.data[name] for name in ONCE[told.kind])] if told.data else []


def _wrong_mails(evidence: Evidence) -> Iterable[str]:
    letters = defaultdict(set)
    for mail in evidence.mails:
        letters[mail.to[0]].add((mail.subject, mail.text))
    sent: Counter[str] = Counter()
    tried: Counter[str] = Counter()
    for row in evidence.rows["intake.delivery"]:
        sent[row["subject"]] += row["sent_at"] is not None
        tried[row["subject"]] += row["attempts"] > 0
    for one in evidence.entries("share"):
        subject, got = f"story/{one.told['story']}", len(letters[one.tried["email"]])
        if one.tried["email"] and not sent[subject] <= got <= tried[subject]:
            yield f"{one.tried['email']} got {got} different letters of {sent[subject]} to {tried[subject]}"


def routes_are_right(evidence: Evidence) -> list[str]:
    """I5: the stored routes are what a naive scan of the directory gives, and what staff suggested."""
    declined: dict[str, set[str]] = defaultdict(set)
    stored = {story: {team for (team,) in teams} for story, teams in evidence.grouped("router.route", "team").items()}
    for told in _facts(evidence, "route.declined"):
        if told.data.get("suggestion"):
            declined[told.data["story"]] |= _naive([told.data["suggestion"]], evidence)
    unheard = {str(row["story"]) for row in evidence.rows["router.unheard"]}
    found = []
    for told in _facts(evidence, "story.published"):
        story = str(told.ce["subject"]).partition("/")[2]
        if story in evidence.erased or not told.data:
            continue
        least = _naive(told.data["services"], evidence)
        if not least <= stored.get(story, set()) <= least | declined[story]:
            found.append(
                f"story {story} is routed to {stored.get(story, set())}, should be {least}, perhaps {declined[story]}"
            )
        if (not least) != (story in unheard):
            found.append(f"story {story}: unheard is {story in unheard}, teams are {least}")
    return found


def _naive(services: Iterable[str], evidence: Evidence) -> set[str]:
    """Every subscription against every service, one by one."""
    parents = {row["code"]: row["parent"] for row in evidence.rows["router.organisation"]}
    found = set()
    for service in services:
        code: str | None = service
        while code in parents:
            found |= {row["team"] for row in evidence.rows["router.subscription"] if row["scope"] == code}
            code = parents[code]
    return found
