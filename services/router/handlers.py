"""What router does when it hears of a story."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from services.router import store
from services.router.rules import Directory, Match, is_unheard, route
from shared.events import (
    CopyErased,
    MemberListed,
    MemberRemoved,
    RouteDeclined,
    RoutedTeam,
    StoryErased,
    StoryPublished,
    StoryRouted,
    StoryUnheard,
    StoryWithdrawn,
    TeamStaffed,
    TeamUnstaffed,
)
from shared.sign_in.members import remove_members, save_members
from shared.work import Work, hears


@hears(StoryPublished)
async def route_stories(stories: Sequence[StoryPublished], work: Work) -> None:
    """Every team whose subscription covers a service of the story is sent it; if none of them listens, that is said."""
    stories = await store.keep_newest(work.connection, "published", stories)
    directory = await store.directory_for(work.connection, [code for story in stories for code in story.services])
    matches = [route(story.services, directory) for story in stories]
    await store.save_routes(work.connection, stories, matches, directory)
    for story, found in zip(stories, matches, strict=True):
        work.announce(*told(story, found, directory))


@hears(RouteDeclined)
async def route_again(declined: Sequence[RouteDeclined], work: Work) -> None:
    """*Not ours* with a suggestion brings the story, if it is still out, to whoever listens there."""
    await store.mark_declined(work.connection, declined)
    out = await store.published(work.connection, [one.story for one in declined])
    suggested = [one for one in declined if one.suggestion and one.story in out]
    directory = await store.directory_for(work.connection, [str(one.suggestion) for one in suggested])
    matches = [route([str(one.suggestion)], directory) for one in suggested]
    added = await store.add_routes(work.connection, suggested, matches, directory)
    work.announce(*(routed(story, revision, found, directory) for story, revision, found in added))


@hears(StoryWithdrawn)
async def withdraw_routes(stories: Sequence[StoryWithdrawn], work: Work) -> None:
    """A withdrawn story is routed to nobody any more."""
    await store.keep_newest(work.connection, "withdrawn", stories)


@hears(StoryErased)
async def forget_stories(erased: Sequence[StoryErased], work: Work) -> None:
    """Routes hold no words, but they say who was told of the story; they go too."""
    await store.forget_stories(work.connection, [story.story for story in erased])
    work.announce(*(CopyErased(story=story.story) for story in erased))


@hears(TeamStaffed, TeamUnstaffed)
async def keep_staffing(teams: Sequence[TeamStaffed | TeamUnstaffed], work: Work) -> None:
    """Whether anybody of a team may answer; stories that lay in an empty team's inbox are heard of from now on."""
    staffed = await store.save_staffing(work.connection, teams)
    await store.hear_at_last(work.connection, staffed)


@hears(MemberListed)
async def keep_members(members: Sequence[MemberListed], work: Work) -> None:
    """A copy of who was given which role, for whoever signs in here."""
    await save_members(work.connection, members)


@hears(MemberRemoved)
async def forget_members(members: Sequence[MemberRemoved], work: Work) -> None:
    """Who left has no role here any more."""
    await remove_members(work.connection, members)


def told(story: StoryPublished, matches: Sequence[Match], directory: Directory) -> Iterable[StoryRouted | StoryUnheard]:
    """Both, where a story is sent only to teams that nobody is in."""
    if matches:
        yield routed(story.story, story.revision, matches, directory)
    if is_unheard(matches):
        yield StoryUnheard(story=story.story, revision=story.revision, services=story.services)


def routed(story: UUID, revision: int, matches: Sequence[Match], directory: Directory) -> StoryRouted:
    """The fact that these teams should read the story, with all names that others need."""
    teams = tuple(
        RoutedTeam(
            team=match.subscription.team,
            team_name=match.subscription.team_name,
            organisation=match.subscription.organisation,
            organisation_name=directory.organisations[match.subscription.organisation].name,
            rule=match.rule,
            evidence=match.evidence,
            path=match.path,
            subscription=match.subscription.code,
        )
        for match in matches
    )
    return StoryRouted(story=story, revision=revision, teams=teams, directory_version=directory.version)
