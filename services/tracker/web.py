"""Tracker's API: a story's way round the loop, and the changes that it led to."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from asyncpg import Record
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from services.tracker import rules, store, store_readers
from services.tracker.rules import State
from shared.contracts import Code, Text
from shared.database import Connection
from shared.http import After, AtDesk, IdempotencyKey, Limit, Noted
from shared.pages.site import FOR_PROGRAMS, Site
from shared.problems import Problem
from shared.sign_in.current import allow, not_there, those_who
from shared.sign_in.principal import Principal
from shared.sign_in.rights import Action
from shared.sign_in.web import ways_in
from shared.sign_in.whose import listed, thing_of, things_of
from shared.work import Work

site = Site(
    "What changed",
    "Records what changed because of a story, and whether that is what its author meant.",
    (FOR_PROGRAMS,),
)
pages = APIRouter()
pages.include_router(ways_in)
Looker = Annotated[Principal, those_who(Action.READ_TIMELINE)]
Maker = Annotated[Principal, those_who(Action.MAKE_CHANGES)]


class EntryView(BaseModel):
    """One thing that happened."""

    kind: str
    target: str
    at: datetime
    recorded_at: datetime
    detail: dict[str, Any]


class ChangeView(BaseModel):
    """A change and where it stands."""

    change: UUID
    story: UUID
    team: str
    state: State
    what: str
    due: date | None
    claimed_at: datetime
    made_at: datetime | None


class TimelineView(BaseModel):
    """A story's way so far."""

    story: UUID
    entries: list[EntryView]
    changes: list[ChangeView]


class CommentCount(BaseModel):
    """How many comments gave an answer; a count of comments is not a prevalence."""

    answer: int | None
    comments: int


class Made(BaseModel):
    """What was made, in the words of those who made it."""

    what: Text


@pages.get("/stories/{story}", tags=["timeline"])
async def timeline(who: Looker, story: UUID, desk: AtDesk) -> TimelineView:
    """Everything that happened to a story, in order of time."""

    async def look(connection: Connection) -> tuple[list[Record], list[Record]]:
        theirs = await things_of(connection, await store_readers.owners_of(connection, story))
        allow(who, Action.READ_TIMELINE, *theirs, missing="no_such_story")
        return await store.timeline(connection, story), await store.changes_of(connection, story)

    lines, found = await desk.read(look)
    if not lines:
        raise not_there(who, Action.READ_TIMELINE, missing="no_such_story")
    return TimelineView(
        story=story,
        entries=[EntryView(**dict(line)) for line in lines],
        changes=[ChangeView(**dict(row)) for row in found],
    )


@pages.get("/changes", tags=["changes"])
async def changes(
    who: Looker, desk: AtDesk, state: State | None = None, after: After = None, limit: Limit = 50
) -> list[ChangeView]:
    """Changes of yours, perhaps in one state only; ask again with the last id for the next page."""

    async def look(connection: Connection) -> list[Record]:
        theirs = await listed(connection, who, Action.READ_TIMELINE)
        return await store_readers.changes_for(connection, theirs, state, after, limit)

    return [ChangeView(**dict(row)) for row in await desk.read(look)]


@pages.post("/stories/{story}/changes/{change}/made", tags=["changes"], response_model=Noted)
async def make_change(
    request: Request, who: Maker, story: UUID, change: UUID, made: Made, desk: AtDesk, key: IdempotencyKey = None
) -> Response:
    """A planned change is there."""

    async def make(work: Work) -> Noted:
        found = (await store.changes(work.connection, [change])).get(change)
        if found is None or found.story != story:
            raise not_there(who, Action.MAKE_CHANGES, missing="no_such_change")
        owner = await store_readers.organisation_of(work.connection, story, found.team)
        thing = await thing_of(work.connection, owner, found.team)
        allow(who, Action.MAKE_CHANGES, thing, missing="no_such_change")
        if not rules.can_be_made(found):
            raise Problem(409, "already_made")
        moved = rules.made(found, made.what)
        await store.save_changes(work.connection, [moved])
        work.cancel(f"story/{story}", rules.MISSED, str(change))
        work.announce(rules.announcement(moved))
        return Noted(id=change)

    return await desk.once(request, key, f"story/{story}", make, status=200)


@pages.get("/services/{service}/comments", tags=["comments"])
async def comment_counts(who: Looker, service: Code, desk: AtDesk) -> list[CommentCount]:
    """How many comments a service has had, by answer."""

    async def look(connection: Connection) -> list[Record]:
        allow(who, Action.READ_TIMELINE, await thing_of(connection, service), missing="no_such_service")
        return await store.comment_counts(connection, service)

    return [CommentCount(**dict(row)) for row in await desk.read(look)]
