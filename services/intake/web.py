"""Intake's API: sharing and following a story, moderation, and publishers' events over HTTP."""

import secrets
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from asyncpg import Record
from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel

from services.intake import rules, store, submissions
from services.intake.events_api import events
from services.intake.publishers_sign_in import sign_in
from services.intake.rules import State, Story
from shared.contracts import one_of
from shared.database import Connection
from shared.events import (
    Criticality,
    RejectionReason,
    StoryErased,
    StoryRejected,
    StoryTold,
    StoryWithdrawn,
    Verdict,
    VerdictGiven,
)
from shared.http import After, AtDesk, IdempotencyKey, Limit, Noted, bearer
from shared.ids import new_id, story_of
from shared.pages.site import FOR_PROGRAMS, Site
from shared.problems import Problem
from shared.sign_in.current import allow, not_there, those_who
from shared.sign_in.principal import Principal
from shared.sign_in.rights import Action
from shared.sign_in.web import ways_in
from shared.sign_in.whose import concerning, too_near
from shared.work import Work

site = Site(
    "Stories and comments",
    "Takes in what people tell about their care, and keeps it until a moderator has read it.",
    (FOR_PROGRAMS,),
)
pages = APIRouter()
pages.include_router(events)
pages.include_router(sign_in)
pages.include_router(ways_in)
Moderator = Annotated[Principal, those_who(Action.MODERATE)]


class Shared(BaseModel):
    """Where the author follows the story; only its hash is kept, or for a day what an Idempotency-Key was answered."""

    story: UUID
    link: str
    help: str = "This is not a helpline. In danger call 999; for other help now call 111."


class ProgressLine(BaseModel):
    """One thing that has happened."""

    kind: str
    target: str
    at: datetime
    detail: dict[str, Any]


class ErasedCopy(BaseModel):
    """Since when a service holds no text."""

    service: str
    erased_at: datetime


class MyStory(BaseModel):
    """What the author sees."""

    story: UUID
    state: State
    told: StoryTold | None
    progress: list[ProgressLine]
    erased: list[ErasedCopy]


class WaitingStory(BaseModel):
    """A story that waits for a moderator."""

    story: UUID
    publisher: str
    told: StoryTold


class Approval(BaseModel):
    """The moderator's assessment of the most negative statement; for staff only."""

    criticality: Criticality | None = None


class Rejection(BaseModel):
    """Why the story cannot be published."""

    reason: Annotated[RejectionReason, one_of(RejectionReason)]


class Judged(BaseModel):
    """Does the change match what the author meant?"""

    change: UUID
    verdict: Annotated[Verdict, one_of(Verdict, other=False)]


# --- the author -------------------------------------------------------------------------------------


@pages.post("/stories", tags=["share"], status_code=201, response_model=Shared)
async def share(request: Request, told: StoryTold, desk: AtDesk, key: IdempotencyKey = None) -> Response:
    """A person tells a story; a moderator reads it before anybody else can."""
    story = story_of("web", key) if key else new_id()
    link = secrets.token_urlsafe(32)

    async def keep(work: Work) -> Shared:
        if await store.story(work.connection, story):  # the key's answer is forgotten after a day, its story is not
            raise Problem(409, "idempotency_key_reused", "The key came before.")
        await store.save_story(work.connection, story, told, rules.fingerprint(told), rules.hash_of(link))
        submissions.accept(work, story, "web", told, trusted=False)
        return Shared(story=story, link=link)

    return await desk.once(request, key, f"story/{story}", keep)


async def story_of_link(request: Request, desk: AtDesk) -> UUID:
    """The story whose private link was shown, as a bearer token: a link in an address would be logged somewhere."""
    found = await desk.read(lambda connection: store.story_of_link(connection, rules.hash_of(bearer(request))))
    if found is None:
        raise Problem(404, "no_such_link")
    return found


Mine = Annotated[UUID, Depends(story_of_link)]


@pages.get("/my-story", tags=["follow"])
async def my_story(story: Mine, desk: AtDesk) -> MyStory:
    """What has happened to the author's story: only what is so, never a promise."""

    async def look(connection: Connection) -> tuple[Story | None, list[Record], list[Record]]:
        return (
            await store.story(connection, story),
            await store.progress(connection, story),
            await store.erasures(connection, story),
        )

    kept, lines, erased = await desk.read(look)
    if kept is None:
        raise Problem(404, "no_such_link")
    return MyStory(
        story=story,
        state=kept.state,
        told=kept.told,
        progress=[ProgressLine(**dict(one)) for one in lines],
        erased=[ErasedCopy(**dict(one)) for one in erased],
    )


@pages.post("/my-story/withdrawal", tags=["follow"])
async def withdraw(story: Mine, desk: AtDesk) -> Noted:
    """The author takes the story back; nobody is shown it any more."""

    async def take_back(work: Work) -> Noted:
        withdrawn = await store.withdraw(work.connection, [story])
        work.announce(*(StoryWithdrawn(story=one) for one in withdrawn))
        return Noted(id=story)

    return await desk.on_thread(f"story/{story}", take_back)


@pages.delete("/my-story", tags=["follow"])
async def erase(story: Mine, desk: AtDesk) -> Noted:
    """All that the author wrote is deleted everywhere; the link goes on showing which service has done so."""

    async def forget(work: Work) -> Noted:
        withdrawn = await store.withdraw(work.connection, [story])
        await store.forget_stories(work.connection, [story])
        await store.save_erasures(work.connection, [(story, "intake", work.now)])
        work.erase(f"story/{story}")
        work.announce(*(StoryWithdrawn(story=one) for one in withdrawn), StoryErased(story=story))
        return Noted(id=story)

    return await desk.on_thread(f"story/{story}", forget)


@pages.post("/my-story/verdicts", tags=["follow"])
async def give_verdict(story: Mine, judged: Judged, desk: AtDesk) -> Noted:
    """The author says whether a change is what they meant."""

    async def say(work: Work) -> Noted:
        lines = await store.progress(work.connection, story)
        if not rules.is_known_change(judged.change, [line["detail"] for line in lines]):
            raise Problem(404, "no_such_change")
        verdict = VerdictGiven(story=story, change=judged.change, verdict=judged.verdict)
        await store.save_verdict(work.connection, verdict)
        work.announce(verdict)
        return Noted(id=judged.change)

    return await desk.on_thread(f"story/{story}", say)


# --- moderators -------------------------------------------------------------------------------------


@pages.get("/moderation/stories", tags=["moderation"])
async def waiting(who: Moderator, desk: AtDesk, after: After = None, limit: Limit = 50) -> list[WaitingStory]:
    """Stories that wait and concern nothing of yours; ask again with the last id for the next page."""

    async def look(connection: Connection) -> list[Story]:
        return await store.waiting(connection, await too_near(connection, who), after, limit)

    found = await desk.read(look)
    return [WaitingStory(story=one.story, publisher=one.publisher, told=one.told) for one in found if one.told]


@pages.post("/moderation/stories/{story}/approval", tags=["moderation"])
async def approve(who: Moderator, story: UUID, approval: Approval, desk: AtDesk) -> Noted:
    """Publishes a story, to the public or to staff only, as its author chose."""

    async def publish(work: Work) -> Noted:
        told = await moderated(work, who, story)
        revision = await store.publish(work.connection, story, approval.criticality)
        work.announce(submissions.published(story, revision, told, approval.criticality))
        return Noted(id=story)

    return await desk.on_thread(f"story/{story}", publish)


@pages.post("/moderation/stories/{story}/rejection", tags=["moderation"])
async def reject(who: Moderator, story: UUID, rejection: Rejection, desk: AtDesk) -> Noted:
    """The story cannot be published; its author is offered another way."""

    async def refuse(work: Work) -> Noted:
        await moderated(work, who, story)
        await store.reject(work.connection, story, rejection.reason)
        work.announce(StoryRejected(story=story, reason=rejection.reason))
        return Noted(id=story)

    return await desk.on_thread(f"story/{story}", refuse)


async def moderated(work: Work, who: Principal, story: UUID) -> StoryTold:
    """What a waiting story says; a problem if it does not wait, or concerns an organisation of theirs."""
    found: Story | None = await store.story(work.connection, story)
    if found is not None and found.told is not None:
        thing = await concerning(work.connection, found.told.services, who)
        allow(who, Action.MODERATE, thing, missing="no_such_story")
    if found is None:
        raise not_there(who, Action.MODERATE, missing="no_such_story")
    why_not = rules.why_not_moderate(found.state)
    if found.told is None or why_not:
        raise Problem(409, why_not or "erased")
    return found.told
