"""What is sent: stories of 1.5 KB and short comments of one trusted publisher, the same to all contenders."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import md5
from uuid import UUID

from services.intake.rules import EVERY_SERVICE, Publisher
from services.router.rules import Files, Organisation, Team
from shared.events import CommentOffered, StoryOffered
from shared.ids import comment_of, story_of
from shared.topics import COMMENT_SUBMISSIONS, SUBMISSIONS

PUBLISHER = Publisher("surveys", frozenset({"/surveys"}), frozenset({EVERY_SERVICE}), trusted=True)
OFFERS = SUBMISSIONS + PUBLISHER.name
COMMENT_OFFERS = COMMENT_SUBMISSIONS + PUBLISHER.name
STORY_BYTES = 1500
SITES = WARDS = 10
PROSE = "We waited a long time and nobody could say why, then one nurse sat down with us and explained it all. " * 20
REGION, TRUST = Organisation("Y99", "Midshire region", "region", None), Organisation("RXX", "Midshire", "trust", "Y99")

_SITES = [Organisation(f"RXX{site:02}", f"Site {site}", "site", "RXX") for site in range(SITES)]
_WARDS = [
    Organisation(f"{site.code}-W{ward}", f"Ward {ward} of {site.name}", "ward", site.code)
    for site in _SITES
    for ward in range(WARDS)
]
DIRECTORY = Files(
    organisations={node.code: node for node in (REGION, TRUST, *_SITES, *_WARDS)},
    teams={f"T-{site.code}": Team(f"T-{site.code}", f"Team of {site.name}", "RXX") for site in _SITES},
    subscriptions=[(f"S-{site.code}", f"T-{site.code}", site.code) for site in _SITES],
)
"""Each story is about one ward; the team of the ward's site listens to the site."""


@dataclass(frozen=True, slots=True)
class Offered:
    """One record for a publisher's topic, and what is asked of it afterwards."""

    id: UUID
    reference: str
    ward: Organisation
    text: str
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


def stories(part: str, count: int) -> list[Offered]:
    """Stories whose references begin with the name of a part of the run, so that no two parts meet."""
    return [_story(f"{part}-{number}", _WARDS[number % len(_WARDS)]) for number in range(count)]


def _story(reference: str, ward: Organisation) -> Offered:
    said = {
        "title": f"A long wait, and then an answer ({reference})",
        "services": [ward.code],
        "author_role": "patient",
        "consent": ["show_to_staff", "publish"],
        "route": "web",
        "feelings": ["worried", "thankful"],
        "text": f"{reference}: ",
    }
    said["text"] = f"{said['text']}{PROSE}"[: STORY_BYTES - len(json.dumps(said)) + len(said["text"]) - 1] + "."
    id_ = story_of(PUBLISHER.name, reference)
    value = json.dumps(said).encode()
    return Offered(
        id_, reference, ward, str(said["text"]), reference.encode(), value, _headers(reference, StoryOffered)
    )


def comments(part: str, count: int) -> list[Offered]:
    """Short answers of the same publisher."""
    return [_comment(f"{part}-{number}", number) for number in range(count)]


def _comment(reference: str, number: int) -> Offered:
    ward = _WARDS[number % len(_WARDS)]
    text = f"{reference}: the nurse was kind and the tea was warm, thank you."
    said = {"service": ward.code, "text": text, "answer": number % 5 + 1, "given_on": "2026-05-03"}
    id_, value = comment_of(PUBLISHER.name, reference), json.dumps(said).encode()
    return Offered(id_, reference, ward, text, reference.encode(), value, _headers(reference, CommentOffered))


def _headers(reference: str, contract: type[StoryOffered] | type[CommentOffered]) -> list[tuple[str, bytes]]:
    attributes = {
        "specversion": "1.0",
        "id": f"e-{reference}",
        "type": contract.type,
        "source": "/surveys",
        "subject": reference,
        "time": "2026-05-04T10:00:00Z",
    }
    named = [(f"ce_{name}", value.encode()) for name, value in attributes.items()]
    return [("content-type", b"application/json"), *named]


# --- what must stand in the tables afterwards -------------------------------------------------------


def expected(sent: Sequence[Offered]) -> dict[str, list[str]]:
    """For each table the lines that `tables.LINES` must find there."""
    return {
        "intake.story": [f"{s.id}|surveys|{s.reference}|published|1|{_md5(s.text)}" for s in sent],
        "intake.submission": [f"surveys|e-{s.reference}|story/{s.id}" for s in sent],
        "intake.progress": [f"{s.id}|story.routed|{_team(s)}" for s in sent],
        "router.story": [f"{s.id}|published" for s in sent],
        "router.route": [f"{s.id}|{_team(s)}|service_above|{_evidence(s)}|{_path(s)}" for s in sent],
        "responder.story": [f"{s.id}|published|{_md5(s.text)}" for s in sent],
        "responder.team_case": [f"{s.id}|{_team(s)}|{_evidence(s)}|open" for s in sent],
        "responder.timer": [f"story/{s.id}|reply_overdue|{_team(s)}" for s in sent],
        "tracker.entry": [
            line
            for s in sent
            for line in (
                f"{s.id}|story.received||",
                f"{s.id}|story.published||",
                f"{s.id}|story.routed|{_team(s)}|{_evidence(s)}",
            )
        ],
    }


def checksum(lines: list[str]) -> str:
    """The same that Postgres makes of the same lines."""
    return _md5("\n".join(sorted(lines))) if lines else ""


def _md5(text: str) -> str:
    return md5(text.encode(), usedforsecurity=False).hexdigest()


def _site(story: Offered) -> Organisation:
    return DIRECTORY.organisations[story.ward.parent or ""]


def _team(story: Offered) -> str:
    return f"T-{_site(story).code}"


def _evidence(story: Offered) -> str:
    return f"The story is about {story.ward.name}, which is part of {_site(story).name}."


def _path(story: Offered) -> str:
    return "/".join((REGION.name, TRUST.name, _site(story).name, story.ward.name))
