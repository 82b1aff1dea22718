"""What somebody may do: the one place where rights are decided."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from shared.sign_in.principal import MemberRole, Principal


class Action(StrEnum):
    """What endpoints ask for."""

    READ_INBOX = "read_inbox"
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
    """The organisations that a story is about, and all above them."""


NOTHING = Thing()
"""For what belongs to nobody in particular."""

READERS = (MemberRole.SUBSCRIBER, MemberRole.RESPONDER, MemberRole.ADMINISTRATOR)
REPLIERS = (MemberRole.RESPONDER, MemberRole.ADMINISTRATOR)
MODERATORS = (MemberRole.MODERATOR, MemberRole.SENIOR_MODERATOR)


def may(principal: Principal, action: Action, thing: Thing = NOTHING) -> bool:
    """True if this principal may do this to that thing."""
    return _RULES[action](principal, thing)


def _among(*roles: MemberRole) -> Callable[[Principal, Thing], bool]:
    return lambda principal, thing: principal.has(*roles, within=thing.within, team=thing.team)


def _moderates(principal: Principal, thing: Thing) -> bool:
    """Nobody moderates what concerns an organisation of theirs."""
    return principal.has(*MODERATORS) and not principal.organisations & thing.concerns


_RULES: Mapping[Action, Callable[[Principal, Thing], bool]] = {
    Action.READ_INBOX: _among(*READERS, MemberRole.LISTENER),
    Action.REPLY: _among(*REPLIERS),
    Action.KEEP_MEMBERS: _among(MemberRole.ADMINISTRATOR),
    Action.MODERATE: _moderates,
    Action.READ_ROUTES: _among(*READERS, *MODERATORS, MemberRole.LISTENER, MemberRole.AUDITOR),
    Action.READ_DIRECTORY: lambda principal, _thing: bool(principal.grants),
    Action.READ_TIMELINE: _among(*READERS, *MODERATORS, MemberRole.LISTENER, MemberRole.AUDITOR),
    Action.MAKE_CHANGES: _among(*REPLIERS),
}
