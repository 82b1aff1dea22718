"""Who acts on members, on what, and whether they may: the seam to sign-in.

`Acting`, `thing_of` and `allow` have the shapes of `shared.sign_in`, and give way to it: `Who` or `those_who(…)` of
`current`, `thing_of` of `whose` with responder's copy of the tree, `allow` of `current` with its audit.
"""

from typing import Annotated

from fastapi import Depends

from shared.database import Connection
from shared.http import require_staff
from shared.problems import Problem
from shared.sign_in.principal import Grant, MemberRole, Principal
from shared.sign_in.rights import Action, Thing, may


def acting(_staff: Annotated[None, Depends(require_staff)]) -> Principal:
    """Who shows staff's token keeps all members, until people sign in."""
    return Principal("staff", frozenset({Grant(MemberRole.ADMINISTRATOR)}))


Acting = Annotated[Principal, Depends(acting)]


async def thing_of(_connection: Connection, organisation: str, team: str | None = None) -> Thing:
    """What belongs to an organisation, or to one of its teams; what is above it is not known here yet."""
    return Thing(within=frozenset({organisation}), team=team)


def allow(principal: Principal, action: Action, thing: Thing, *, missing: str) -> None:
    """Raises the answer of what does not exist, whose reason is `missing`, unless this thing is theirs."""
    if not may(principal, action, thing):
        raise Problem(404, missing)
