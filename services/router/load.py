"""Loads the directory from three CSV files: `python -m services.router.load ORGANISATIONS TEAMS SUBSCRIPTIONS`.

The files are the whole directory: read and checked as a whole, put in place at once, and announced only where
something is new. National files in their own shapes come with the directory's own capability.
"""

import asyncio
import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from services.router import store
from services.router.faults import faults
from services.router.rules import Files, Organisation, Team
from shared.contracts import Event
from shared.database import Database
from shared.events import DirectoryReleased, OrganisationClosed, OrganisationListed, TeamClosed, TeamListed
from shared.work import Home, Work, on_threads


class BadFile(ValueError):
    """A file cannot be loaded; each fault is a sentence with its place."""


def read_files(organisations: Path, teams: Path, subscriptions: Path) -> Files:
    """The directory that three files say; `BadFile` names every fault."""
    tree = [
        Organisation(row[0], row[1], row[2], row[3] or None) for row in _rows(organisations, "code name kind parent")
    ]
    people = [Team(*row) for row in _rows(teams, "code name organisation")]
    interests = [(row[0], row[1], row[2]) for row in _rows(subscriptions, "code team scope")]
    files = Files({one.code: one for one in tree}, {one.code: one for one in people}, interests)
    wrong = [
        *_twice(organisations, [one.code for one in tree]),
        *_twice(teams, [one.code for one in people]),
        *_twice(subscriptions, [code for code, _, _ in interests]),
        *faults(files),
    ]
    if wrong:
        raise BadFile("; ".join(wrong[:20]))
    return files


def _rows(path: Path, columns: str) -> list[list[str]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            if reader.fieldnames != columns.split():
                raise BadFile(f"{path.name}: the first line must be {','.join(columns.split())}")
            rows = [[(row[name] or "").strip() for name in columns.split()] for row in reader]
    except UnicodeDecodeError as error:
        raise BadFile(f"{path.name}: is not UTF-8") from error
    except csv.Error as error:
        raise BadFile(f"{path.name}: is not CSV") from error
    return rows


def _twice(path: Path, codes: Sequence[str]) -> Iterable[str]:
    return (f"{path.name}: code {code} stands twice" for code, times in sorted(Counter(codes).items()) if times > 1)


async def load(files: Files, work: Work) -> Sequence[Event]:
    """Puts the files in place and announces what is new; returns what was announced."""
    before, teams_before = await store.organisations(work.connection), await store.teams(work.connection)
    interests_before = await store.subscriptions(work.connection)
    await store.replace_directory(work.connection, files)
    news = difference(before, teams_before, files)
    if news or interests_before != set(files.subscriptions):
        number = await store.release(work.connection)
        news.append(DirectoryReleased(version=number, organisations=len(files.organisations), teams=len(files.teams)))
        work.announce(*news)
    return news


def difference(before: dict[str, Organisation], teams_before: dict[str, Team], files: Files) -> list[Event]:
    """The events that lead from one state of the directory to the other."""
    try:
        listed = [
            OrganisationListed.model_validate(
                {"organisation": one.code, "name": one.name, "kind": one.kind, "parent": one.parent}
            )
            for one in files.organisations.values()
            if before.get(one.code) != one
        ]
        teams = [
            TeamListed(team=one.code, name=one.name, organisation=one.organisation)
            for one in files.teams.values()
            if teams_before.get(one.code) != one
        ]
        closed = [OrganisationClosed(organisation=code) for code in before if code not in files.organisations]
    except ValidationError as error:
        raise BadFile(f"a code, name or kind has not the right shape: {error.errors()[0]['loc']}") from error
    gone = [TeamClosed(team=code) for code in teams_before if code not in files.teams]
    return [*listed, *teams, *gone, *closed]


async def _run(postgres: str, files: Files) -> int:
    database = await Database.connect(postgres, application="router load")
    try:
        news = await on_threads(Home("router", database), ["directory/all"], lambda work: load(files, work))
    finally:
        await database.close()
    return len(news)


def main(
    organisations: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="code,name,kind,parent")],
    teams: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="code,name,organisation")],
    subscriptions: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="code,team,scope")],
    postgres: Annotated[str, typer.Option(envvar="STORYLOOP_POSTGRES", help="postgresql://… with router's role")],
    dry_run: Annotated[bool, typer.Option(help="Check the files and change nothing.")] = False,
) -> None:
    """Loads the whole directory from three CSV files; a fault in any of them changes nothing.

    Example: python -m services.router.load organisations.csv teams.csv subscriptions.csv
    """
    try:
        files = read_files(organisations, teams, subscriptions)
        announced = 0 if dry_run else asyncio.run(_run(postgres, files))
    except BadFile as bad:
        typer.echo(f"Nothing was loaded. {bad}", err=True)
        raise typer.Exit(2) from bad
    typer.echo(
        f"{len(files.organisations)} organisations, {len(files.teams)} teams, "
        f"{len(files.subscriptions)} subscriptions; {announced} facts announced."
    )


if __name__ == "__main__":
    typer.run(main)
