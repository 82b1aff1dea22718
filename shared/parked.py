"""Parked events for whoever is on call: `python -m shared.parked list | show | redrive | discard`.

It only marks rows; the running service takes up what is marked, under the locks that its own work needs.
Exit codes: 0 done, 1 nothing matched, 2 bad use, 3 the database is away.
"""

import asyncio
import re
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, TypeVar

import asyncpg
import typer

from shared import logs, parked_pages, parked_rows
from shared.database import Connection, Database, is_temporary
from shared.logs import log
from shared.parked_rows import Mark, Parked, Place, Wanted

NOTHING_MATCHED, BAD_USE, DATABASE_AWAY = 1, 2, 3
T = TypeVar("T")
app = typer.Typer(
    help=__doc__, no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
)


def moment(text: str) -> datetime:
    """`30m`, `2h` or `3d` before now, or an ISO date or time; without a zone it is UTC."""
    if ago := re.fullmatch(r"(\d{1,5})([mhd])", text):
        unit = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}[ago[2]]
        return datetime.now(UTC) - int(ago[1]) * unit
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter("say 30m, 2h, 3d, 2026-05-04 or 2026-05-04T10:00:00Z") from error
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def words(text: str) -> str:
    """One line that can be kept and logged."""
    if not text.strip() or len(text) > 500 or not text.isprintable():
        raise typer.BadParameter("say it in one line of at most 500 characters")
    return text.strip()


Postgres = Annotated[
    str, typer.Option(envvar="STORYLOOP_POSTGRES", help="postgresql://… with the service's role", show_envvar=True)
]
Topic = Annotated[str | None, typer.Option("--topic", help="Only of this topic.")]
ParkedFor = Annotated[str | None, typer.Option("--parked-for", help="Only with this reason code.")]
Type = Annotated[str | None, typer.Option("--type", help="Only events of this full type.")]
Subject = Annotated[str | None, typer.Option("--subject", help="Only of this subject: story/<uuid>.")]
Since = Annotated[
    datetime | None, typer.Option("--since", parser=moment, metavar="WHEN", help="Only parked since: 2h, 3d, a date.")
]
Limit = Annotated[int, typer.Option("--limit", min=1, max=10_000, help="At most so many rows, the oldest first.")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs: JSON on stdout.")]
Reason = Annotated[
    str, typer.Option("--reason", parser=words, metavar="TEXT", help="Why; kept and logged, so no personal data.")
]
By = Annotated[str, typer.Option("--by", parser=words, metavar="NAME", help="Who decides it; kept and logged.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the rows and mark none.")]
OfTopic = Annotated[str | None, typer.Argument(metavar="TOPIC", help="A record's place instead of filters: its topic,")]
OfPartition = Annotated[int | None, typer.Argument(metavar="PARTITION", help="its partition,")]
OfOffset = Annotated[int | None, typer.Argument(metavar="OFFSET", help="and its offset.")]


@app.command("list")
def list_(
    postgres: Postgres,
    topic: Topic = None,
    reason: Annotated[str | None, typer.Option("--reason", "--parked-for", help="Only with this reason code.")] = None,
    type_: Type = None,
    subject: Subject = None,
    since: Since = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """Lists parked events, the oldest first, without what stands in them.

    Example: python -m shared.parked list --reason contract_broken --since 2d
    """
    wanted = Wanted(topic, reason, type_, subject, since)
    rows = _ask(postgres, lambda connection: parked_rows.find(connection, wanted, limit))
    parked_pages.show_rows(rows, as_json)
    _leave_if_none(rows)


@app.command()
def show(
    topic: Annotated[str, typer.Argument()],
    partition: Annotated[int, typer.Argument()],
    offset: Annotated[int, typer.Argument()],
    postgres: Postgres,
    reveal: Annotated[bool, typer.Option("--reveal", help="Key and value too: they may hold people's words.")] = False,
    as_json: AsJson = False,
) -> None:
    """Shows one parked event with its headers; its key and value only with --reveal, which is logged.

    Example: python -m shared.parked show storyloop.stories 3 1207 --reveal
    """
    place = Place(topic, partition, offset)
    found = _ask(postgres, lambda connection: parked_rows.contents(connection, place))
    if found and reveal:
        log.info("parked.revealed", topic=topic, partition=partition, offset=offset)
    parked_pages.show_contents(found, reveal, as_json)
    _leave_if_none(found)


@app.command()
def redrive(
    postgres: Postgres,
    reason: Reason,
    by: By,
    at_topic: OfTopic = None,
    at_partition: OfPartition = None,
    at_offset: OfOffset = None,
    topic: Topic = None,
    parked_for: ParkedFor = None,
    type_: Type = None,
    subject: Subject = None,
    since: Since = None,
    limit: Limit = 100,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Marks parked events to be taken up again by the running service: after a fix, or when what was missing is there.

    Example: python -m shared.parked redrive --parked-for handler_failed --reason "mended in 1.4.2" --by "On call"

    Example: python -m shared.parked redrive storyloop.stories 3 1207 --reason "team is listed now" --by "On call"
    """
    wanted = Wanted(topic, parked_for, type_, subject, since, _place(at_topic, at_partition, at_offset))
    _mark(postgres, Mark.REDRIVE, wanted, (by, reason), limit, dry_run, as_json)


@app.command()
def discard(
    postgres: Postgres,
    reason: Reason,
    by: By,
    at_topic: OfTopic = None,
    at_partition: OfPartition = None,
    at_offset: OfOffset = None,
    topic: Topic = None,
    parked_for: ParkedFor = None,
    type_: Type = None,
    subject: Subject = None,
    since: Since = None,
    limit: Limit = 100,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Marks parked events as not needed; their bytes stay until they expire, so that it can be thought over.

    Example: python -m shared.parked discard storyloop.stories 3 1207 --reason "a test of ours" --by "On call"
    """
    wanted = Wanted(topic, parked_for, type_, subject, since, _place(at_topic, at_partition, at_offset))
    _mark(postgres, Mark.DISCARDED, wanted, (by, reason), limit, dry_run, as_json)


def _place(topic: str | None, partition: int | None, offset: int | None) -> Place | None:
    if topic is None:
        return None
    if partition is None or offset is None:
        raise typer.BadParameter("a place is TOPIC PARTITION OFFSET")
    return Place(topic, partition, offset)


def _mark(
    postgres: str, mark: Mark, wanted: Wanted, said: tuple[str, str], limit: int, dry_run: bool, as_json: bool
) -> None:
    if wanted.is_everything:
        raise typer.BadParameter("say which: TOPIC PARTITION OFFSET, or at least one filter")

    async def set_it(connection: Connection) -> list[Parked]:
        found = await parked_rows.markable(connection, wanted, mark, limit)
        return found if dry_run else await parked_rows.set_mark(connection, found, mark, *said)

    rows = _ask(postgres, set_it)
    if rows and not dry_run:
        places = [f"{row.topic} {row.partition} {row.offset}" for row in rows]
        log.info("parked.marked", mark=mark, by=said[0], why=said[1], rows=len(rows), places=places)
    parked_pages.show_rows(rows, as_json)
    _leave_if_none(rows)


def _leave_if_none(rows: list[T]) -> None:
    if not rows:
        raise typer.Exit(NOTHING_MATCHED)


def _ask(postgres: str, do: Callable[[Connection], Awaitable[T]]) -> T:
    """One transaction; a database that is away and an address that is wrong end with their own codes."""

    async def run() -> T:
        database = await Database.connect(postgres, application="parked", size=1)
        try:
            async with database.transaction() as connection:
                return await do(connection)
        finally:
            await database.close()

    try:
        return asyncio.run(run())
    except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError, ValueError) as error:
        raise typer.BadParameter(f"the database refuses this address: {type(error).__name__}") from error
    except asyncpg.UndefinedTableError as error:
        raise typer.BadParameter("no parked events here: is it a service's own role?") from error
    except Exception as error:
        if not is_temporary(error):
            raise
        typer.echo(f"The database is away: {logs.describe(error)}", err=True)
        raise typer.Exit(DATABASE_AWAY) from error


if __name__ == "__main__":
    logs.set_up("parked", "-", to=sys.stderr)
    app()
