"""Errors over HTTP: a page for people, problem+json (RFC 9457) for programs; never with what the sender wrote."""

import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from jinja2 import TemplateError
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from shared.database import is_temporary
from shared.hearing import place_of, sentence_of
from shared.idempotency import KeyReused
from shared.logs import log
from shared.pages.errors import problem_page


class FieldProblem(BaseModel):
    """One fault of a request."""

    field: str
    problem: str


class ProblemDetails(BaseModel):
    """What every error answer looks like."""

    type: str = "about:blank"
    title: str
    status: int
    reason: str
    detail: str | None = None
    reference: str | None = None
    """Of a mistake of ours: the same stands in the log."""
    errors: list[FieldProblem] = []


class Problem(Exception):
    """Ends a request with this answer; `reason` is a code that programs can rely on."""

    def __init__(
        self,
        status: int,
        reason: str,
        detail: str | None = None,
        *,
        errors: list[FieldProblem] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(reason)
        self.details = ProblemDetails(
            title=HTTPStatus(status).phrase,
            status=status,
            reason=reason,
            detail=detail,
            reference=secrets.token_hex(4) if status == HTTPStatus.INTERNAL_SERVER_ERROR else None,
            errors=errors or [],
        )
        self.headers = dict(headers or {})


def answer(request: Request, problem: Problem) -> Response:
    """The problem as a response: a page for who would rather have one, JSON for everybody else."""
    if prefers_page(",".join(request.headers.getlist("accept"))):
        with suppress(TemplateError):  # what is wrong may be the frame that all pages have
            return problem_page(request, problem)
    body = orjson.dumps(problem.details.model_dump(exclude_none=True))
    return Response(body, problem.details.status, problem.headers, media_type="application/problem+json")


def prefers_page(accept: str) -> bool:
    """True for browsers, which name HTML before all else; who names JSON too, or nothing, is a program."""
    weights: dict[str, float] = {}
    for part in accept.lower().split(","):
        kind, _, parameters = part.partition(";")
        weights[kind.strip()] = _weight(parameters)
    page = max(weights.get("text/html", 0.0), weights.get("application/xhtml+xml", 0.0))
    return page > max((weights.get(kind, 0.0) for kind in _FOR_PROGRAMS), default=0.0)


_FOR_PROGRAMS = ("application/json", "application/problem+json", "application/*")


def _weight(parameters: str) -> float:
    said = re.search(r"(?:^|;)\s*q=(\d(?:\.\d{1,3})?)\s*(?:;|$)", parameters)
    return float(said[1]) if said else 1.0


BUSY = {"Retry-After": "2"}
RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {
        "model": ProblemDetails,
        "description": HTTPStatus(status).phrase,
        "content": {"application/problem+json": {}},
    }
    for status in (400, 401, 403, 404, 409, 410, 413, 415, 422, 429, 503)
}
"""What every endpoint documents beside its own answers."""


_CODES = {413: "too_large"}
"""Where one of our own reasons says it already."""


def translate(error: Exception) -> Problem:
    """The problem that an error is to the one who asked."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, KeyReused):
        return Problem(409, "idempotency_key_reused", "The key came before with another body.")
    if isinstance(error, RequestValidationError):
        faults = [
            FieldProblem(field=place_of(fault["loc"][1:]), problem=sentence_of(fault)) for fault in error.errors()[:50]
        ]
        return Problem(422, "invalid", "Some fields are missing or wrong.", errors=faults)
    if isinstance(error, HTTPException):
        reason = HTTPStatus(error.status_code).phrase.lower().replace(" ", "_")
        return Problem(error.status_code, _CODES.get(error.status_code, reason), headers=error.headers)
    if is_temporary(error):
        return Problem(503, "try_again", "Something that is needed is away; nothing was taken.", headers=BUSY)
    return Problem(500, "our_fault", "This is our mistake; nothing was taken.")


def refuse(request: Request, error: Exception) -> Response:
    """The answer to a request that ended in this error, and one line that says so."""
    problem = translate(error)
    ours = problem.details.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    say = log.error if ours else log.info
    say(
        "request.failed" if ours else "request.refused",
        reason=problem.details.reason,
        status=problem.details.status,
        method=request.method,
        route=route_of(request),
        error=error if ours else None,
        **({"reference": problem.details.reference} if ours else {}),
    )
    return answer(request, problem)


def add_problem_handlers(app: FastAPI) -> None:
    """Every error leaves as a problem; what is not named here is caught by the gate around the application.

    Starlette would answer it outside the gate, without the gate's headers, and raise it again.
    """

    async def handle(request: Request, error: Exception) -> Response:
        return refuse(request, error)

    for kind in (Problem, KeyReused, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, handle)


def route_of(request: Request) -> str:
    """The path's pattern, so that no id or token of the address is logged."""
    route = request.scope.get("route")
    return getattr(route, "path", "unknown")
