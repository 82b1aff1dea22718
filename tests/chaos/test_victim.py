"""A victim dies at its point and nowhere else."""

import subprocess
import sys

import pytest

from tests.chaos.victim import POINTS, dying

DIES = """
import asyncio
from tests.chaos.victim import dying

async def step():
    print("passed", flush=True)

async def main():
    wrapped = dying(step, {after}, 3)
    for _ in range(5):
        await wrapped()

asyncio.run(main())
"""


@pytest.mark.parametrize("point", POINTS)
def test_every_point_is_a_function_of_the_product(point: str) -> None:
    owner, name, _ = POINTS[point]

    assert callable(getattr(owner, name))


@pytest.mark.parametrize(("after", "passed"), [(False, 2), (True, 3)])
def test_it_dies_at_the_third_pass(after: bool, passed: int) -> None:
    done = subprocess.run([sys.executable, "-c", DIES.format(after=after)], capture_output=True, text=True, check=False)

    assert done.returncode == -9
    assert done.stdout.split() == ["passed"] * passed


async def test_a_function_that_is_passed_less_often_goes_on() -> None:
    async def step() -> str:
        return "done"

    assert await dying(step, False, 2)() == "done"
