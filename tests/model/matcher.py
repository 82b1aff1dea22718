"""The naive matcher: every subscription against every service, by walking up parents; what router must agree with."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

NO_PARENT = ""


@dataclass(frozen=True)
class Tree:
    """One version of the directory: child -> parent, and subscriptions as (code, team, scope)."""

    parents: Mapping[str, str]
    subscriptions: tuple[tuple[str, str, str], ...]


def teams_for(services: Iterable[str], tree: Tree) -> dict[str, tuple[str, str]]:
    """Team -> (rule, subscription): the nearest scope above any of the services, then the lowest code."""
    best: dict[str, tuple[int, str]] = {}
    for service in services:
        for code, team, scope in tree.subscriptions:
            steps = steps_up(service, scope, tree)
            if steps is not None and (team not in best or (steps, code) < best[team]):
                best[team] = (steps, code)
    return {team: ("service_above" if steps else "same_service", code) for team, (steps, code) in best.items()}


def steps_up(service: str, scope: str, tree: Tree) -> int | None:
    """How many parents lie between; None if the scope is not above the service."""
    steps, node = 0, service
    while node in tree.parents:
        if node == scope:
            return steps
        steps, node = steps + 1, tree.parents[node]
    return None
