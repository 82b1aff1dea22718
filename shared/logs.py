"""Logs: one JSON line per unit of work on stdout, pretty in a terminal; every name stands in `log_names`."""

import json
import logging
import re
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any, BinaryIO, TextIO

import orjson
import structlog

_QUIET = ("aiokafka", "faststream", "uvicorn", "asyncio", "httpx", "mail.log")
_MENDS_ITSELF = ("Group Coordinator Request failed", "Marking the coordinator dead")
"""aiokafka says these as errors and tries again: nobody needs to be woken."""
log = structlog.stdlib.get_logger()


def set_up(service: str, version: str, level: int = logging.INFO, to: TextIO | None = None) -> None:
    """Once, first thing in a process: `service` and `version` stand in every line from here on.

    Commands whose stdout is for programs log to stderr.
    """
    stream = to or sys.stdout
    structlog.configure(
        processors=[
            lambda _logger, _method, line: {"service": service, "version": version, **line},
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            _failure_without_words,
            *_ending(stream),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(stream) if stream.isatty() else lambda *_: _Lines(stream.buffer),
        cache_logger_on_first_use=True,
    )
    _take_over_libraries()


class _Lines:
    """Writes each line at once; those of a `together` block at its end, with one call of the system for hundreds."""

    held = False
    late: BinaryIO | None = None
    """Holds lines that wait."""

    def __init__(self, to: BinaryIO) -> None:
        self.to = to

    def msg(self, line: bytes) -> None:
        """Writes one line."""
        self.to.write(line + b"\n")
        if self.held:
            _Lines.late = self.to
        else:
            self.to.flush()

    debug = info = warning = error = critical = log = msg


@contextmanager
def together() -> Iterator[None]:
    """Holds this block's lines back until its end; nothing in it may wait for anything."""
    _Lines.held = True
    try:
        yield
    finally:
        late, _Lines.late, _Lines.held = _Lines.late, None, False
        if late is not None:
            late.flush()


def _ending(stream: TextIO) -> list[Any]:
    if stream.isatty():
        return [structlog.dev.ConsoleRenderer()]
    return [structlog.processors.JSONRenderer(serializer=_dumps)]


def _dumps(line: Any, **_: Any) -> bytes:
    try:
        return orjson.dumps(line, default=str)
    except TypeError:  # lone surrogates and numbers past 64 bits; no line may end the work it speaks of
        return json.dumps(line, default=str).encode()


def describe(error: BaseException) -> str:
    """An error without people's words: its kind, its SQLSTATE and where in our code it came up.

    Messages of databases and validators repeat values, so they are never logged.
    """
    state = getattr(error, "sqlstate", None)
    place, trace = "", error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if re.search(r"/(shared|services)/", code.co_filename):
            place = f" in {code.co_name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{type(error).__name__}{f' {state}' if state else ''}{place}"


def _failure_without_words(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    error = line.pop("error", None)
    if isinstance(error, BaseException):
        line["error"] = describe(error)
    elif error is not None:
        line["error"] = error
    return line


class _ToStructlog(logging.Handler):
    """Libraries' warnings in our shape; their arguments may hold people's words, so only the template is kept."""

    def emit(self, record: logging.LogRecord) -> None:
        template = record.msg if isinstance(record.msg, str) else type(record.msg).__name__
        failure = record.exc_info[1] if record.exc_info else None
        level = logging.INFO if template.startswith(_MENDS_ITSELF) else record.levelno
        log.log(level, "library.said", logger=record.name, template=template, error=failure)


def _take_over_libraries() -> None:
    logging.basicConfig(handlers=[_ToStructlog()], level=logging.WARNING, force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
        logging.getLogger(name).propagate = True
