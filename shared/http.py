"""HTTP: one FastAPI application per service, with the same health, limits, errors and log lines in all four."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Annotated, TypeVar
from uuid import UUID

from fastapi import APIRouter, Depends, FastAPI, Header, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import idempotency
from shared.database import Connection
from shared.idempotency import Answer
from shared.logs import log
from shared.pages.rendering import environment
from shared.pages.site import PLAIN, Site
from shared.pages.web import assets
from shared.problems import BUSY, RESPONSES, Problem, add_problem_handlers, answer, refuse, route_of
from shared.work import Home, Work, on_threads

MAX_BODY_BYTES = 512_000
T = TypeVar("T")


@dataclass(slots=True)
class Desk:
    """What endpoints work with: reads on a connection, and writes under the locks of threads."""

    home: Home
    ready: bool = False
    healthy: Callable[[], bool] = field(default=lambda: True)
    """False once consuming has stopped for a bad deploy: a roll-out that sees it goes no further."""

    async def read(self, load: Callable[[Connection], Awaitable[T]]) -> T:
        """Loads what belongs together: all statements of `load` see the same moment."""
        async with (
            self.home.database.connection() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            return await load(connection)

    async def on_thread(self, subject: str, do: Callable[[Work], Awaitable[T]]) -> T:
        """Loads, decides, saves and announces under the lock of one thread."""
        return await on_threads(self.home, {subject}, do)

    async def once(
        self,
        request: Request,
        key: str | None,
        subject: str,
        do: Callable[[Work], Awaitable[BaseModel]],
        status: int = 201,
    ) -> Response:
        """The same, at most once for each Idempotency-Key; a repeat gets the first answer again."""
        who = getattr(request.state, "subject", None) or request.headers.get("authorization", "")
        path = f"{request.method} {request.url.path}"
        body = who.encode() + b"\n" + await request.body()  # a key is its sender's own

        async def unless_answered(work: Work) -> Answer:
            before = await idempotency.answered_before(work.connection, key, path, body) if key else None
            if before is not None:
                return before
            model = await do(work)
            fresh = Answer(status, model.model_dump_json().encode(), subject)
            if key:
                await idempotency.keep(work.connection, key, path, body, fresh)
            return fresh

        kept = await self.on_thread(subject, unless_answered)
        if not kept.body:
            raise Problem(410, "erased", "What this key was used for has been erased.")
        return Response(kept.body, kept.status, media_type="application/json")


def desk_of(request: Request) -> Desk:
    """The application's desk."""
    desk: Desk = request.app.state.desk
    return desk


def bearer(request: Request) -> str:
    """The bearer token that was shown; 401 without one."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Problem(401, "sign_in", "Show a bearer token.", headers={"WWW-Authenticate": "Bearer"})
    return token


AtDesk = Annotated[Desk, Depends(desk_of)]
IdempotencyKey = Annotated[str | None, Header(alias="Idempotency-Key", pattern=r"^[A-Za-z0-9._:-]{1,128}$")]
After = Annotated[UUID | None, Query(description="The last id of the page before.")]
Limit = Annotated[int, Query(ge=1, le=200)]
health = APIRouter(tags=["health"])


class Noted(BaseModel):
    """The id of what was kept."""

    id: UUID


@health.get("/health/live")
async def live() -> dict[str, bool]:
    """The process turns; says nothing about other systems."""
    return {"live": True}


@health.get("/health/ready", responses={503: {"description": "It cannot serve yet, or consuming has stopped."}})
async def ready(desk: AtDesk) -> Response:
    """The process can serve."""
    can_serve = desk.ready and desk.healthy()
    return JSONResponse({"ready": can_serve}, 200 if can_serve else 503)


def make_app(desk: Desk, *routers: APIRouter, site: Site = PLAIN) -> FastAPI:
    """The service's application; until the desk is ready only health is answered, and what error pages look like."""
    app = FastAPI(
        title=f"Storyloop {desk.home.service}", version=desk.home.settings.version, docs_url=None, redoc_url=None
    )
    app.state.desk, app.state.site = desk, site
    environment(site.templates)  # a page that cannot be made ends the start, not a request
    for shared in (health, assets):
        app.include_router(shared)
    for router in routers:
        app.include_router(router, responses=RESPONSES)
    add_problem_handlers(app)
    app.add_middleware(Gate, desk=desk)
    return app


class Gate:
    """Around every request: not before the desk is ready, not more than the limit, headers, and one log line."""

    def __init__(self, app: ASGIApp, desk: Desk) -> None:
        self.app, self.desk = app, desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        scope["root_path"] = self.desk.home.settings.public_path
        started, status = time.perf_counter(), 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = _with_security(message["headers"])
            await send(message)

        try:
            app = self._refusal(Request(scope)) or self.app
            await app(scope, _limited(receive), send_with_headers)
        except Exception as error:
            if status:
                raise  # the answer has begun: the connection is all that can be ended
            await refuse(Request(scope), error)(scope, receive, send_with_headers)
        if not scope["path"].startswith("/health/"):
            log.info(
                "request.answered",
                method=scope["method"],
                route=route_of(Request(scope)),
                status=status,
                ms=round((time.perf_counter() - started) * 1000, 1),
            )
        return None

    def _refusal(self, request: Request) -> Response | None:
        path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
        length = request.headers.get("content-length", "0")
        if not self.desk.ready and not path.startswith(ALWAYS_THERE):
            return answer(request, Problem(503, "starting", "The service is starting.", headers=BUSY))
        if length.isdecimal() and int(length) > MAX_BODY_BYTES:
            return answer(request, Problem(413, "too_large", f"At most {MAX_BODY_BYTES} bytes."))
        return None


ALWAYS_THERE = ("/health/", "/assets/")
SECURITY_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"strict-transport-security", b"max-age=31536000"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
]
"""What every answer says, unless it says otherwise itself: pages and files have a policy or a life of their own."""

Headers = list[tuple[bytes, bytes]]


def _with_security(headers: Headers) -> Headers:
    said = {name.lower() for name, _ in headers}
    return [*headers, *(header for header in SECURITY_HEADERS if header[0] not in said)]


def _limited(receive: Receive) -> Receive:
    """A body that comes without its length is counted as it comes."""
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > MAX_BODY_BYTES:
            raise HTTPException(413)  # FastAPI lets only its own kind out of reading a body
        return message

    return counted
