"""Runs: a batch cut so that each handler is called with many events, and no story's order is lost."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from shared.contracts import Event
from shared.hearing import Arrival, Outcome


@dataclass(slots=True)
class Run:
    """Events of one type that one call of their handler takes."""

    contract: type[Event]
    arrivals: list[tuple[Arrival, Event]] = field(default_factory=list)


def runs(arrivals: Iterable[Arrival]) -> list[Run]:
    """Cuts what is to be handled into runs of one type, so that no subject's later event overtakes its earlier one.

    An event joins the first run of its type that is not before the last run of its subject.
    """
    found: list[Run] = []
    by_type: dict[type[Event], list[int]] = {}
    last: dict[str | None, int] = {}
    for arrival in arrivals:
        for event in arrival.events if arrival.outcome is Outcome.HANDLED else ():
            earliest = last.get(arrival.subject, 0)
            places = by_type.setdefault(type(event), [])
            place = next((place for place in places if place >= earliest), len(found))
            if place == len(found):
                found.append(Run(type(event)))
                places.append(place)
            found[place].arrivals.append((arrival, event))
            last[arrival.subject] = place
    return found
