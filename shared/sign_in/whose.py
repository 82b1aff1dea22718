"""Whose something is: the organisations above it, read from the service's own table of them, in the shape of rights."""

from collections.abc import Iterable

from shared import organisations
from shared.database import Connection
from shared.sign_in.principal import Principal
from shared.sign_in.rights import Action, Thing, reach

Listed = tuple[bool, list[str], list[str], list[str]]
"""For a list's SQL: is everything theirs, in which organisations is it, and in which teams, each of an organisation."""


async def thing_of(connection: Connection, organisation: str | None, team: str | None = None) -> Thing:
    """What belongs to an organisation, or to one of its teams; what nobody knows belongs to nobody."""
    if organisation is None:
        return Thing(team=team)
    return Thing(await organisations.within(connection, [organisation]), team)


async def things_of(connection: Connection, owners: Iterable[tuple[str, str | None]]) -> list[Thing]:
    """What belongs to several (organisation, team), as one thing for each."""
    pairs = list(owners)
    above = await organisations.above(connection, {organisation for organisation, _ in pairs})
    return [Thing(above[organisation], team) for organisation, team in pairs]


async def concerning(connection: Connection, services: Iterable[str], principal: Principal) -> Thing:
    """What is about these services, and so about all above them, and about those of this principal's below them."""
    about = set(services)
    theirs = await organisations.above(connection, principal.organisations)
    below = {organisation for organisation, above in theirs.items() if above & about}
    return Thing(concerns=await organisations.within(connection, about) | below)


async def too_near(connection: Connection, principal: Principal) -> list[str]:
    """The services of which nothing may be moderated by this principal: their own, and all below and above them."""
    own = principal.organisations
    return sorted({*await organisations.below(connection, own), *await organisations.within(connection, own)})


async def listed(connection: Connection, principal: Principal, action: Action) -> Listed:
    """What a list may show to this principal."""
    where = reach(principal, action)
    below = await organisations.each_below(connection, {organisation for organisation, _ in where.teams})
    teams = sorted({(code, team) for organisation, team in where.teams for code in below[organisation]})
    return (
        where.everywhere,
        await organisations.below(connection, where.organisations),
        [code for code, _ in teams],
        [team for _, team in teams],
    )
