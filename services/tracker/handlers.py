"""What tracker does with facts about a story, in whatever order they come."""

from collections.abc import Sequence

from services.tracker import rules, store
from services.tracker.rules import State
from shared.contracts import StoryEvent
from shared.events import (
    CommentReceived,
    CopyErased,
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


@hears(ReplyPublished)
async def keep_replies(replies: Sequence[ReplyPublished], work: Work) -> None:
    """A reply's claim becomes a change with an owner and a day."""
    await store.save_entries(work.connection, replies)
    claimed = [change for change in map(rules.claimed_change, replies) if change is not None]
    new = await store.add_changes(work.connection, claimed)
    judged = await store.judge_changes(work.connection, [one.change for one in new])
    work.announce(*map(rules.announcement, [*new, *judged]))
    work.remind(
        *(
            Timer(f"story/{one.story}", rules.MISSED, rules.missed_at(one.due), str(one.change))
            for one in new
            if one.due and one.state is State.PLANNED
        )
    )


@hears(VerdictGiven)
async def keep_verdicts(verdicts: Sequence[VerdictGiven], work: Work) -> None:
    """The author's verdict confirms or disputes a change, as soon as both are here."""
    await store.save_entries(work.connection, verdicts)
    await store.save_verdicts(work.connection, verdicts)
    judged = await store.judge_changes(work.connection, [verdict.change for verdict in verdicts])
    work.announce(*map(rules.announcement, judged))


@hears(CommentReceived)
async def count_comments(comments: Sequence[CommentReceived], work: Work) -> None:
    """Comments are counted, never followed up."""
    await store.save_comments(work.connection, comments)


@hears(StoryErased)
async def forget_stories(erased: Sequence[StoryErased], work: Work) -> None:
    """Timeline and changes go; they hold what staff wrote about the story."""
    await store.forget_stories(work.connection, [story.story for story in erased])
    work.announce(*(CopyErased(story=story.story) for story in erased))


@due(rules.MISSED)
async def say_missed(timers: Sequence[Timer], work: Work) -> None:
    """Says which planned changes nobody has reported as made by their day."""
    missed = await store.miss_changes(work.connection, [timer.target for timer in timers], work.now.date())
    work.announce(*map(rules.announcement, missed))
