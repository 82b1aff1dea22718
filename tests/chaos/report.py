"""The report of a run: what was done to the system, what it made of it, and what was violated."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tests.chaos.evidence import Evidence
from tests.chaos.invariants import violations
from tests.chaos.nemesis import Planned
from tests.chaos.world import World


@dataclass(frozen=True)
class Report:
    """The figures of a run."""

    seed: int
    seconds: float
    kills: int
    died_at: Mapping[str, int]
    """How often a replica died at each named point."""
    accepted: int
    repeats: int
    """Facts that came again and had no second effect."""
    fenced: int
    repeated_submissions: int
    gaps: int
    went_back: int
    commits_lost: int
    parked: Mapping[str, int]
    recoveries: Mapping[str, float]
    crashes: tuple[str, ...]
    left_out: tuple[str, ...]
    crowded: float
    violated: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, seed: int, planned: Sequence[Planned], seconds: float, world: World, evidence: Evidence) -> "Report":
        """Counts what the evidence holds, and judges it."""
        heard = Counter(line["outcome"] for line in evidence.said("event.heard"))
        bulk = sum(int(line["repeated"]) for line in evidence.said("batch.heard"))
        receipts = [
            told.data["outcome"] for topic, found in evidence.records.items() if ".receipts." in topic for told in found
        ]
        parked = Counter(
            row["reason"] for name, rows in evidence.rows.items() if name.endswith(".parked") for row in rows
        )
        report = cls(
            seed=seed,
            seconds=seconds,
            kills=world.counts["kills"],
            died_at={name[5:]: count for name, count in world.counts.items() if name.startswith("died ")},
            accepted=sum(bool(entry.told) for entry in evidence.ledger.values()),
            repeats=heard["repeated"] + bulk,
            fenced=len(evidence.said("consumer.fenced")),
            repeated_submissions=receipts.count("repeated"),
            gaps=len(evidence.said("sequence.gap")),
            went_back=len(evidence.said("announcer.went_back")),
            commits_lost=world.proxy.lost,
            parked=dict(parked),
            recoveries=dict(evidence.recoveries),
            crashes=tuple(world.crashes),
            left_out=tuple(world.left_out),
            crowded=world.crowded,
            violated=violations(evidence),
        )
        return replace(
            report, violated=report.violated | report._tested_nothing(sum(one.fault.kills for one in planned))
        )

    def _tested_nothing(self, kills: int) -> dict[str, list[str]]:
        if self.repeats and self.kills >= kills:
            return {}
        return {"run": [f"{self.kills} kills of {kills}, {self.repeats} repeats suppressed: it has tested nothing"]}

    def lines(self) -> Iterable[str]:
        """For people."""
        yield f"seed {self.seed}: {self.seconds:.0f} s, {self.kills} kills, {self.accepted} things accepted"
        yield f"died at named points: {_counts(self.died_at)}"
        yield (
            f"repeats suppressed: {self.repeats} facts, {self.fenced} fenced batches, "
            f"{self.repeated_submissions} submissions"
        )
        yield f"gaps: {self.gaps}, announcer went back: {self.went_back}"
        yield f"ambiguous commits resolved: {self.commits_lost}"
        yield f"parked: {_counts(self.parked)}"
        yield f"worst recovery after (the machine was crowded {self.crowded:.1f} times over):"
        yield from (f"  {name:<24} {seconds:5.1f} s" for name, seconds in sorted(self.recoveries.items()))
        yield from (f"a process ended by itself: {one}" for one in self.crashes)
        yield from (f"left out: {one}" for one in self.left_out)
        for name, found in self.violated.items():
            yield f"VIOLATED {name}: {len(found)} times"
            yield from (f"  {one}" for one in found[:10])
        yield "all invariants hold" if not self.violated else "FAILED"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none"
