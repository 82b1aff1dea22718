"""What responder does when it hears of a story, and when a clock runs out."""

from collections.abc import Sequence
from uuid import UUID

from services.responder import members, rules, store, store_members
from services.responder.keeping import say_staffing
from services.responder.rules import Case
from services.responder.settings import settings_of
from shared import organisations
from shared.events import (
    CommentReceived,
    CopyErased,
    OrganisationClosed,
    OrganisationListed,
    ReplyOverdue,
    StoryErased,
    StoryPublished,
    StoryRouted,
    StoryWithdrawn,
    TeamClosed,
    TeamListed,
)
from shared.ids import uuid_of
from shared.timers import Timer
from shared.work import Work, due, hears


@hears(StoryPublished)
async def keep_stories(stories: Sequence[StoryPublished], work: Work) -> None:
    """Staff of routed teams can read the story; cases that waited for it open."""
    newest = await store.keep_newest(work.connection, "published", stories)
    await store.save_texts(work.connection, newest)
    await open_cases(work, [story.story for story in newest])


@hears(StoryRouted)
async def add_cases(routed: Sequence[StoryRouted], work: Work) -> None:
    """One case for each story and team; it opens when the story itself is here."""
    await store.add_cases(work.connection, routed)
    await open_cases(work, [one.story for one in routed])


async def open_cases(work: Work, stories: Sequence[UUID]) -> None:
    """Opens what is both routed and published, and starts its clock."""
    due_at = rules.due_at(work.now, settings_of(work).reply_within)
    opened = await store.open_cases(work.connection, stories, due_at)
    work.remind(
        *(Timer(f"story/{case.story}", rules.OVERDUE, case.due_at, case.team) for case in opened if case.due_at)
    )


@hears(StoryWithdrawn)
async def close_cases(stories: Sequence[StoryWithdrawn], work: Work) -> None:
    """Staff no longer see a withdrawn story, and nobody owes it an answer."""
    newest = await store.keep_newest(work.connection, "withdrawn", stories)
    await store.delete_texts(work.connection, [story.story for story in newest])
    await store.close_cases(work.connection, [story.story for story in newest])


@hears(StoryErased)
async def forget_stories(erased: Sequence[StoryErased], work: Work) -> None:
    """Text, cases and replies go."""
    await store.forget_stories(work.connection, [story.story for story in erased])
    work.announce(*(CopyErased(story=story.story) for story in erased))


@hears(CommentReceived)
async def keep_comments(comments: Sequence[CommentReceived], work: Work) -> None:
    """Comments are a reading list: no case, no clock."""
    await store.save_comments(work.connection, comments)


@hears(TeamListed)
async def keep_teams(teams: Sequence[TeamListed], work: Work) -> None:
    """A copy of what the directory says of teams; one that moves to another organisation leaves its people behind."""
    before = await store_members.staffed(work.connection, [team.team for team in teams])
    await store.save_teams(work.connection, teams)
    await say_staffing(work, [team.team for team in teams], before)


@hears(TeamClosed)
async def close_teams(teams: Sequence[TeamClosed], work: Work) -> None:
    """A team that is gone is kept with the number of that fact, so that an older one does not bring it back."""
    before = await store_members.staffed(work.connection, [team.team for team in teams])
    await store.close_teams(work.connection, teams)
    await say_staffing(work, [team.team for team in teams], before)


@hears(OrganisationListed)
async def keep_organisations(listed: Sequence[OrganisationListed], work: Work) -> None:
    """A copy of who stands above whom, for rights."""
    await organisations.keep(work.connection, listed)


@hears(OrganisationClosed)
async def close_organisations(closed: Sequence[OrganisationClosed], work: Work) -> None:
    """What belonged to a closed organisation still belongs to those above it."""
    await organisations.close(work.connection, closed)


@due(rules.OVERDUE)
async def say_overdue(timers: Sequence[Timer], work: Work) -> None:
    """Says which of these cases are still unanswered."""
    cases = await store.cases(work.connection, [(timer.subject, timer.target) for timer in timers])
    late = [case for case in cases if rules.is_overdue(case, work.now)]
    await store.mark_overdue(work.connection, late)
    work.announce(*map(overdue, late))


@due(members.FORGET)
async def forget_people(timers: Sequence[Timer], work: Work) -> None:
    """What somebody was called who left some time ago goes; the audit keeps their opaque subject."""
    forgotten = await store_members.forget(work.connection, [uuid_of(timer.subject) for timer in timers])
    await store_members.note(work.connection, "responder", [("forgotten", member) for member in forgotten])


def overdue(case: Case) -> ReplyOverdue:
    """The fact that a case is overdue."""
    return ReplyOverdue(story=case.story, team=case.team, due_at=case.due_at or case.opened_at)
