"""The directory's three CSV files: all of it or nothing, and each fault in a sentence."""

import asyncio
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from services.router.load import main
from shared.database import Database
from tests.service import announced_types, column

GOOD = {
    "organisations": "code,name,kind,parent\nTRUST1,North Trust,trust,\nW1,Ward 1,service,TRUST1\n",
    "teams": "code,name,organisation\nT1,Ward team,W1\n",
    "subscriptions": "code,team,scope\nS1,T1,W1\n",
}
ORGANISATION = "uk.nhs.storyloop.organisation.listed.v1"
TEAM = "uk.nhs.storyloop.team.listed.v1"
RELEASED = "uk.nhs.storyloop.directory.released.v1"


async def load(folder: Path, database: Database, *options: str, **bad: str | bytes) -> Result:
    """Runs the command on good files, but for those that are given."""
    for name, text in (GOOD | bad).items():
        (folder / f"{name}.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    app = typer.Typer()
    app.command()(main)
    files = [str(folder / f"{name}.csv") for name in GOOD]
    arguments = [*files, "--postgres", database.dsn, *options]
    return await asyncio.to_thread(lambda: CliRunner().invoke(app, arguments))


async def test_good_files_are_put_in_place_and_announced(tmp_path: Path, database: Database) -> None:
    result = await load(tmp_path, database)

    assert (result.exit_code, result.stdout) == (
        0,
        "2 organisations, 1 teams, 1 subscriptions; 4 facts announced.\n",
    )
    assert await announced_types(database) == [ORGANISATION, ORGANISATION, TEAM, RELEASED]


async def test_the_same_files_again_announce_nothing(tmp_path: Path, database: Database) -> None:
    await load(tmp_path, database)

    again = await load(tmp_path, database)

    assert again.stdout == "2 organisations, 1 teams, 1 subscriptions; 0 facts announced.\n"
    assert await announced_types(database) == [ORGANISATION, ORGANISATION, TEAM, RELEASED]


async def test_a_dry_run_checks_and_changes_nothing(tmp_path: Path, database: Database) -> None:
    result = await load(tmp_path, database, "--dry-run")

    assert result.exit_code == 0
    assert await column(database, "SELECT code FROM router.organisation") == []


FAULTS: dict[str, tuple[str, str | bytes, str]] = {
    "another first line": (
        "teams",
        "code,name\nT1,Ward team\n",
        "teams.csv: the first line must be code,name,organisation",
    ),
    "an empty file": ("teams", "", "teams.csv: the first line must be code,name,organisation"),
    "not UTF-8": ("teams", b"code,name,organisation\nT1,\xff,W1\n", "teams.csv: is not UTF-8"),
    "a field without end": (
        "teams",
        "code,name,organisation\nT1," + "x" * 140_000 + ",W1\n",
        "teams.csv: is not CSV",
    ),
    "an organisation twice": (
        "organisations",
        GOOD["organisations"] + "W1,Ward one,service,TRUST1\n",
        "organisations.csv: code W1 stands twice",
    ),
    "a team twice": ("teams", GOOD["teams"] + "T1,Other,W1\n", "teams.csv: code T1 stands twice"),
    "a subscription twice": (
        "subscriptions",
        GOOD["subscriptions"] + "S1,T1,TRUST1\n",
        "subscriptions.csv: code S1 stands twice",
    ),
    "a parent that is not there": (
        "organisations",
        "code,name,kind,parent\nW1,Ward 1,service,GONE\n",
        "organisation W1: parent GONE is not there",
    ),
    "a cycle": (
        "organisations",
        "code,name,kind,parent\nW1,Ward 1,service,S1\nS1,Site,site,W1\n",
        "organisation W1: is above itself; organisation S1: is above itself",
    ),
    "its own parent": (
        "organisations",
        "code,name,kind,parent\nW1,Ward 1,service,W1\n",
        "organisation W1: is above itself",
    ),
    "a team of nobody": (
        "teams",
        "code,name,organisation\nT1,Ward team,W9\n",
        "team T1: organisation W9 is not there",
    ),
    "an interest of nobody": (
        "subscriptions",
        "code,team,scope\nS1,T9,W1\n",
        "subscription S1: team T9 is not there",
    ),
    "an interest in nothing": (
        "subscriptions",
        "code,team,scope\nS1,T1,W9\n",
        "subscription S1: scope W9 is not there",
    ),
    "a code that is none": (
        "subscriptions",
        "code,team,scope\nS 1,T1,W1\n",
        "subscription S 1: the code has not the right shape",
    ),
    "a name that is too long": (
        "teams",
        f"code,name,organisation\nT1,{'x' * 201},W1\n",
        "team T1: the name has not the right shape",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_files_with_a_fault_are_refused_as_a_whole(fault: str, tmp_path: Path, database: Database) -> None:
    file, text, sentence = FAULTS[fault]
    await load(tmp_path, database)

    result = await load(tmp_path, database, **{file: text})

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"Nothing was loaded. {sentence}\n"
    assert await column(database, "SELECT code FROM router.organisation ORDER BY code") == ["TRUST1", "W1"]
    assert len(await announced_types(database)) == 4
