"""`python -m tests.chaos --kills 200 --seed N`: a long run; the seed reproduces the schedule."""

from random import SystemRandom
from typing import Annotated

import typer

from tests.chaos.run import run


def main(
    kills: Annotated[int, typer.Option(min=1, envvar="KILLS", help="at least so many SIGKILLs")] = 200,
    seed: Annotated[
        int | None, typer.Option(envvar="SEED", help="one that was printed before; without: a new one")
    ] = None,
    only: Annotated[list[str] | None, typer.Option(help="faults by name, once each; may be repeated")] = None,
) -> None:
    """Faults while a ledger is kept, then the checker; exit 1 if an invariant is violated."""
    seed = seed if seed is not None else SystemRandom().randrange(1_000_000)
    typer.echo(f"seed {seed}")
    report = run(kills, seed, only or (), typer.echo)
    for line in report.lines():
        typer.echo(line)
    raise typer.Exit(bool(report.violated))


if __name__ == "__main__":
    typer.run(main)
