"""Whatever people do, in whatever order it is heard, and wherever it is cut off: all services end up agreeing."""

import os
import random
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from deploy.local.system import Databases
from tests.model.machine import Machine
from tests.model.runner import Loop, a_loop
from tests.model.world import World

SEED_FROM = "STORYLOOP_SEED"
SHORT = settings(
    max_examples=14,
    stateful_step_count=30,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
LONG = settings(
    SHORT, max_examples=80, stateful_step_count=60, derandomize=False, phases=[Phase.generate, Phase.shrink]
)


def machine(world: World, loop: Loop) -> type[Machine]:
    """The machine, bound to these real parts."""

    class Bound(Machine):
        def __init__(self) -> None:
            super().__init__(world, loop)

    return Bound


@pytest.fixture
def loop() -> Iterator[Loop]:
    """A loop of the machine's own."""
    with a_loop() as loop:
        yield loop


@pytest.fixture
def world(databases: Databases, loop: Loop) -> Iterator[World]:
    """The four services, open."""
    world = World(databases)
    loop.run(world.open())
    yield world
    loop.run(world.close())


MUST_HAPPEN = (
    "asked again",
    "died before the commit",
    "sent and not deleted",
    "fenced off",
    "redriven",
    "heard: repeated",
    "heard: erased",
    "heard: parked",
    "story.withdrawn",
    "reply.published",
    "route.declined",
    "change.planned",
    "change.made",
    "change.confirmed",
)
"""A run without these has tested nothing."""


@pytest.mark.timeout(400)
def test_all_services_agree_with_the_model_once_all_is_quiet(world: World, loop: Loop) -> None:
    run_state_machine_as_test(machine(world, loop), settings=SHORT)

    print(dict(world.tally))  # noqa: T201 - for whoever wonders what was reached
    assert [what for what in MUST_HAPPEN if not world.tally[what]] == []


@pytest.mark.prove
@pytest.mark.timeout(3600)
def test_all_services_agree_with_the_model_in_many_runs(world: World, loop: Loop) -> None:
    number = int(os.environ.get(SEED_FROM) or random.SystemRandom().randrange(2**32))
    print(f"{SEED_FROM}={number} repeats this run")  # noqa: T201 - whoever reads the failure needs it
    run_state_machine_as_test(seed(number)(machine(world, loop)), settings=LONG)
