"""Evidence: what lies in the databases, on the topics, in the logs and in the mailbox when all is quiet."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition

from deploy.local.mail import Mail
from shared.topics import Topic
from tests.chaos.ledger import Entry
from tests.chaos.world import REPLICAS, Stopped

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Told:
    """One record of a topic; `ce` are its attributes where it has any."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]

    @cached_property
    def ce(self) -> dict[str, str]:
        """Attributes of a record in binary mode."""
        found = {name[3:]: value for name, value in self.headers if name.startswith("ce_") and value is not None}
        return {name: value.decode(errors="replace") for name, value in found.items()}

    @cached_property
    def kind(self) -> str:
        """`story.published` and the like."""
        return self.ce.get("type", "").removeprefix("uk.nhs.storyloop.").rpartition(".v")[0]

    @cached_property
    def data(self) -> dict[str, Any]:
        """What it says; empty where its text was taken out before it was sent."""
        return json.loads(self.value) if self.value else {}

    @property
    def number(self) -> tuple[int, int]:
        """(term, sequence); (0, 0) where it has none."""
        return (int(self.ce.get("term", 0)), int(self.ce.get("sequence", 0)))


@dataclass
class Evidence:
    """All that the invariants are judged by."""

    ledger: Mapping[str, Entry] = field(default_factory=dict)
    rows: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    """`service.table` → rows."""
    records: Mapping[str, Sequence[Told]] = field(default_factory=dict)
    ends: Mapping[tuple[str, int], int] = field(default_factory=dict)
    committed: Mapping[tuple[str, str, int], int] = field(default_factory=dict)
    """(group, topic, partition) → offset."""
    logs: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    mails: Sequence[Mail] = ()
    setbacks: Counter[str] = field(default_factory=Counter)
    remade: frozenset[str] = frozenset()
    """Listeners that were made new, and never saw what came before."""
    shifted: bool = False
    stops: Sequence[Stopped] = ()
    recoveries: Mapping[str, float] = field(default_factory=dict)
    wrong: Sequence[str] = ()
    """Answers over HTTP that an honest service never gives."""
    peaks: Mapping[str, float] = field(default_factory=dict)
    """The most memory (MB) of each replica, and the most connections of all together."""
    crowded: float = 1
    unquiet: Sequence[str] = ()
    """What was not done when waiting was given up."""
    _groups: dict[tuple[str, tuple[str, ...]], defaultdict[str, set[tuple[str, ...]]]] = field(default_factory=dict)

    def entries(self, *kinds: str, told: bool = True) -> list[Entry]:
        """The ledger's entries of these kinds: those that were acknowledged, or all."""
        return [one for one in self.ledger.values() if one.kind in kinds and (one.told or not told)]

    @cached_property
    def erased(self) -> frozenset[str]:
        """The stories that intake has erased."""
        return frozenset(
            row["subject"].partition("/")[2] for row in self.rows.get("intake.thread", ()) if row["erased_at"]
        )

    def grouped(self, table: str, *columns: str) -> defaultdict[str, set[tuple[str, ...]]]:
        """What a table says of each story."""
        if (table, columns) not in self._groups:
            found = self._groups[(table, columns)] = defaultdict(set)
            for row in self.rows[table]:
                found[str(row["story"])].add(tuple(str(row[column]) for column in columns))
        return self._groups[(table, columns)]

    def said(self, event: str) -> list[Row]:
        """Log lines of this name, of all services."""
        return [line for lines in self.logs.values() for line in lines if line.get("event") == event]


async def rows_of(admin: str) -> dict[str, list[Row]]:
    """Every table of every service."""
    connection = await asyncpg.connect(admin, timeout=10)
    try:
        tables = await connection.fetch(
            "SELECT schemaname AS schema, tablename AS name FROM pg_tables WHERE schemaname = ANY ($1::text[])",
            list(REPLICAS),
        )
        return {
            f"{table['schema']}.{table['name']}": [
                dict(row)
                for row in await connection.fetch(f'SELECT * FROM "{table["schema"]}"."{table["name"]}"')  # noqa: S608 - names of the catalogue
            ]
            for table in tables
        }
    finally:
        await connection.close()


async def records_of(kafka: str, topics: Sequence[Topic]) -> tuple[dict[str, list[Told]], dict[tuple[str, int], int]]:
    """Every record of these topics, each partition in order, and where the partitions end."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=4_000_000,
    )
    await consumer.start()
    try:
        parts = [TopicPartition(topic.name, part) for topic in topics for part in range(topic.partitions)]
        consumer.assign(parts)
        ends = await consumer.end_offsets(parts)
        found: dict[str, list[Told]] = {topic.name: [] for topic in topics}
        while any([await consumer.position(part) < ends[part] for part in parts]):
            for part, batch in (await consumer.getmany(timeout_ms=500, max_records=5000)).items():
                found[part.topic] += [_told(record) for record in batch if record.offset < ends[part]]
        return found, {(part.topic, part.partition): end for part, end in ends.items()}
    finally:
        await consumer.stop()


def _told(record: Any) -> Told:
    return Told(
        record.topic, record.partition, record.offset, record.timestamp, record.key, record.value, tuple(record.headers)
    )


def logs_of(folder: Path) -> dict[str, list[Row]]:
    """Each replica's lines; a line that a kill has cut is left out."""
    return {
        path.stem: [line for text in path.read_text(errors="replace").splitlines() if (line := _line(text))]
        for path in sorted(folder.glob("*.log"))
        if path.stem.partition("-")[0] in REPLICAS
    }


def _line(text: str) -> Row | None:
    try:
        line = json.loads(text)
    except ValueError:
        return None
    return line if isinstance(line, dict) else None
