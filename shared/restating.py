"""Restating: an announcer writes what its rows say into the replay topic of a listener that asked for it.

One record per subject, under the thread's lock and with its (term, sequence), and an end marker for each partition.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import typer
from pydantic_core import from_json

from shared import outbox, threads, topics
from shared.contracts import Event
from shared.database import Connection, Database, term_of
from shared.events import ReplayEnded, SubjectRestated
from shared.logs import log
from shared.outbox import Announcement
from shared.topics import Lane


@dataclass(frozen=True, slots=True)
class Fact:
    """What an announcer's rows say, and when that happened."""

    event: Event
    at: datetime


Restate = Callable[[Connection, Sequence[str]], Awaitable[Sequence[Fact]]]
"""The facts about these subjects, each subject's in the order in which they came about."""
RestateLoose = Callable[[Connection, str], Awaitable[Sequence[Fact]]]
"""Facts without a thread, after the given subject, in order of subjects; empty at the end."""
SUBJECTS_AT_ONCE = 200


async def restate(
    service: str, database: Database, listener: str, state: Restate, loose: RestateLoose | None = None
) -> int:
    """Writes the whole state of an announcer into its replay lane; how many subjects that were."""
    count, after = 0, ""
    while subjects := await _next(service, database, listener, state, after):
        count, after = count + len(subjects), subjects[-1]
    after = ""
    while loose is not None and (after := await _next_loose(service, database, listener, loose, after)):
        count += 1
    async with database.transaction() as connection:
        marks = [
            Announcement(
                ReplayEnded(listener=listener, partition=number), None, Lane.BULK, number, (term_of(connection), 1)
            )
            for number in range(topics.replay_to(listener).partitions)
        ]
        await outbox.write(connection, service, marks, {})
    log.info("replay.written", listener=listener, subjects=count)
    return count


async def _next(service: str, database: Database, listener: str, state: Restate, after: str) -> list[str]:
    async with database.transaction() as connection:
        rows = await connection.fetch(
            "SELECT subject FROM thread WHERE announced > 0 AND subject > $1 ORDER BY subject LIMIT $2",
            after,
            SUBJECTS_AT_ONCE,
        )
        held = await threads.lock(connection, [row["subject"] for row in rows])
        facts: dict[str, list[Fact]] = defaultdict(list)
        for fact in await state(connection, [thread.subject for thread in held.values() if not thread.erased]):
            facts[fact.event.subject].append(fact)
        said = [
            Announcement(
                _restated(listener, thread.subject, facts[thread.subject]),
                None,
                Lane.BULK,
                None,
                (thread.term, thread.announced),
            )
            for thread in held.values()
        ]
        await outbox.write(connection, service, said, {})
        return [row["subject"] for row in rows]


async def _next_loose(service: str, database: Database, listener: str, loose: RestateLoose, after: str) -> str:
    async with database.transaction() as connection:
        facts = await loose(connection, after)
        if not facts:
            return ""
        last = facts[-1].event.subject
        about = f"comments/{last.partition('/')[2]}"
        said = Announcement(_restated(listener, about, facts), None, Lane.BULK)
        await outbox.write(connection, service, [said], {})
        return last


def named(kind: str, subjects: Iterable[str]) -> list[str]:
    """The names of one kind among these subjects."""
    return [one.removeprefix(f"{kind}/") for one in subjects if one.startswith(f"{kind}/")]


def _restated(listener: str, about: str, facts: Sequence[Fact]) -> SubjectRestated:
    told = [
        {"type": fact.event.type, "time": fact.at.isoformat(), "data": from_json(fact.event.model_dump_json())}
        for fact in facts
    ]
    return SubjectRestated(about=about, listener=listener, facts=told)


def command(service: str, state: Restate, loose: RestateLoose | None = None) -> Callable[..., None]:
    """The command line of an announcer's `restate.py`."""

    def main(
        listener: Annotated[str, typer.Argument(help="who is to hear it: intake, router, responder or tracker")],
        postgres: Annotated[str, typer.Option(envvar="STORYLOOP_POSTGRES", help="with the announcer's own role")],
    ) -> None:
        if listener not in topics.LISTENERS:
            raise typer.BadParameter(f"one of {', '.join(topics.LISTENERS)}")

        async def run() -> int:
            database = await Database.connect(postgres, application=f"{service} restate")
            try:
                return await restate(service, database, listener, state, loose)
            finally:
                await database.close()

        typer.echo(f"{service}: {asyncio.run(run())} subjects restated for {listener}.")

    main.__doc__ = f"""Restates all that {service} knows for a listener that is new or was away for too long.

    The listener is made ready first, with its own role: python -m shared.replay

    Example: python -m services.{service}.restate tracker
    """
    return main
