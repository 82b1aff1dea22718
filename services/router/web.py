"""Router's API: who was told of a story and why, and the directory."""

from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel

from services.router import store
from shared.contracts import Code
from shared.http import AtDesk, staff
from shared.pages.site import FOR_PROGRAMS, Site
from shared.problems import Problem

site = Site("Directory and routes", "Chooses the teams that should read a story, and says why.", (FOR_PROGRAMS,))
pages = APIRouter(dependencies=staff)


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
async def routes(story: UUID, desk: AtDesk) -> RoutesView:
    """The teams that a story was sent to, and why."""
    row = await desk.read(lambda connection: store.story(connection, story))
    if row is None:
        raise Problem(404, "no_such_story")
    rows = await desk.read(lambda connection: store.routes_of(connection, story))
    return RoutesView(story=story, state=row["state"], routes=[RouteView(**dict(route)) for route in rows])


@pages.get("/organisations/{code}", tags=["directory"])
async def organisation(code: Code, desk: AtDesk) -> OrganisationView:
    """One node of the tree."""
    row = await desk.read(lambda connection: store.organisation(connection, code))
    if row is None:
        raise Problem(404, "no_such_organisation")
    return OrganisationView(**dict(row))
