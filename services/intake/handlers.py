"""What intake does when the others say what became of a story: the author is shown, and perhaps written to."""

from collections.abc import Sequence

from services.intake import letters, store
from shared import organisations
from shared.contracts import StoryEvent
from shared.events import (
    ChangeConfirmed,
    ChangeDisputed,
    ChangeMade,
    ChangeMissed,
    ChangePlanned,
    CopyErased,
    MemberListed,
    MemberRemoved,
    OrganisationClosed,
    OrganisationListed,
    ReplyPublished,
    StoryErased,
    StoryHeard,
    StoryRouted,
    StoryUnheard,
)
from shared.sign_in.members import remove_members, save_members
from shared.work import Work, hears


@hears(
    StoryRouted,
    StoryUnheard,
    StoryHeard,
    ReplyPublished,
    ChangePlanned,
    ChangeMade,
    ChangeMissed,
    ChangeConfirmed,
    ChangeDisputed,
)
async def show_progress(facts: Sequence[StoryEvent], work: Work) -> None:
    """Each fact is a line of what the author sees; who agreed to it is written to as well."""
    await store.save_progress(work.connection, facts)
    authors = await store.told(work.connection, [fact.story for fact in facts])
    work.deliver(
        *(letter for fact in facts if fact.story in authors for letter in letters.about(fact, authors[fact.story]))
    )


@hears(StoryErased)
async def forget_stories(erased: Sequence[StoryErased], work: Work) -> None:
    """After a restore intake hears its own erasures again, like everybody."""
    await store.forget_stories(work.connection, [story.story for story in erased])
    await store.save_erasures(work.connection, [(one.story, "intake", one.envelope.time) for one in erased])


@hears(CopyErased)
async def collect_receipts(copies: Sequence[CopyErased], work: Work) -> None:
    """The receipt of an erasure grows by one service."""
    await store.save_erasures(
        work.connection, [(one.story, one.envelope.source.rpartition("/")[2], one.envelope.time) for one in copies]
    )


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
