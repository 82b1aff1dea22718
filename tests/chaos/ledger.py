"""The driver's own book: what was tried, and what it was told; on the disk before anything else happens."""

import asyncio
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any


def digest(*words: str | None) -> str:
    """What was said, as a checksum."""
    return sha256("\n".join(word or "" for word in words).encode()).hexdigest()


@dataclass
class Entry:
    """One thing that the driver did; `told` is empty as long as nobody has said that it is accepted."""

    key: str
    kind: str
    tried: dict[str, Any]
    told: dict[str, Any] = field(default_factory=dict)


@dataclass
class Ledger:
    """Lines of JSON, each on the disk before the next step is taken."""

    path: Path
    entries: dict[str, Entry] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._file = self.path.open("ab", buffering=0)

    async def tried(self, kind: str, key: str, **what: Any) -> None:
        """Noted before the first attempt."""
        await self._keep({"tried": kind, "key": key} | what)
        self.entries[key] = Entry(key, kind, what)

    async def told(self, key: str, **what: Any) -> None:
        """Noted when the other side has said that it is accepted."""
        await self._keep({"told": key} | what)
        self.entries[key].told = what | {"yes": True}

    async def _keep(self, line: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(line, default=str).encode() + b"\n")
        await asyncio.to_thread(os.fsync, self._file.fileno())

    def of(self, *kinds: str) -> list[Entry]:
        """Entries of these kinds."""
        return [entry for entry in self.entries.values() if entry.kind in kinds]

    def close(self) -> None:
        """Nothing more is noted."""
        self._file.close()


def read(path: Path) -> dict[str, Entry]:
    """The book as it lies on the disk."""
    found: dict[str, Entry] = {}
    for line in map(json.loads, path.read_text().splitlines()):
        if "tried" in line:
            kind, key = line.pop("tried"), line.pop("key")
            found[key] = Entry(key, kind, line)
        else:
            found[line.pop("told")].told = line | {"yes": True}
    return found
