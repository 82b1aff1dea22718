"""The breaker: tells a bad deploy, which must stop, from poison, which is parked."""

from collections import deque
from dataclasses import dataclass, field


class BadDeploy(Exception):
    """More than half of the last events failed in our own code: stop, instead of parking everything."""


@dataclass(slots=True)
class Breaker:
    """Tells a bad deploy from poison: at least 20 different events and more than half of the last 100 failed."""

    last: deque[tuple[str, bool]] = field(default_factory=lambda: deque(maxlen=100))

    def count(self, event_id: str, failed: bool) -> None:
        """Notes one event; `BadDeploy` when it is too much."""
        self.last.append((event_id, failed))
        failures = [id_ for id_, bad in self.last if bad] if failed else []
        if len(set(failures)) >= 20 and len(failures) > len(self.last) / 2:
            raise BadDeploy
