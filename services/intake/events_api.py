"""`POST /events`: publishers' CloudEvents over HTTP, one or a batch, with an answer for each.

An event takes the same way as one from the publisher's topic, except that a refused one is answered, not parked.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel
from pydantic_core import from_json, to_json

from services.intake import rules, store
from services.intake.rules import Publisher
from services.intake.submissions import STREAMS
from shared import topics
from shared.cloudevents import STRUCTURED, Headers
from shared.database import is_temporary
from shared.entrance import HANDLER_FAILED, Entrance
from shared.events import CommentOffered, ReceiptGiven
from shared.hearing import Arrival, Outcome
from shared.http import AtDesk, Desk, bearer
from shared.problems import FieldProblem, Problem
from shared.work import Work, on_threads

events = APIRouter(tags=["publish"])
BATCH = "application/cloudevents-batch+json"
MOST = 100
FAILED = "failed"
"""A mistake of ours: nothing was taken, and the same event can be sent again."""


class EventAnswer(BaseModel):
    """What became of one event."""

    id: str | None
    outcome: str
    reason: str | None = None
    subject_id: UUID | None = None
    errors: list[FieldProblem] = []


@dataclass(frozen=True, slots=True)
class Posted:
    """An event that came over HTTP, in the shape of a Kafka record."""

    topic: str
    value: bytes | None
    partition: int = 0
    offset: int = 0
    timestamp: int = 0
    key: bytes | None = None
    headers: Headers = (("content-type", STRUCTURED.encode()),)


async def publisher(request: Request, desk: AtDesk) -> Publisher:
    """The publisher whose token was shown."""
    found = await desk.read(lambda connection: store.publisher_by_token(connection, rules.hash_of(bearer(request))))
    if found is None:
        raise Problem(401, "unknown_publisher", headers={"WWW-Authenticate": "Bearer"})
    return found


@events.post(
    "/events",
    status_code=202,
    response_model=EventAnswer | list[EventAnswer],
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                STRUCTURED: {"schema": {"type": "object"}},
                BATCH: {"schema": {"type": "array", "items": {"type": "object"}, "maxItems": MOST}},
            },
        }
    },
)
async def post_events(request: Request, who: Annotated[Publisher, Depends(publisher)], desk: AtDesk) -> Response:
    """Takes one event, or a batch: 202 and an answer for each; one alone that is refused gets 422, or 409 if reused."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type not in {STRUCTURED, BATCH}:
        raise Problem(415, "not_a_cloudevent", f"Send {STRUCTURED} or {BATCH}.")
    body = await request.body()
    if content_type == BATCH:
        answers = [await take_or_say(desk, who, to_json(event)) for event in _batch(body)]
        return _response([answer.model_dump(mode="json") for answer in answers], 202)
    answer = await take(desk, who, body)
    if answer.outcome == FAILED:
        raise Problem(500, "our_fault", "This is our mistake; nothing was taken.")
    if answer.outcome == "refused":
        status = 409 if answer.reason in {"event_id_reused", "reference_reused"} else 422
        raise Problem(status, answer.reason or "refused", errors=answer.errors)
    return _response(answer.model_dump(mode="json"), 202)


def _batch(body: bytes) -> list[Any]:
    try:
        found = from_json(body)
    except ValueError as error:
        raise Problem(400, "not_json") from error
    if not isinstance(found, list) or len(found) > MOST:
        raise Problem(422, "not_a_batch", f"A batch is a JSON array of at most {MOST} events.")
    return found


def _response(content: Any, status: int) -> Response:
    return Response(to_json(content), status, media_type="application/json")


async def take_or_say(desk: Desk, who: Publisher, body: bytes) -> EventAnswer:
    """The same for one of a batch: what needs to be sent again says so, and the others keep their answers."""
    try:
        return await take(desk, who, body)
    except Exception as error:
        if not is_temporary(error):
            raise
        return EventAnswer(id=None, outcome=FAILED, reason="try_again")


async def take(desk: Desk, who: Publisher, body: bytes) -> EventAnswer:
    """One event through the same entrance as those from Kafka, in a transaction of its own."""
    prefix, stream = _LANES.get(_type_of(body), _LANES[None])
    entrance = Entrance(desk.home, stream)
    arrival = entrance.arrive(Posted(prefix + who.name, body))

    async def handle(work: Work) -> EventAnswer:
        work.lane = stream.lane
        entrance.decide(arrival, work)
        await entrance.work_off([arrival], work)
        return _answer(arrival, work)

    started = time.perf_counter()
    answer = await on_threads(desk.home, {arrival.subject} if arrival.subject else (), handle)
    entrance.say([arrival], time.perf_counter() - started)
    return answer


_LANES: Mapping[str | None, tuple[str, Any]] = {
    None: (topics.SUBMISSIONS, STREAMS[0]),
    CommentOffered.type: (topics.COMMENT_SUBMISSIONS, STREAMS[1]),
}


def _type_of(body: bytes) -> str | None:
    try:
        event = from_json(body)
    except ValueError:
        return None
    return str(event.get("type")) if isinstance(event, dict) else None


def _answer(arrival: Arrival, work: Work) -> EventAnswer:
    event_id = arrival.envelope.id if arrival.envelope else None
    if arrival.reason == HANDLER_FAILED:
        return EventAnswer(id=event_id, outcome=FAILED, reason="our_fault")
    if arrival.outcome is Outcome.PARKED:
        detail = [FieldProblem(field=where, problem=what) for where, what in arrival.errors]
        if arrival.detail and not detail:
            detail = [FieldProblem(field="event", problem=arrival.detail)]
        return EventAnswer(id=event_id, outcome="refused", reason=arrival.reason, errors=detail)
    receipt = next(one.event for one in work.announcements if isinstance(one.event, ReceiptGiven))
    return EventAnswer(id=event_id, outcome=receipt.outcome, subject_id=receipt.subject_id)
