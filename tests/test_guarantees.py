"""Every guarantee names the tests that prove it, and every test so named exists; what comes later is said."""

import ast
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
GUARANTEES: dict[str, dict[str, dict[str, Any]]] = tomllib.loads(
    (Path(__file__).parent / "guarantees.toml").read_text(encoding="utf-8")
)
INVARIANTS = [f"I{number}" for number in range(1, 19)]
FAULTS = """
    killed_after_poll killed_after_the_transaction killed_after_the_send killed_before_the_offset_commit
    killed_at_random stopped_under_load postgres_killed kafka_killed postgres_frozen kafka_frozen connections_reset
    connections_half_open commit_answer_lost disk_full pool_exhausted rebalance_storm zombie_consumer
    replay_from_zero repeats_at_the_source reordering_at_the_source retention_deletes_unread two_staff_at_once
    database_restored rolling_upgrade wrong_clock webhooks_that_fail mail_server_down
    not_json wrong_version missing_and_extra_fields nulls nul_and_lone_surrogates bodies_of_10_mb depth_of_10000
    huge_integers bad_utf8_in_headers null_headers null_value unknown_type unknown_publisher
    source_of_another_publisher html_and_scripts csv_formulas path_tricks oversized_and_mixed_forms
""".split()  # noqa: SIM905 - words read better than a column of quotes
ENTRIES = {f"{kind} {name}": entry for kind, named in GUARANTEES.items() for name, entry in named.items()}


@cache
def names_in(file: Path) -> frozenset[str]:
    """The names of the tests in a file, read and not imported."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = ast.parse(file.read_text(encoding="utf-8")).body
    return frozenset(node.name for node in nodes if isinstance(node, functions) and node.name.startswith("test_"))


@cache
def faults_of_chaos() -> frozenset[str]:
    """The names of the faults that a chaos run knows: first arguments of `Fault(…)`, and one for each named point."""
    found: set[str] = set()
    for file in sorted((ROOT / "tests" / "chaos").glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Name("Fault"), args=[ast.Constant(str(name)), *_]):
                    found.add(name)
                case ast.AnnAssign(target=ast.Name("POINTS"), value=ast.Dict(keys=keys)):
                    found |= {f"killed_{ast.literal_eval(key)}" for key in keys if key}
    return frozenset(found)


def known(name: str) -> bool:
    """True if `tests/…::test_…` names a test."""
    path, _, test = name.partition("::")
    file = ROOT / path
    return path.startswith("tests/") and file.is_file() and test in names_in(file)


def faults_of(entry: dict[str, Any]) -> list[str]:
    """What is wrong with an entry, in words."""
    wrong = [f"no test is called {name!r}" for name in entry.get("proved_by", ()) if not known(name)]
    wrong += [f"no fault of a chaos run is called {name!r}" for name in set(entry.get("chaos", ())) - faults_of_chaos()]
    if not str(entry.get("sentence", "")).strip():
        wrong.append("it has no sentence")
    if not entry.get("proved_by") and not entry.get("chaos") and not str(entry.get("later", "")).strip():
        wrong.append("nothing proves it, and nothing says when something will")
    return wrong + [f"{name} means nothing" for name in entry.keys() - {"sentence", "proved_by", "chaos", "later"}]


def test_each_invariant_and_each_fault_has_its_entry_and_nothing_else_has_one() -> None:
    assert GUARANTEES.keys() == {"invariant", "fault"}
    assert sorted(GUARANTEES["invariant"]) == sorted(INVARIANTS)
    assert sorted(GUARANTEES["fault"]) == sorted(FAULTS)


@pytest.mark.parametrize("entry", ENTRIES)
def test_an_entry_names_tests_that_are_there(entry: str) -> None:
    assert faults_of(ENTRIES[entry]) == []


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"sentence": "x", "proved_by": []}, "nothing proves it, and nothing says when something will"),
        ({"sentence": "x", "proved_by": [""]}, "no test is called ''"),
        ({"sentence": "x", "later": " "}, "nothing proves it, and nothing says when something will"),
        ({"sentence": "", "later": "pages"}, "it has no sentence"),
        ({"sentence": "x", "chaos": ["hail"]}, "no fault of a chaos run is called 'hail'"),
        ({"sentence": "x", "later": "pages", "proven_by": ["y"]}, "proven_by means nothing"),
        (
            {"sentence": "x", "proved_by": ["tests/test_guarantees.py::test_of_nothing"]},
            "no test is called 'tests/test_guarantees.py::test_of_nothing'",
        ),
        ({"sentence": "x", "proved_by": ["tests/nowhere.py::test_x"]}, "no test is called 'tests/nowhere.py::test_x'"),
    ],
)
def test_an_empty_or_unknown_name_is_noticed(entry: dict[str, Any], said: str) -> None:
    assert faults_of(entry) == [said]


def test_what_is_later_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    later = {name: entry["later"] for name, entry in ENTRIES.items() if "later" in entry}
    alone = {name: " ".join(entry["chaos"]) for name, entry in ENTRIES.items() if not {"proved_by", "later"} & {*entry}}

    with capsys.disabled():
        print("".join(f"\nlater: {name}: {what}" for name, what in later.items()))  # noqa: T201 - meant to be seen
        print("".join(f"\nby make chaos alone: {name}: {what}" for name, what in alone.items()))  # noqa: T201

    assert all(what.strip() for what in later.values())
