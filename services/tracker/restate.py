"""Tracker's state for a listener that is new or was away: `python -m services.tracker.restate LISTENER`."""

from collections.abc import Iterable, Sequence

import typer
from asyncpg import Record

from services.tracker.rules import FACTS, State
from shared.database import Connection
from shared.ids import stories_of
from shared.restating import Fact, command


async def restate(connection: Connection, subjects: Sequence[str]) -> Sequence[Fact]:
    """Each change's way to where it stands, as far as its row knows it."""
    stories = stories_of(subjects)
    rows = await connection.fetch(
        """
        SELECT change, story, team, claimed, claimed_what, state, what, due, step, made_at_step,
               claimed_at, made_at, moved_at
          FROM tracker.change WHERE story = ANY ($1::uuid[]) ORDER BY story, claimed_at, change
        """,
        stories,
    )
    return [fact for row in rows for fact in _way(row)]


def _way(row: Record) -> Iterable[Fact]:
    """Planned where it was claimed so, made where it was, and then what was last said of it."""
    said, state = dict(row), State(row["state"])
    if State(row["claimed"]) is State.PLANNED:
        planned = said | {"what": row["claimed_what"], "step": 1}
        yield Fact(FACTS[State.PLANNED].model_validate(planned), row["claimed_at"])
    if row["made_at"] is not None:
        yield Fact(FACTS[State.MADE].model_validate(said | {"step": row["made_at_step"]}), row["made_at"])
    if row["step"] > max(1, row["made_at_step"]):
        yield Fact(FACTS[state].model_validate(said), row["moved_at"])


main = command("tracker", restate)

if __name__ == "__main__":
    typer.run(main)
