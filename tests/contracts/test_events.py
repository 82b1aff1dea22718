"""Every contract: how it is called, and that readers take what they do not know and what is old."""

import re
from enum import Enum

import orjson
import pytest
from pydantic import ValidationError

from shared import events
from shared.contracts import CONTRACTS, Event, OpenEnum
from tests.contracts.reading import SUBMISSIONS, sample
from tests.contracts.samples import FOLDER

SHAPE = re.compile(r"^uk\.nhs\.storyloop\.[a-z]+\.[a-z]+\.v[1-9][0-9]*$")
BANNED = {"completed", "finished", "updated", "changed", "processed", "handled", "status", "started", "failed"}
TYPES = sorted(CONTRACTS)
OPEN_ENUMS = OpenEnum.__subclasses__()


@pytest.mark.parametrize("type_", TYPES)
def test_a_type_is_a_noun_and_what_happened_to_it(type_: str) -> None:
    assert SHAPE.match(type_)
    assert BANNED.isdisjoint(type_.split("."))


def test_every_contract_has_its_sample_and_no_sample_is_of_nothing() -> None:
    assert sorted(file.stem for file in FOLDER.glob("*.json")) == TYPES


@pytest.mark.parametrize("type_", TYPES)
def test_the_old_sample_still_parses_and_keeps_all_that_it_said(type_: str) -> None:
    event = CONTRACTS[type_].model_validate_json(orjson.dumps(sample(CONTRACTS[type_])))

    said = orjson.loads(event.model_dump_json())
    assert {name: said[name] for name in sample(CONTRACTS[type_])} == sample(CONTRACTS[type_])


@pytest.mark.parametrize("type_", TYPES)
def test_readers_ignore_fields_that_they_do_not_know(type_: str) -> None:
    more = sample(CONTRACTS[type_]) | {"a_field_of_tomorrow": {"deep": [1, 2, 3]}}

    assert CONTRACTS[type_].model_validate_json(orjson.dumps(more)) == CONTRACTS[type_].model_validate(
        sample(CONTRACTS[type_])
    )


@pytest.mark.parametrize("type_", TYPES)
def test_an_event_is_frozen_and_kept_under_its_own_type(type_: str) -> None:
    contract = CONTRACTS[type_]

    assert contract.type == type_
    assert contract.model_config["frozen"]


def enum_fields(*, offered: bool) -> list[tuple[str, str]]:
    """(type, field) of every field that holds one value of an open list: of submissions, or of our own facts."""
    return [
        (type_, name)
        for type_, contract in sorted(CONTRACTS.items())
        for name, field in contract.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, OpenEnum)
        if (contract in SUBMISSIONS) is offered
    ]


@pytest.mark.parametrize(("type_", "field"), enum_fields(offered=False))
def test_readers_take_values_that_they_do_not_know_as_other(type_: str, field: str) -> None:
    event = CONTRACTS[type_].model_validate_json(
        orjson.dumps(sample(CONTRACTS[type_]) | {field: "a_value_of_tomorrow"})
    )

    assert getattr(event, field) == "other"


@pytest.mark.parametrize(("type_", "field"), enum_fields(offered=True))
def test_publishers_are_held_to_the_lists(type_: str, field: str) -> None:
    with pytest.raises(ValidationError, match="must be one of"):
        CONTRACTS[type_].model_validate_json(orjson.dumps(sample(CONTRACTS[type_]) | {field: "a_value_of_tomorrow"}))


@pytest.mark.parametrize("kind", OPEN_ENUMS, ids=lambda kind: kind.__name__)
def test_every_open_list_has_a_place_for_what_is_new(kind: type[Enum]) -> None:
    assert kind("a value of tomorrow").name == "OTHER"


def test_a_new_field_of_a_contract_has_a_default_or_was_there_from_the_beginning() -> None:
    required = {
        (type_, name)
        for type_, contract in CONTRACTS.items()
        for name, field in contract.model_fields.items()
        if field.is_required()
    }

    assert {(type_, name) for type_, name in required if name not in sample(CONTRACTS[type_])} == set()


def test_contracts_with_peoples_words_are_marked_as_personal() -> None:
    """A text that is not marked would go on after its story was erased."""
    with_words = {
        type_
        for type_, contract in CONTRACTS.items()
        if {"text", "what", "explanation", "email", "facts"} & contract.model_fields.keys()
    }

    assert with_words == {type_ for type_, contract in CONTRACTS.items() if contract.personal}


def test_only_one_contract_erases() -> None:
    assert [contract for contract in CONTRACTS.values() if contract.erases] == [events.StoryErased]
    assert issubclass(events.StoryErased, Event)
