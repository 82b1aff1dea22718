"""`python -m tests.contracts.samples`: writes a sample for each contract that has none yet."""

from datetime import UTC, date, datetime
from enum import Enum
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin
from uuid import UUID

import orjson
from pydantic import BaseModel

from shared.contracts import CONTRACTS, Event
from shared.events import Consent  # fills CONTRACTS, too
from tests.contracts.samples import FOLDER

OPTIONS = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z
BY_NAME: dict[str, Any] = {
    "consent": [Consent.SHOW_TO_STAFF],
    "happened": "2026-04",
    "language": "en",
    "email": "robin@example.org",
    "answer": 2,
    "criticality": 2,
    "subject_id": UUID("01900000-0000-7000-8000-000000000002"),
    "facts": [
        {"type": "uk.nhs.storyloop.story.withdrawn.v1", "data": {"story": "01900000-0000-7000-8000-000000000001"}}
    ],
    "about": "story/01900000-0000-7000-8000-000000000001",
    "listener": "tracker",
    "principal": "5d41402abc4b2a76b9719d911017c592",
    "due_at": datetime(2026, 5, 11, 10, tzinfo=UTC),
    "offered_on": "storyloop.submissions.surveys",
}
BY_KIND: dict[Any, Any] = {
    UUID: UUID("01900000-0000-7000-8000-000000000001"),
    datetime: datetime(2026, 5, 4, 10, tzinfo=UTC),
    date: date(2026, 5, 3),
    int: 1,
    bool: False,
    str: "X1",
}


def sample_of(contract: type[BaseModel]) -> dict[str, Any]:
    """An event with every field filled."""
    return {name: value_for(name, field.annotation) for name, field in contract.model_fields.items()}


def value_for(name: str, kind: Any) -> Any:
    """Something that a field can hold."""
    origin = get_origin(kind)
    if name in BY_NAME:
        return BY_NAME[name]
    if origin in {Annotated, Union, UnionType}:
        return value_for(name, get_args(kind)[0])
    if origin is not None:
        return [value_for("", get_args(kind)[0])]
    if issubclass(kind, Enum):
        return next(iter(kind))
    return sample_of(kind) if issubclass(kind, BaseModel) else BY_KIND[kind]


def write(type_: str, contract: type[Event]) -> None:
    """Writes the contract's sample, unless there is one."""
    file = FOLDER / f"{type_}.json"
    if not file.exists():
        contract.model_validate(sample_of(contract))
        file.write_bytes(orjson.dumps(sample_of(contract), option=OPTIONS))


if __name__ == "__main__":
    for each, its_contract in CONTRACTS.items():
        write(each, its_contract)
