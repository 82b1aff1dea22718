"""Contender c, stage by stage: what each fact does, in the services' own statements."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import uuid5

import orjson

from shared.ids import STORIES
from shared.topics import Topic
from tests.bench import bare_sql, bare_sql_cases
from tests.bench.bare_facts import Fact, Out
from tests.bench.models import Offer

PREFIX = "bench.bare."
OFFERS, FACTS, ROUTES = Topic(PREFIX + "offers"), Topic(PREFIX + "stories"), Topic(PREFIX + "routes")
RECEIPTS = Topic(PREFIX + "receipts", partitions=3)
TOPICS = (OFFERS, FACTS, ROUTES, RECEIPTS)
OFFERED, RECEIVED, PUBLISHED, ROUTED, RECEIPT = (
    f"uk.nhs.storyloop.{name}.v1"
    for name in ("story.offered", "story.received", "story.published", "story.routed", "receipt.given")
)
SHOWN = Offer.model_fields.keys() - {"consent", "route", "happened", "email", "criticality"}


Handler = Callable[[Any, Sequence[Fact]], Awaitable[list[Out]]]


@dataclass(frozen=True)
class Stream:
    """What one consumer reads, and which handler takes what; in the order of a story's facts."""

    topics: Sequence[Topic]
    handlers: Mapping[str, Handler]
    subject: Callable[[str], str] = str


async def accept(connection: Any, facts: Sequence[Fact]) -> list[Out]:
    """Intake: takes and publishes what was never offered before."""
    publisher = await bare_sql.known(connection, facts)
    offers = [Offer.model_validate_json(fact.value) for fact in facts]
    told = [offer.model_dump(mode="json") for offer in offers]
    sums = [
        sha256(fact.subject.encode() + b"\n" + orjson.dumps(said)).digest()
        for fact, said in zip(facts, told, strict=True)
    ]
    await bare_sql.save_offers(connection, facts, told, sums, publisher["trusted"])
    out: list[Out] = []
    now = datetime.now(UTC)
    for fact, said in zip(facts, told, strict=True):
        story = {"story": fact.story, "visibility": "public" if "publish" in said["consent"] else "staff"}
        received = {name: said[name] for name in ("services", "author_role", "route")}
        received |= story | {"publisher": "surveys", "received_at": now}
        out.append(Out(FACTS.name, RECEIVED, fact.subject, fact.subject, received, fact))
        shown = {name: said[name] for name in SHOWN} | story | {"revision": 1, "criticality": said["criticality"]}
        out.append(Out(FACTS.name, PUBLISHED, fact.subject, fact.subject, shown, fact, personal=True))
    await bare_sql.save_submissions(connection, facts, sums)
    return out + [Out(RECEIPTS.name, RECEIPT, f.subject, f"submission/{f.id}", _receipt(f), f) for f in facts]


def _receipt(fact: Fact) -> dict[str, Any]:
    return {
        "publisher": "surveys",
        "event_id": fact.id,
        "offered_on": OFFERS.name,
        "outcome": "accepted",
        "reason": None,
        "errors": (),
        "subject_id": fact.story,
    }


async def show_progress(connection: Any, facts: Sequence[Fact]) -> list[Out]:
    """Intake: the author sees who was told."""
    await bare_sql.save_progress(
        connection,
        [
            (fact, team["team"], {"team": team["team_name"], "organisation": team["organisation_name"]})
            for fact in facts
            for team in orjson.loads(fact.value)["teams"]
        ],
    )
    return []


async def route(connection: Any, facts: Sequence[Fact]) -> list[Out]:
    """Router: the teams that listen at or above a story's services, each by its nearest scope."""
    await bare_sql.keep_newest(connection, "router", facts)
    told = [orjson.loads(fact.value) for fact in facts]
    nodes, listening, version = await bare_sql.directory_for(
        connection, {code for said in told for code in said["services"]}
    )
    matches = [_teams(said["services"], nodes, listening) for said in told]
    await bare_sql.save_routes(connection, facts, matches, version)
    return [
        Out(
            ROUTES.name,
            ROUTED,
            fact.subject,
            fact.subject,
            {"story": fact.story, "revision": 1, "teams": found, "directory_version": version},
            fact,
        )
        for fact, found in zip(facts, matches, strict=True)
    ]


def _teams(services: Sequence[str], nodes: Mapping[str, Any], listening: Sequence[Any]) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for service in services:
        upwards, code = [], service
        while code in nodes:
            upwards.append(nodes[code])
            code = nodes[code]["parent"]
        path = [node["name"] for node in reversed(upwards)]
        for steps, node in enumerate(upwards):
            for one in listening:
                if one["scope"] == node["code"] and one["team"] not in found:
                    found[one["team"]] = _team(one, nodes, upwards[0], node if steps else None, path)
    return [found[team] for team in sorted(found)]


def _team(one: Any, nodes: Mapping[str, Any], service: Any, scope: Any, path: list[str]) -> dict[str, Any]:
    about = f"The story is about {service['name']}"
    return {
        "team": one["team"],
        "team_name": one["name"],
        "organisation": one["organisation"],
        "organisation_name": nodes[one["organisation"]]["name"],
        "rule": "service_above" if scope else "same_service",
        "evidence": f"{about}, which is part of {scope['name']}." if scope else f"{about}.",
        "path": path,
        "subscription": one["code"],
    }


async def keep_stories(connection: Any, facts: Sequence[Fact]) -> list[Out]:
    """Responder: staff can read them."""
    await bare_sql.keep_newest(connection, "responder", facts)
    await bare_sql_cases.save_texts(connection, facts, [orjson.loads(fact.value) for fact in facts])
    return await _open_cases(connection, facts)


async def add_cases(connection: Any, facts: Sequence[Fact]) -> list[Out]:
    """Responder: one case for each team."""
    await bare_sql_cases.add_cases(
        connection, [(fact, team["team"], team) for fact in facts for team in orjson.loads(fact.value)["teams"]]
    )
    return await _open_cases(connection, facts)


async def _open_cases(connection: Any, facts: Sequence[Fact]) -> list[Out]:
    due_at = datetime.now(UTC) + timedelta(days=14)
    opened = await bare_sql_cases.open_cases(connection, facts, due_at)
    await bare_sql_cases.save_timers(connection, opened)
    return []


async def keep_timeline(connection: Any, facts: Sequence[Fact]) -> list[Out]:
    """Tracker: one line for each fact, and for each team of a routed story."""
    kind = facts[0].type.removeprefix("uk.nhs.storyloop.").rpartition(".v")[0]
    rows: list[tuple[Fact, str, dict[str, Any]]] = []
    for fact in facts:
        said = orjson.loads(fact.value)
        for team in said["teams"] if kind == "story.routed" else ():
            detail = {"organisation": team["organisation_name"]} | {n: team[n] for n in ("team_name", "evidence")}
            rows.append((fact, team["team"], detail))
        if kind != "story.routed":
            rows.append((fact, "", {}))
    await bare_sql_cases.save_entries(connection, kind, rows)
    return []


_TIMELINE = dict.fromkeys((RECEIVED, PUBLISHED, ROUTED), keep_timeline)
STREAMS: Mapping[str, Sequence[Stream]] = {
    "intake": (
        Stream([OFFERS], {OFFERED: accept}, lambda reference: f"story/{uuid5(STORIES, f'surveys/{reference}')}"),
        Stream([ROUTES], {ROUTED: show_progress}),
    ),
    "router": (Stream([FACTS], {PUBLISHED: route}),),
    "responder": (Stream([FACTS, ROUTES], {PUBLISHED: keep_stories, ROUTED: add_cases}),),
    "tracker": (Stream([FACTS, ROUTES], _TIMELINE),),
}
