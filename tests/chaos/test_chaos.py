"""The system is killed again and again while people use it, and nothing that was accepted is lost or doubled."""

import pytest

from tests.chaos.nemesis import schedule
from tests.chaos.run import run

SEED = 20_260
KILLS = 12


def test_a_seed_reproduces_the_schedule() -> None:
    first, second, other = schedule(7, 200), schedule(7, 200), schedule(8, 200)

    assert first == second
    assert first != other
    assert sum(one.fault.kills for one in first) >= 200


@pytest.mark.timeout(900)
def test_a_short_run_holds_every_invariant() -> None:
    report = run(KILLS, SEED)

    assert report.violated == {}, "\n".join(report.lines())
    assert report.kills >= KILLS
    assert report.repeats > 0
    assert report.commits_lost > 0
    assert sum(report.died_at.values()) >= 3
