"""How parked events look: tables for people, JSON for programs; nothing that a sender wrote reaches a terminal raw."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import orjson
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from shared.parked_rows import Content, Parked


def show_rows(rows: Sequence[Parked], as_json: bool) -> None:
    """One line for each row."""
    if as_json:
        return _print_json([asdict(row) for row in rows])
    if not rows:
        return typer.echo("Nothing matched.", err=True)
    table = Table("topic", "partition", "offset", "parked", "reason", "type", "subject", "mark")
    for row in rows:
        kind = (row.type or "–").removeprefix("uk.nhs.storyloop.")
        cells = (row.topic, row.partition, row.offset, _time(row.parked_at), row.reason, kind, row.subject, row.mark)
        table.add_row(*map(_cell, cells))
    return _console().print(table)


def show_contents(found: Sequence[tuple[Parked, Content]], reveal: bool, as_json: bool) -> None:
    """All of each row; key and value only if they are to be revealed."""
    if as_json:
        return _print_json([_as_data(row, content, reveal) for row, content in found])
    if not found:
        return typer.echo("Nothing matched.", err=True)
    for row, content in found:
        table = Table("field", "value", title="Parked event")
        for name, value in _as_data(row, content, reveal).items():
            if name != "headers":
                table.add_row(name, _cell(_words(value)))
        for name, value in content.headers:
            table.add_row(_cell(name), _cell(_words(_readable(value))))
        _console().print(table)
        if not reveal:
            typer.echo("Key and value are not shown: they may hold people's words. --reveal shows them.", err=True)
    return None


def _as_data(row: Parked, content: Content, reveal: bool) -> dict[str, Any]:
    headers = [[name, _readable(value)] for name, value in content.headers]
    told: dict[str, Any] = asdict(row) | {"headers": headers}
    return told | {"key": _readable(content.key), "value": _readable(content.value)} if reveal else told


def _readable(value: bytes | None) -> str | Mapping[str, str] | None:
    """Text where it is UTF-8, and otherwise {"base64": …}."""
    try:
        return value.decode() if value is not None else None
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value or b"").decode()}


def _words(value: Any) -> Any:
    if isinstance(value, Mapping):
        return f"base64 {value['base64']}"
    return _time(value) if isinstance(value, datetime) else value


def _time(moment: datetime) -> str:
    return moment.isoformat(sep=" ", timespec="seconds")


def _cell(value: object) -> Text:
    """Without markup and without control characters: a sender must not steer the terminal."""
    text = "–" if value is None else str(value)
    return Text("".join(one if one.isprintable() or one == "\n" else ascii(one)[1:-1] for one in text))


def _console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=200)


def _print_json(data: object) -> None:
    typer.echo(orjson.dumps(data, option=orjson.OPT_INDENT_2).decode())
