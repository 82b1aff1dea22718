"""A copy of the project with one guarantee taken out, and what its tests say to that."""

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parents[2]
COPIED = ("shared", "services", "deploy", "tests")
ABOUT_BEHAVIOUR = ("assert ", "AssertionError", "Failed: DID NOT RAISE")
"""How pytest begins to say that an expectation was not met; anything else may be a change that does not even run."""


@dataclass(frozen=True, slots=True)
class Change:
    """One place: whole lines that stand there exactly once, and what takes their place."""

    file: str
    old: str
    new: str

    def places(self, folder: Path) -> int:
        """How often the old lines stand in the file; once, or the change is out of date."""
        return (folder / self.file).read_text().count(self.old)

    def apply(self, folder: Path) -> None:
        """Makes the change; AssertionError if it is not clear where."""
        assert self.places(folder) == 1, f"not exactly once in {self.file}:\n{self.old}"
        path = folder / self.file
        path.write_text(path.read_text().replace(self.old, self.new))


@dataclass(frozen=True, slots=True)
class Mutation:
    """A guarantee taken out: what is then so, where, and the tests that must turn red."""

    name: str
    sentence: str
    changes: tuple[Change, ...]
    red: tuple[str, ...]


def mutations() -> list[Mutation]:
    """The table."""
    table = tomllib.loads((Path(__file__).parent / "mutations.toml").read_text())
    return [
        Mutation(
            one["name"],
            one["sentence"],
            tuple(Change(change["file"], change["old"], change["new"]) for change in one["change"]),
            tuple(one["red"]),
        )
        for one in table["mutation"]
    ]


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a run of tests ended."""

    code: int
    """pytest's exit code: 0 all green, 1 some red, more: the tests could not be run."""
    green: tuple[str, ...]
    red: Mapping[str, str]
    """What each test that failed says."""
    output: str


def copy_project(folder: Path) -> Path:
    """A fresh copy of what the tests need, in a folder of its own."""
    for name in COPIED:
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def run(folder: Path, tests: Sequence[str], kafka: str, postgres: str, within: float) -> Verdict:
    """Runs these tests in the copy, on a broker and a database server that are there already."""
    report = folder / "report.xml"
    words = ("-q", "--tb=short", "-p", "no:cacheprovider", f"--junit-xml={report}", "-o", "junit_family=xunit1")
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", *words, *tests],
        cwd=folder,
        env={**os.environ, "STORYLOOP_KAFKA": kafka, "STORYLOOP_POSTGRES": postgres, "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=within,
    )
    cases = list(ElementTree.parse(report).iter("testcase")) if report.exists() else []  # noqa: S314 - pytest's own
    red = {_name(case): failure.get("message", "") for case in cases for failure in case.iter("failure")}
    green = tuple(_name(case) for case in cases if len(case.findall("*")) == len(case.findall("system-out")))
    return Verdict(ended.returncode, green, red, ended.stdout)


def _name(case: ElementTree.Element) -> str:
    return f"{case.get('file')}::{case.get('name')}"


def is_about_behaviour(message: str) -> bool:
    """True if a test's failure says that an expectation was not met."""
    return message.startswith(ABOUT_BEHAVIOUR)
