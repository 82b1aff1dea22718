"""Which subscriptions cover a story, and why."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Organisation:
    """A node of the service tree."""

    code: str
    name: str
    kind: str
    parent: str | None


@dataclass(frozen=True, slots=True)
class Team:
    """Who reads stories for an organisation."""

    code: str
    name: str
    organisation: str


@dataclass(frozen=True, slots=True)
class Subscription:
    """A team's standing interest in a node and everything below it."""

    code: str
    team: str
    team_name: str
    organisation: str
    scope: str
    listens: bool = True
    """A provider's team of which responder has not said that nobody there may answer."""


COMMISSIONERS = ("region", "icb")
"""Kinds of organisations whose teams read stories and never count as listening: they are no providers."""


@dataclass(frozen=True, slots=True)
class Directory:
    """What is needed of one version of the directory: the nodes above some services, and who listens there."""

    version: int
    organisations: Mapping[str, Organisation]
    subscriptions: Sequence[Subscription]


@dataclass(frozen=True, slots=True)
class Match:
    """One team that should read the story, by the nearest of its subscriptions."""

    subscription: Subscription
    rule: str
    evidence: str
    path: tuple[str, ...]
    steps_up: int


@dataclass(frozen=True, slots=True)
class Files:
    """The directory as its files say it; `subscriptions` are (code, team, scope)."""

    organisations: Mapping[str, Organisation]
    teams: Mapping[str, Team]
    subscriptions: Sequence[tuple[str, str, str]]


def route(services: Iterable[str], directory: Directory) -> list[Match]:
    """The teams whose subscriptions cover one of these services, each once, by its nearest scope; sorted by team."""
    nearest: dict[str, Match] = {}
    for service in services:
        for match in _covering(service, directory):
            team = match.subscription.team
            if team not in nearest or _order(match) < _order(nearest[team]):
                nearest[team] = match
    return [nearest[team] for team in sorted(nearest)]


def is_unheard(matches: Iterable[Match]) -> bool:
    """No team listens: a story may lie in inboxes that nobody opens."""
    return not any(match.subscription.listens for match in matches)


def _covering(service: str, directory: Directory) -> Iterable[Match]:
    upwards = way_up(service, directory.organisations)
    path = tuple(node.name for node in reversed(upwards))
    for steps, node in enumerate(upwards):
        for subscription in directory.subscriptions:
            if subscription.scope == node.code:
                rule = "same_service" if steps == 0 else "service_above"
                yield Match(subscription, rule, _evidence(upwards[0], node), path, steps)


def way_up(code: str, organisations: Mapping[str, Organisation]) -> list[Organisation]:
    """The node and all above it, nearest first; ends at a node that is not known or was there before."""
    found: list[Organisation] = []
    while code in organisations and organisations[code] not in found:
        found.append(organisations[code])
        code = organisations[code].parent or ""
    return found


def _evidence(service: Organisation, scope: Organisation) -> str:
    if service == scope:
        return f"The story is about {service.name}."[:200]
    return f"The story is about {service.name}, which is part of {scope.name}."[:200]


def _order(match: Match) -> tuple[int, str]:
    return (match.steps_up, match.subscription.code)
