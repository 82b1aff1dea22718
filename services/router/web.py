"""Router's API: who was told of a story and why, and the directory."""

from typing import Annotated
from uuid import UUID

from asyncpg import Record
from fastapi import APIRouter
from pydantic import BaseModel

from services.router import store
from shared.contracts import Code
from shared.database import Connection
from shared.http import AtDesk
from shared.pages.site import FOR_PROGRAMS, Site
from shared.sign_in.current import allow, not_there, those_who
from shared.sign_in.principal import Principal
from shared.sign_in.rights import Action
from shared.sign_in.web import ways_in
from shared.sign_in.whose import things_of

site = Site("Directory and routes", "Chooses the teams that should read a story, and says why.", (FOR_PROGRAMS,))
pages = APIRouter()
pages.include_router(ways_in)
Looker = Annotated[Principal, those_who(Action.READ_ROUTES)]
Anybody = Annotated[Principal, those_who(Action.READ_DIRECTORY)]


class RouteView(BaseModel):
    """One team that a story was sent to."""

    team: str
    team_name: str
    rule: str
    evidence: str
    path: list[str]
    declined: bool


class RoutesView(BaseModel):
    """Whom a story reached."""

    story: UUID
    state: str
    routes: list[RouteView]


class OrganisationView(BaseModel):
    """A node of the service tree and its children."""

    code: str
    name: str
    kind: str
    parent: str | None
    children: list[str]
    listened_to: bool


@pages.get("/stories/{story}/routes", tags=["routes"])
async def routes(who: Looker, story: UUID, desk: AtDesk) -> RoutesView:
    """The teams that a story was sent to, and why."""

    async def look(connection: Connection) -> tuple[Record | None, list[Record]]:
        theirs = await things_of(connection, await store.owners_of(connection, story))
        allow(who, Action.READ_ROUTES, *theirs, missing="no_such_story")
        return await store.story(connection, story), await store.routes_of(connection, story)

    row, rows = await desk.read(look)
    if row is None:
        raise not_there(who, Action.READ_ROUTES, missing="no_such_story")
    return RoutesView(story=story, state=row["state"], routes=[RouteView(**dict(route)) for route in rows])


@pages.get("/organisations/{code}", tags=["directory"])
async def organisation(who: Anybody, code: Code, desk: AtDesk) -> OrganisationView:
    """One node of the tree."""
    row = await desk.read(lambda connection: store.organisation(connection, code))
    if row is None:
        raise not_there(who, Action.READ_DIRECTORY, missing="no_such_organisation")
    return OrganisationView(**dict(row))
