"""What somebody may do: the one place where rights are decided."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from shared.sign_in.principal import MemberRole, Principal


class Action(StrEnum):
    """What endpoints ask for."""

    READ_INBOX = "read_inbox"
    HEAR = "hear"
    """Opening a story so that it counts as heard by the provider."""
    REPLY = "reply"
    KEEP_MEMBERS = "keep_members"
    MODERATE = "moderate"
    READ_ROUTES = "read_routes"
    READ_DIRECTORY = "read_directory"
    READ_TIMELINE = "read_timeline"
    MAKE_CHANGES = "make_changes"


@dataclass(frozen=True, slots=True)
class Thing:
    """What it is done to: whose it is, and whom it concerns."""

    within: frozenset[str] = frozenset()
    """The organisation that it belongs to, and all above that."""
    team: str | None = None
    concerns: frozenset[str] = frozenset()
    """The organisations that a story is about, all above them, and those of the principal's below them."""


NOTHING = Thing()
"""For what belongs to nobody in particular."""

READERS = (MemberRole.SUBSCRIBER, MemberRole.RESPONDER, MemberRole.ADMINISTRATOR)
REPLIERS = (MemberRole.RESPONDER, MemberRole.ADMINISTRATOR)
MODERATORS = (MemberRole.MODERATOR, MemberRole.SENIOR_MODERATOR)
LOOKERS = (*READERS, *MODERATORS, MemberRole.LISTENER, MemberRole.AUDITOR)

ROLES: Mapping[Action, tuple[MemberRole, ...]] = {
    Action.READ_INBOX: (*READERS, MemberRole.LISTENER),
    Action.HEAR: READERS,
    Action.REPLY: REPLIERS,
    Action.KEEP_MEMBERS: (MemberRole.ADMINISTRATOR,),
    Action.MODERATE: MODERATORS,
    Action.READ_ROUTES: LOOKERS,
    Action.READ_DIRECTORY: tuple(MemberRole),
    Action.READ_TIMELINE: LOOKERS,
    Action.MAKE_CHANGES: REPLIERS,
}
"""Who has anything to do there at all."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Where somebody may do something, for lists: everywhere, in organisations with all below them, or in teams."""

    everywhere: bool
    organisations: frozenset[str]
    teams: frozenset[tuple[str, str]]
    """(organisation, team): the team counts where it belongs to that organisation or to one below it."""


def may(principal: Principal, action: Action, thing: Thing = NOTHING) -> bool:
    """True if this principal may do this to that thing."""
    match action:
        case Action.MODERATE:  # nobody moderates what concerns an organisation of theirs
            return might(principal, action) and not principal.organisations & thing.concerns
        case Action.READ_DIRECTORY:  # the same for all who are anybody
            return might(principal, action)
    return principal.has(*ROLES[action], within=thing.within, team=thing.team)


def might(principal: Principal, action: Action) -> bool:
    """True if this principal may do this somewhere: the whole area is not closed to them."""
    return any(grant.role in ROLES[action] for grant in principal.grants)


def reach(principal: Principal, action: Action) -> Reach:
    """Where `may` is true, without asking it of everything."""
    grants = [grant for grant in principal.grants if grant.role in ROLES[action]]
    return Reach(
        any(grant.organisation is None and grant.team is None for grant in grants),
        frozenset(grant.organisation for grant in grants if grant.organisation and grant.team is None),
        frozenset((grant.organisation, grant.team) for grant in grants if grant.organisation and grant.team),
    )
