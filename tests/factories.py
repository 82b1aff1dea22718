"""Events as the services tell them; a test names only the field that matters to it."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from shared.events import (
    AuthorRole,
    Claim,
    CommentOffered,
    CommentReceived,
    Consent,
    MemberListed,
    OrganisationRole,
    ReplyPublished,
    RouteDeclined,
    RoutedTeam,
    StoryErased,
    StoryHeard,
    StoryOffered,
    StoryPublished,
    StoryReceived,
    StoryRouted,
    StoryWithdrawn,
    TeamListed,
    TeamStaffed,
    TeamUnstaffed,
    Verdict,
    VerdictGiven,
    Visibility,
)
from shared.ids import new_id

STORY_TEXT = "I waited four hours in the corridor, and nobody told me why."
COMMENT_TEXT = "The nurse was kind."
REPLY_TEXT = "Thank you for telling us. We talked about it on the ward."
ALL_CONSENTS = frozenset(Consent)
STAFF_ONLY = frozenset({Consent.SHOW_TO_STAFF})


def what_was_told(**fields: Any) -> dict[str, Any]:
    """What a person says, as JSON: the body of `POST /stories` and the data of an offer."""
    return {
        "title": "Four hours in a corridor",
        "text": STORY_TEXT,
        "services": ["W1"],
        "author_role": "patient",
        "consent": ["show_to_staff", "publish"],
        "route": "web",
    } | fields


def story_offered(**fields: Any) -> StoryOffered:
    """A publisher's offer."""
    return StoryOffered.model_validate(what_was_told(**fields))


def comment_offered(**fields: Any) -> CommentOffered:
    """A publisher's short answer."""
    said: dict[str, Any] = {"service": "W1", "text": COMMENT_TEXT, "answer": 1, "given_on": date(2026, 5, 3)}
    return CommentOffered.model_validate(said | fields)


def story_received(story: UUID | None = None, **fields: Any) -> StoryReceived:
    """A story is intake's."""
    said: dict[str, Any] = {
        "story": story or new_id(),
        "publisher": "web",
        "services": ("W1",),
        "author_role": AuthorRole.PATIENT,
        "route": "web",
        "visibility": Visibility.PUBLIC,
        "received_at": datetime(2026, 5, 4, 9, tzinfo=UTC),
    }
    return StoryReceived.model_validate(said | fields)


def story_published(story: UUID | None = None, *, services: Sequence[str] = ("W1",), **fields: Any) -> StoryPublished:
    """A story is out."""
    said: dict[str, Any] = {
        "story": story or new_id(),
        "revision": 1,
        "title": "Four hours in a corridor",
        "text": STORY_TEXT,
        "services": tuple(services),
        "author_role": AuthorRole.PATIENT,
        "visibility": Visibility.PUBLIC,
    }
    return StoryPublished.model_validate(said | fields)


def story_withdrawn(story: UUID) -> StoryWithdrawn:
    """A story was taken back."""
    return StoryWithdrawn(story=story)


def story_erased(story: UUID) -> StoryErased:
    """A story is to be forgotten."""
    return StoryErased(story=story)


def routed_team(team: str = "T1", **fields: Any) -> RoutedTeam:
    """A team that should read a story."""
    said: dict[str, Any] = {
        "team": team,
        "team_name": f"Team {team}",
        "organisation": "TRUST1",
        "organisation_name": "North Trust",
        "rule": "same_service",
        "evidence": "The story is about Ward 1.",
        "path": ("North Trust", "Ward 1"),
        "subscription": f"S-{team}",
    }
    return RoutedTeam.model_validate(said | fields)


def story_routed(story: UUID | None = None, *, teams: Sequence[str] = ("T1",), revision: int = 1) -> StoryRouted:
    """Teams that should read a story."""
    told = tuple(routed_team(team) for team in teams)
    return StoryRouted(story=story or new_id(), revision=revision, teams=told, directory_version=1)


def story_heard(story: UUID, team: str = "T1", role: str = "Ward manager") -> StoryHeard:
    """Somebody of a team opened the story."""
    return StoryHeard(story=story, team=team, team_name=f"Team {team}", role=role)


def team_listed(team: str = "T1", name: str = "Team T1", organisation: str = "TRUST1") -> TeamListed:
    """A team of the directory."""
    return TeamListed(team=team, name=name, organisation=organisation)


def reply_published(story: UUID | None = None, *, claim: Claim = Claim.NONE, **fields: Any) -> ReplyPublished:
    """Staff answered; a claim comes with its explanation."""
    said: dict[str, Any] = {
        "story": story or new_id(),
        "reply": new_id(),
        "team": "T1",
        "team_name": "Team T1",
        "organisation": "TRUST1",
        "text": REPLY_TEXT,
        "signed_name": "Robin Example",
        "signed_role": "Ward manager",
        "claim": claim,
        "explanation": None if claim is Claim.NONE else "A sign in the corridor shows the waiting time.",
    }
    return ReplyPublished.model_validate(said | fields)


def route_declined(story: UUID, team: str = "T1", suggestion: str | None = None) -> RouteDeclined:
    """A team said *not ours*."""
    return RouteDeclined(story=story, team=team, suggestion=suggestion)


def member_listed(member: UUID | None = None, **fields: Any) -> MemberListed:
    """Somebody is a member."""
    said: dict[str, Any] = {
        "member": member or new_id(),
        "principal": "5d41402abc4b2a76b9719d911017c592",
        "role": OrganisationRole.RESPONDER,
        "organisation": "TRUST1",
    }
    return MemberListed.model_validate(said | fields)


def team_staffed(team: str = "T1", organisation: str = "TRUST1") -> TeamStaffed:
    """A team has somebody who may answer."""
    return TeamStaffed(team=team, organisation=organisation)


def team_unstaffed(team: str = "T1", organisation: str = "TRUST1") -> TeamUnstaffed:
    """A team has nobody left who may answer."""
    return TeamUnstaffed(team=team, organisation=organisation)


def verdict_given(story: UUID, change: UUID, verdict: Verdict = Verdict.YES) -> VerdictGiven:
    """The author said whether a change is what they meant."""
    return VerdictGiven(story=story, change=change, verdict=verdict)


def comment_received(**fields: Any) -> CommentReceived:
    """A comment is intake's."""
    said: dict[str, Any] = {
        "comment": new_id(),
        "publisher": "surveys",
        "service": "W1",
        "text": COMMENT_TEXT,
        "answer": 1,
        "given_on": date(2026, 5, 3),
    }
    return CommentReceived.model_validate(said | fields)
