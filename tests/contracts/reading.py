"""Reads the services' own source: what their docstrings promise, and what their code says."""

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from shared import events
from shared.contracts import CONTRACTS, PREFIX, Event
from shared.events import CommentOffered, ReplayEnded, StoryOffered, StoryRecalled, SubjectRestated
from shared.work import hearings
from tests.contracts.samples import FOLDER

ROOT = Path(__file__).parents[2]
SERVICES = ("intake", "router", "responder", "tracker")
SUBMISSIONS = {StoryOffered, StoryRecalled, CommentOffered}
"""Publishers offer these; no service announces them."""
OF_ALL = {SubjectRestated, ReplayEnded}
"""`shared` says these for every service that restates its state."""
NAMED = {name: kind for name, kind in vars(events).items() if isinstance(kind, type) and kind in CONTRACTS.values()}


def short(contract: type[Event]) -> str:
    """`story.offered` for `uk.nhs.storyloop.story.offered.v1`."""
    return contract.type.removeprefix(PREFIX).rpartition(".v")[0]


def promised(service: str, word: str) -> set[str]:
    """What a service's docstring says after Hears, Announces or Owns."""
    docstring = importlib.import_module(f"services.{service}").__doc__ or ""
    (part,) = re.findall(rf"^{word} +(.*?)(?=^\w|\Z)", docstring, re.MULTILINE | re.DOTALL)
    return {one.strip() for one in re.split("[,;]", part.removeprefix(f"schema {service}: "))}


def sample(contract: type[Event]) -> dict[str, Any]:
    """The contract's sample as it was first told."""
    said: dict[str, Any] = orjson.loads((FOLDER / f"{contract.type}.json").read_bytes())
    return said


def heard(service: str) -> set[type[Event]]:
    """The contracts that a service has a handler for."""
    modules = ["handlers", "submissions"] if service == "intake" else ["handlers"]
    found = [hearings(importlib.import_module(f"services.{service}.{module}")) for module in modules]
    return {contract for handlers in found for contract in handlers}


def announced(service: str) -> set[type[Event]]:
    """The contracts that a service's code makes: called, validated into, or chosen from a table."""
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in sorted((ROOT / "services" / service).glob("*.py"))]
    found = {NAMED[name] for tree in trees for name in _made(tree) if name in NAMED}
    return found - SUBMISSIONS - OF_ALL


def _made(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            maker = node.func
            if isinstance(maker, ast.Attribute) and maker.attr in {"model_validate", "model_construct"}:
                maker = maker.value
            yield from _name(maker)
        if isinstance(node, ast.Dict):
            for value in node.values:
                yield from _name(value)


def _name(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Name):
        yield node.id


def sql_of(service: str) -> str:
    """Every string of a service's stores that is a statement."""
    files = [file for file in (ROOT / "services" / service).rglob("*.py") if file.name.startswith("store")]
    nodes = [node for file in files for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))]
    texts = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return "\n".join(text for text in texts if re.search(r"\b(SELECT|INSERT|UPDATE|DELETE|FROM|JOIN)\b", text))


def tables_of(service: str) -> set[str]:
    """The tables that a service's migrations make."""
    texts = [file.read_text(encoding="utf-8") for file in (ROOT / "services" / service / "migrations").glob("*.sql")]
    return set(re.findall(rf"^CREATE TABLE {service}\.(\w+)", "\n".join(texts), re.MULTILINE))
