"""Responder's API: a team's inbox, opening a story, replying, and *not ours*."""

from datetime import date, datetime
from pathlib import Path
from typing import Annotated
from uuid import UUID

from asyncpg import Record
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field, model_validator

from services.responder import rules, store
from services.responder.members_file_pages import file_pages
from services.responder.members_moves import moves
from services.responder.members_pages import for_people
from services.responder.members_web import member_pages
from services.responder.rules import Case
from shared.contracts import Code, Line, Text, one_of
from shared.database import Connection
from shared.events import Claim, ReplyPublished, RouteDeclined, StoryHeard, StoryPublished
from shared.http import After, AtDesk, IdempotencyKey, Limit, Noted
from shared.ids import new_id
from shared.pages.site import FOR_PROGRAMS, Offer, Site
from shared.problems import Problem
from shared.sign_in.current import allow, not_there, those_who
from shared.sign_in.principal import Principal
from shared.sign_in.rights import Action
from shared.sign_in.web import ways_in
from shared.sign_in.whose import listed, thing_of
from shared.work import Work

site = Site(
    "Team inboxes",
    "Shows teams the stories that reached them, and publishes what they answer.",
    (Offer("Members of your organisations", "/members", action=Action.KEEP_MEMBERS), FOR_PROGRAMS),
    Path(__file__).parent / "pages",
)
pages = APIRouter()
pages.include_router(ways_in)
for router in (member_pages, file_pages, for_people, moves):
    pages.include_router(router)
Reader = Annotated[Principal, those_who(Action.READ_INBOX)]
Opener = Annotated[Principal, those_who(Action.HEAR)]
Replier = Annotated[Principal, those_who(Action.REPLY)]


Day = Annotated[date, Field(ge=date(2000, 1, 1), le=date(2100, 12, 31))]
"""A day that people may mean; the calendar's last one has no morning after."""


class TeamView(BaseModel):
    """A team of the directory."""

    team: str
    name: str
    organisation: str


class InboxEntry(BaseModel):
    """One story that waits for a team, or was answered by it."""

    story: UUID
    title: str | None
    criticality: int | None
    evidence: str
    opened_at: datetime
    due_at: datetime
    heard_at: datetime | None
    answered_at: datetime | None
    declined_at: datetime | None


class StoryView(BaseModel):
    """A story as a team reads it."""

    story: StoryPublished
    evidence: str


class CommentView(BaseModel):
    """A short answer, for reading."""

    comment: UUID
    text: str | None
    answer: int | None
    given_on: date


class Opened(BaseModel):
    """Who opens a story: the role is shown, the person is not."""

    role: Line


class Declined(BaseModel):
    """*Not ours*, perhaps with a better service."""

    suggestion: Code | None = None


class ReplyWritten(BaseModel):
    """What a member of staff answers."""

    text: Text
    signed_name: Line
    signed_role: Line
    claim: Annotated[Claim, one_of(Claim, other=False)] = Claim.NONE
    explanation: Text | None = None
    due: Day | None = Field(default=None, description="By when a planned change is to be there.")

    @model_validator(mode="after")
    def _explained(self) -> "ReplyWritten":
        if not rules.claim_is_explained(self.claim, self.explanation):
            raise ValueError("a claim needs an explanation: what is planned or was made")
        return self


@pages.get("/teams", tags=["inbox"])
async def teams(
    who: Reader,
    desk: AtDesk,
    after: Annotated[Code | None, Query(description="The last team of the page before.")] = None,
    limit: Limit = 50,
) -> list[TeamView]:
    """The teams whose inbox is yours; ask again with the last one for the next page."""

    async def look(connection: Connection) -> list[Record]:
        return await store.teams(connection, await listed(connection, who, Action.READ_INBOX), after, limit)

    return [TeamView(**dict(row)) for row in await desk.read(look)]


@pages.get("/teams/{team}/stories", tags=["inbox"])
async def inbox(who: Reader, team: Code, desk: AtDesk, after: After = None, limit: Limit = 50) -> list[InboxEntry]:
    """A team's stories; ask again with the last id for the next page."""

    async def look(connection: Connection) -> list[Record]:
        await must_be_theirs(connection, who, Action.READ_INBOX, team, missing="no_such_team")
        return await store.inbox(connection, team, after, limit)

    return [InboxEntry(**dict(row)) for row in await desk.read(look)]


@pages.get("/teams/{team}/stories/{story}", tags=["inbox"])
async def read_story(who: Reader, team: Code, story: UUID, desk: AtDesk) -> StoryView:
    """The story itself; reading it here does not count as heard."""

    async def look(connection: Connection) -> Record | None:
        await must_be_theirs(connection, who, Action.READ_INBOX, team, missing=rules.NO_CASE)
        return await store.text(connection, story, team)

    row = await desk.read(look)
    if row is None:
        raise not_there(who, Action.READ_INBOX, missing=rules.NO_CASE)
    return StoryView(story=row["published"], evidence=row["evidence"])


@pages.post("/teams/{team}/stories/{story}/heard", tags=["inbox"])
async def hear_story(who: Opener, team: Code, story: UUID, opened: Opened, desk: AtDesk) -> Noted:
    """A member of staff has opened the story; the first time is announced."""

    async def hear(work: Work) -> Noted:
        case = await answerable(work, who, Action.HEAR, story, team)
        await mark_heard(work, case, opened.role)
        return Noted(id=story)

    return await desk.on_thread(f"story/{story}", hear)


@pages.post("/teams/{team}/stories/{story}/replies", tags=["inbox"], status_code=201, response_model=Noted)
async def reply(
    request: Request,
    who: Replier,
    team: Code,
    story: UUID,
    written: ReplyWritten,
    desk: AtDesk,
    key: IdempotencyKey = None,
) -> Response:
    """Publishes a reply, with what it claims about a change."""

    async def publish(work: Work) -> Noted:
        case = await answerable(work, who, Action.REPLY, story, team)
        published = ReplyPublished(
            story=story,
            reply=new_id(),
            team=team,
            team_name=case.team_name,
            organisation=case.organisation,
            **written.model_dump(),
        )
        await mark_heard(work, case, written.signed_role)
        await store.save_reply(work.connection, published)
        work.cancel(f"story/{story}", rules.OVERDUE, team)
        work.announce(published)
        return Noted(id=published.reply)

    return await desk.once(request, key, f"story/{story}", publish)


@pages.post("/teams/{team}/stories/{story}/declines", tags=["inbox"])
async def decline(who: Replier, team: Code, story: UUID, declined: Declined, desk: AtDesk) -> Noted:
    """The team says *not ours*; a suggestion brings the story to whoever listens there."""

    async def hand_back(work: Work) -> Noted:
        case = await answerable(work, who, Action.REPLY, story, team)
        await store.mark_declined(work.connection, case, declined.suggestion)
        work.cancel(f"story/{story}", rules.OVERDUE, team)
        work.announce(RouteDeclined(story=story, team=team, suggestion=declined.suggestion))
        return Noted(id=story)

    return await desk.on_thread(f"story/{story}", hand_back)


@pages.get("/services/{service}/comments", tags=["comments"])
async def comments(
    who: Reader, service: Code, desk: AtDesk, after: After = None, limit: Limit = 50
) -> list[CommentView]:
    """The reading list of a service."""

    async def look(connection: Connection) -> list[Record]:
        allow(who, Action.READ_INBOX, await thing_of(connection, service), missing="no_such_service")
        return await store.comments(connection, service, after, limit)

    return [CommentView(**dict(row)) for row in await desk.read(look)]


async def mark_heard(work: Work, case: Case, role: str) -> None:
    """Whoever opens a story, or answers it, has heard it; the first time is announced."""
    if await store.mark_heard(work.connection, case, role):
        work.announce(StoryHeard(story=case.story, team=case.team, team_name=case.team_name, role=role))


async def must_be_theirs(connection: Connection, who: Principal, action: Action, team: str, *, missing: str) -> None:
    """Raises the answer of what does not exist unless this team's inbox is theirs."""
    organisation = await store.organisation_of(connection, team)
    allow(who, action, await thing_of(connection, organisation, team), missing=missing)


async def answerable(work: Work, who: Principal, action: Action, story: UUID, team: str) -> Case:
    """The case, if it is theirs and the team may act on it now; a problem says why not."""
    await must_be_theirs(work.connection, who, action, team, missing=rules.NO_CASE)
    case = await store.case(work.connection, story, team)
    why_not = rules.why_not_answer(case)
    if case is None or why_not == rules.NO_CASE:
        raise not_there(who, action, missing=rules.NO_CASE)
    if why_not:
        raise Problem(409, why_not)
    return case
