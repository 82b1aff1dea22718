"""Logs: every name is in the catalogue, every line is JSON, and no line repeats what people wrote."""

import ast
import io
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from shared import logs
from shared.database import Database
from shared.log_names import CATALOGUE
from shared.logs import describe, log

WORDS = "a canary sang in the corridor"
ROOT = Path(__file__).parents[2]
LEVELS = {"debug", "info", "warning", "error", "critical", "exception", "log"}


def source_files() -> list[Path]:
    return [file for folder in ("shared", "services") for file in sorted((ROOT / folder).rglob("*.py"))]


def names_in(file: Path) -> Iterator[str]:
    """Names in calls of the log, and the constants and members from which a call takes its name."""
    tree = ast.parse(file.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in CATALOGUE:
            yield node.value
        if isinstance(node, ast.Call) and is_log_call(node):
            yield from (str(one.value) for one in node.args[:2] if isinstance(one, ast.Constant) and is_name(one.value))


def is_log_call(call: ast.Call) -> bool:
    """`log.info(…)`, and `say(…)`, which is one of the log's methods."""
    said = call.func
    if isinstance(said, ast.Attribute):
        return isinstance(said.value, ast.Name) and said.value.id == "log" and said.attr in LEVELS
    return isinstance(said, ast.Name) and said.id == "say"


def is_name(value: object) -> bool:
    """Ours have a dot; those of OWASP's vocabulary begin with its groups."""
    ours, owasps = r"[a-z_]+(\.[a-z_]+)+", r"(authn|authz|session|excess)_[a-z_]+"
    return isinstance(value, str) and re.fullmatch(f"{ours}|{owasps}", value) is not None


def test_every_name_that_is_logged_stands_in_the_catalogue_and_every_name_of_the_catalogue_is_logged() -> None:
    catalogue_itself = ROOT / "shared" / "log_names.py"
    used = {name for file in source_files() if file != catalogue_itself for name in names_in(file)}

    assert used - CATALOGUE.keys() == set()
    assert CATALOGUE.keys() - used == set()


def test_no_call_of_the_log_makes_its_name_up() -> None:
    made_up = [
        f"{file.relative_to(ROOT)}:{node.lineno}"
        for file in source_files()
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and is_log_call(node) and isinstance(node.args[0], ast.JoinedStr | ast.BinOp)
    ]

    assert made_up == []


def test_names_are_past_tense_facts_with_a_meaning() -> None:
    assert [name for name in CATALOGUE if not is_name(name)] == []
    assert [name for name, meaning in CATALOGUE.items() if not meaning.endswith(".")] == []


async def test_an_error_is_described_by_its_kind_state_and_place_and_never_by_its_words(responder: Database) -> None:
    async def refuse() -> BaseException:
        try:
            async with responder.connection() as connection:
                await connection.execute("SELECT $1::text::integer", WORDS)
        except Exception as error:
            return error
        raise AssertionError("Postgres took it")

    described = describe(await refuse())

    assert re.fullmatch(r"InvalidTextRepresentationError 22P02( in \w+:\d+)?", described)
    assert WORDS not in described


# --- what comes out -------------------------------------------------------------------------------


@pytest.fixture
def out() -> Iterator[io.TextIOWrapper]:
    """A process's log as bytes; afterwards logging is as it was."""
    handlers, level = logging.root.handlers[:], logging.root.level
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    logs.set_up("router", "1.2.3", to=stream)
    structlog.configure(cache_logger_on_first_use=False)
    yield stream
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


def lines(out: io.TextIOWrapper) -> list[dict[str, object]]:
    assert isinstance(out.buffer, io.BytesIO)
    return [json.loads(line) for line in out.buffer.getvalue().splitlines()]


def test_each_line_is_json_with_its_name_time_level_service_and_version(out: io.TextIOWrapper) -> None:
    log.info("relay.sent", lane="live", rows=3)
    log.error("records.lost", topic="storyloop.stories")

    first, second = lines(out)

    assert first.pop("time") is not None
    assert first == {
        "event": "relay.sent",
        "level": "info",
        "service": "router",
        "version": "1.2.3",
        "lane": "live",
        "rows": 3,
    }
    assert (second["event"], second["level"]) == ("records.lost", "error")


def test_an_error_in_a_line_loses_its_words(out: io.TextIOWrapper) -> None:
    log.warning("relay.failed", error=ValueError(WORDS))

    assert [line["error"] for line in lines(out)] == ["ValueError"]


def test_a_value_that_json_does_not_know_does_not_lose_the_line(out: io.TextIOWrapper) -> None:
    log.info("relay.sent", lane=object, rows=2**80)
    log.info("relay.sent", lane="\ud800")

    assert [line.get("rows") for line in lines(out)] == [2**80, None]


def test_a_librarys_line_keeps_only_its_template(out: io.TextIOWrapper) -> None:
    try:
        int(WORDS)
    except ValueError:
        logging.getLogger("aiokafka.consumer").exception("Could not read %s", WORDS)

    said = lines(out)[0]

    assert (said["event"], said["logger"], said["template"]) == (
        "library.said",
        "aiokafka.consumer",
        "Could not read %s",
    )
    assert WORDS not in str(said)
