"""What tracker does with facts about a story, in whatever order they come."""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from services.tracker import rules, store, store_readers
from services.tracker.readers import readers
from services.tracker.rules import Change, Said, State
from shared import organisations
from shared.contracts import StoryEvent
from shared.events import (
    CommentReceived,
    CopyErased,
    MemberListed,
    MemberRemoved,
    OrganisationClosed,
    OrganisationListed,
    ReplyOverdue,
    ReplyPublished,
    RouteDeclined,
    StoryErased,
    StoryHeard,
    StoryPublished,
    StoryReceived,
    StoryRejected,
    StoryRouted,
    StoryUnheard,
    StoryWithdrawn,
    VerdictGiven,
)
from shared.sign_in.members import remove_members, save_members
from shared.timers import Timer
from shared.work import Work, due, hears


@hears(
    StoryReceived,
    StoryPublished,
    StoryRejected,
    StoryWithdrawn,
    StoryRouted,
    StoryUnheard,
    StoryHeard,
    RouteDeclined,
    ReplyOverdue,
)
async def keep_timeline(facts: Sequence[StoryEvent], work: Work) -> None:
    """Each fact is a line of its story's timeline."""
    await store.save_entries(work.connection, facts)
    await store_readers.save_readers(work.connection, readers(facts))


@hears(ReplyPublished)
async def keep_replies(replies: Sequence[ReplyPublished], work: Work) -> None:
    """A reply's claim becomes a change with an owner and a day."""
    await store.save_entries(work.connection, replies)
    await store_readers.save_readers(work.connection, readers(replies))
    claimed = [change for change in map(rules.claimed_change, replies) if change is not None]
    new = await store.add_changes(work.connection, claimed)
    follow(work, new.values())
    await judge(work, new, await store.words(work.connection, list(new)))


@hears(VerdictGiven)
async def keep_verdicts(verdicts: Sequence[VerdictGiven], work: Work) -> None:
    """The author's verdict confirms or disputes a change, as soon as both are here."""
    await store.save_entries(work.connection, verdicts)
    words = [rules.said(verdict) for verdict in verdicts]
    await store.save_words(work.connection, words)
    await judge(work, await store.changes(work.connection, [word.change for word in words]), words)


async def judge(work: Work, changes: Mapping[UUID, Change], words: Sequence[Said]) -> None:
    """Moves changes as their authors' words say."""
    steps = rules.judged_in_turn(changes, words)
    await store.save_changes(work.connection, [step.after for step in steps])
    follow(work, [step.after for step in steps if step.after.state is not step.before.state])


def follow(work: Work, changes: Iterable[Change]) -> None:
    """Says where changes now stand; a plan has its day."""
    for change in changes:
        work.announce(rules.announcement(change))
        if change.due and change.state is State.PLANNED:
            due_at = rules.missed_at(change.due)
            work.remind(Timer(f"story/{change.story}", rules.MISSED, due_at, str(change.change)))


@hears(CommentReceived)
async def count_comments(comments: Sequence[CommentReceived], work: Work) -> None:
    """Comments are counted, never followed up."""
    await store.save_comments(work.connection, comments)


@hears(StoryErased)
async def forget_stories(erased: Sequence[StoryErased], work: Work) -> None:
    """Timeline and changes go; they hold what staff wrote about the story."""
    await store.forget_stories(work.connection, [story.story for story in erased])
    work.announce(*(CopyErased(story=story.story) for story in erased))


@hears(OrganisationListed)
async def keep_organisations(listed: Sequence[OrganisationListed], work: Work) -> None:
    """A copy of who stands above whom, for rights."""
    await organisations.keep(work.connection, listed)


@hears(OrganisationClosed)
async def close_organisations(closed: Sequence[OrganisationClosed], work: Work) -> None:
    """What belonged to a closed organisation still belongs to those above it."""
    await organisations.close(work.connection, closed)


@hears(MemberListed)
async def keep_members(members: Sequence[MemberListed], work: Work) -> None:
    """A copy of who was given which role, for whoever signs in here."""
    await save_members(work.connection, members)


@hears(MemberRemoved)
async def forget_members(members: Sequence[MemberRemoved], work: Work) -> None:
    """Who left has no role here any more."""
    await remove_members(work.connection, members)


@due(rules.MISSED)
async def say_missed(timers: Sequence[Timer], work: Work) -> None:
    """Says which planned changes nobody has reported as made by their day."""
    planned = await store.changes(work.connection, [UUID(timer.target) for timer in timers])
    late = [rules.missed(change) for change in planned.values() if rules.is_missed(change, work.now.date())]
    await store.save_changes(work.connection, late)
    follow(work, late)
