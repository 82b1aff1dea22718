"""Whose something is: the organisations above it, read from the service's own table of them, in the shape of rights."""

from collections.abc import Iterable

from shared import organisations
from shared.database import Connection
from shared.sign_in.principal import Principal
from shared.sign_in.rights import Action, Thing, reach

Listed = tuple[bool, list[str], list[str]]
"""For a list's SQL: is everything theirs, in which organisations is it, and in which teams."""


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


async def concerning(connection: Connection, services: Iterable[str]) -> Thing:
    """What is about these services, and so about all above them."""
    return Thing(concerns=await organisations.within(connection, set(services)))


async def listed(connection: Connection, principal: Principal, action: Action) -> Listed:
    """What a list may show to this principal."""
    where = reach(principal, action)
    return where.everywhere, await organisations.below(connection, where.organisations), sorted(where.teams)
