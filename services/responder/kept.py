"""Kept: of which organisations and teams somebody keeps the members, for pages that let them choose."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from services.responder import store_members
from services.responder.keeping import NOBODY
from shared.database import Connection
from shared.sign_in.current import allow
from shared.sign_in.principal import MemberRole, Principal
from shared.sign_in.rights import Action, may
from shared.sign_in.whose import listed, thing_of

MOST_PLACES = 100


@dataclass(frozen=True, slots=True)
class Kept:
    """What somebody keeps of one organisation: all of it, or some of its teams."""

    organisation: str
    whole: bool
    teams: Mapping[str, str]
    """Code to name, in order of names; all open ones where they keep the whole."""

    def asked(self, team: str | None) -> str | None:
        """The team to show where this one is asked for; None is the whole organisation."""
        if team in self.teams:
            return team
        return None if self.whole else next(iter(self.teams))


@dataclass(frozen=True, slots=True)
class Places:
    """Where somebody keeps members: organisations, and (organisation, team) of single teams."""

    organisations: list[str]
    teams: list[tuple[str, str]]
    all_there: bool
    """False if there are more than a page can name."""


async def kept(connection: Connection, by: Principal, organisation: str) -> Kept:
    """What of this organisation is theirs; the answer of what does not exist if nothing is."""
    above = await thing_of(connection, organisation)
    teams = await store_members.teams_of(connection, organisation)
    theirs = {team: name for team, name in teams.items() if may(by, Action.KEEP_MEMBERS, replace(above, team=team))}
    if not theirs:
        allow(by, Action.KEEP_MEMBERS, above, missing=NOBODY)
    return Kept(organisation, may(by, Action.KEEP_MEMBERS, above), theirs)


async def places(connection: Connection, by: Principal) -> Places:
    """All that is theirs, as far as a page can name it."""
    everywhere, organisations, *_ = await listed(connection, by, Action.KEEP_MEMBERS)
    teams = sorted(
        (grant.organisation, grant.team)
        for grant in by.grants
        if grant.role is MemberRole.ADMINISTRATOR and grant.organisation and grant.team
    )
    return Places(organisations[:MOST_PLACES], teams, not everywhere and len(organisations) <= MOST_PLACES)
