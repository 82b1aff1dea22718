"""Who acts at responder, on what, and whether they may: the one place that sign-in takes over."""

from typing import Annotated

from fastapi import Depends

from shared.http import require_staff
from shared.problems import Problem
from shared.sign_in.principal import Grant, MemberRole, Principal
from shared.sign_in.rights import Action, Thing, may


def acting(_staff: Annotated[None, Depends(require_staff)]) -> Principal:
    """Who shows staff's token keeps all members, until people sign in: `shared.sign_in.current` takes its place."""
    return Principal("staff", frozenset({Grant(MemberRole.ADMINISTRATOR)}))


Acting = Annotated[Principal, Depends(acting)]


def members_of(organisation: str, team: str | None = None) -> Thing:
    """The members of an organisation or of one of its teams.

    What is above the organisation belongs to `within` as soon as responder has a copy of the tree.
    """
    return Thing(within=frozenset({organisation}), team=team)


def allow(principal: Principal, action: Action, thing: Thing) -> None:
    """What is not theirs answers as what does not exist."""
    if not may(principal, action, thing):
        raise Problem(404, "not_found")


def keeps_from_above(principal: Principal, organisation: str) -> bool:
    """May keep these members without being the organisation's own administrator."""
    others = frozenset(grant for grant in principal.grants if grant.organisation != organisation)
    return may(Principal(principal.subject, others), Action.KEEP_MEMBERS, members_of(organisation))
