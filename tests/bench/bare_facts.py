"""Contender c: what its stages read and say, as plain as it can be."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(slots=True)
class Fact:
    """One record as it was read; `subject` is its thread."""

    id: str
    type: str
    source: str
    reference: str
    subject: str
    time: datetime
    number: tuple[int, int]
    correlation: str
    value: bytes

    @property
    def story(self) -> UUID:
        """Ours."""
        return UUID(self.subject[6:])


@dataclass(slots=True)
class Out:
    """Something to announce."""

    topic: str
    type: str
    thread: str
    subject: str
    data: dict[str, Any]
    cause: Fact
    personal: bool = False
