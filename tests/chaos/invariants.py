"""The table of invariants: each is a function of the evidence that lists what violates it."""

from collections.abc import Callable, Mapping

from tests.chaos import of_order, of_running, of_stories
from tests.chaos.evidence import Evidence

INVARIANTS: Mapping[str, Callable[[Evidence], list[str]]] = {
    "I1": of_stories.nothing_is_lost,
    "I2": of_stories.nothing_is_invented,
    "I3": of_stories.each_effect_once,
    "I4": of_order.order_is_kept,
    "I5": of_stories.routes_are_right,
    "I7": of_running.parked_faithfully,
    "I8": of_running.poison_is_contained,
    "I9": of_order.positions_are_honest,
    "I10": of_order.announced_is_committed,
    "I11": of_running.answers_are_honest,
    "I12": of_running.bounded,
    "I13": of_running.stops_are_graceful,
    "I14": of_running.recovery_is_quick,
    "I15": of_running.clocks_decide_nothing,
}


def violations(evidence: Evidence) -> dict[str, list[str]]:
    """What is violated, by invariant; empty if all holds."""
    judged = {name: judge(evidence) for name, judge in INVARIANTS.items()}
    return {name: found for name, found in judged.items() if found}
