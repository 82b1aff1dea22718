"""Guarantees must be able to break: each change of the table, made in a copy, turns the tests red that it names."""

import sys
from pathlib import Path

import pytest

from tests.mutations.changed_copy import ROOT, Mutation, copy_project, is_about_behaviour, mutations, run

MUTATIONS = mutations()


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_mutation_still_fits_the_code(mutation: Mutation) -> None:
    """Whoever moves code or a test moves the entry in `mutations.toml` with it, or it would check nothing."""
    places = {(change.file, change.old): change.places(ROOT) for change in mutation.changes}
    missing = [node for node in mutation.red if not _is_there(node)]

    assert places == dict.fromkeys(places, 1)
    assert missing == []


def _is_there(node: str) -> bool:
    file, _, test = node.partition("::")
    return (ROOT / file).exists() and f"def {test.partition('[')[0]}(" in (ROOT / file).read_text()


@pytest.mark.prove
@pytest.mark.timeout(600)
def test_without_a_change_all_these_tests_are_green(kafka: str, server: str, tmp_path: Path) -> None:
    named = sorted({node for mutation in MUTATIONS for node in mutation.red})

    verdict = run(copy_project(tmp_path), named, kafka, server, within=580)

    assert (verdict.code, dict(verdict.red), sorted(verdict.green)) == (0, {}, named), verdict.output


@pytest.mark.prove
@pytest.mark.timeout(300)
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_mutation_turns_its_tests_red(
    mutation: Mutation, kafka: str, server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy_project(tmp_path)
    for change in mutation.changes:
        change.apply(tmp_path)

    verdict = run(tmp_path, mutation.red, kafka, server, within=280)

    noticed = {node for node, message in verdict.red.items() if is_about_behaviour(message)}
    assert (verdict.code, noticed) == (1, set(mutation.red)), f"it survives: {mutation.sentence}\n{verdict.output}"
    with capsys.disabled():
        sys.stdout.write(f"\n{mutation.sentence}:\n" + "".join(f"    red: {node}\n" for node in mutation.red))
