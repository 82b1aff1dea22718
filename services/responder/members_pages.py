"""Responder's pages for members: the list, somebody new, and one member with all that can be done to them.

They have addresses of their own below /members, and do everything as the API does it (`keeping.py`).
"""

from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Request, Response

from services.responder import keeping, members, store_members
from services.responder.keeping import thread_of
from services.responder.kept import Kept, kept, places
from services.responder.members import Member, MemberChanged, MemberWritten
from services.responder.members_forms import CHOICES, ROLES, STATES, Change, Filters, Wanted, Written, as_read, refused
from shared.contracts import Code
from shared.database import Connection
from shared.http import AtDesk, Desk
from shared.pages.forms import Form, asked_for, filled_in
from shared.pages.rendering import page, seen_after
from shared.problems import Problem
from shared.sign_in.current import those_who
from shared.sign_in.principal import Principal
from shared.sign_in.rights import Action

for_people = APIRouter(prefix="/members", include_in_schema=False)
Keeper = Annotated[Principal, those_who(Action.KEEP_MEMBERS)]
PER_PAGE = 50
DONE = {
    "added": "They are a member now.",
    "changed": "The change is saved.",
    "frozen": "They are frozen: they can do nothing here until you unfreeze them.",
    "unfrozen": "They are unfrozen, and can do again what they could before.",
    "left": "They are no longer a member.",
    "file": "The file is saved.",
}
"""What pages say once something is done; the address holds only the word before it."""


@for_people.get("")
async def choose(request: Request, who: Keeper, desk: AtDesk) -> Response:
    """Whose members; who keeps one place only goes straight there."""
    wanted = asked_for(request, Wanted)
    if wanted.value and wanted.value.organisation:
        return seen_after(request, at(wanted.value.organisation))
    theirs = await desk.read(lambda connection: places(connection, who))
    paths = [(one, at(one)) for one in theirs.organisations]
    paths += [(f"{team} at {one}", at(one) + f"?team={team}") for one, team in theirs.teams]
    if theirs.all_there and len(paths) == 1:
        return seen_after(request, paths[0][1])
    return page(request, "members_choose.html", form=wanted, paths=paths, all_there=theirs.all_there)


@for_people.get("/{organisation}")
async def list_members(request: Request, who: Keeper, organisation: Code, desk: AtDesk) -> Response:
    """An organisation's members, or those of the teams that somebody keeps, by name."""
    asked = asked_for(request, Filters)
    filters = asked.value or Filters()

    async def load(connection: Connection) -> tuple[Kept, list[Member]]:
        theirs = await kept(connection, who, organisation)
        only = {"team": theirs.asked(filters.team), "role": filters.role, "state": filters.state}
        return theirs, await store_members.by_name(connection, organisation, only, filters.after, PER_PAGE + 1)

    theirs, found = await desk.read(load)
    more = filters.model_dump(mode="json", exclude_none=True) | {
        "after": found[PER_PAGE - 1].member if found[PER_PAGE:] else ""
    }
    return page(
        request,
        "members.html",
        filters=asked,
        kept=theirs,
        team=theirs.asked(filters.team),
        members=found[:PER_PAGE],
        next=f"{at(organisation)}?{urlencode(more)}" if more["after"] else "",
        **words(request),
    )


@for_people.get("/{organisation}/new")
async def write_down(request: Request, who: Keeper, organisation: Code, desk: AtDesk) -> Response:
    """The form for somebody new."""
    theirs = await desk.read(lambda connection: kept(connection, who, organisation))
    return _written_down(request, theirs, Form(Written))


@for_people.post("/{organisation}/new")
async def add(request: Request, who: Keeper, organisation: Code, desk: AtDesk) -> Response:
    """Somebody becomes a member."""
    theirs = await desk.read(lambda connection: kept(connection, who, organisation))
    form = await filled_in(request, Written)
    if form.value is None:
        return _written_down(request, theirs, form)
    written = MemberWritten(**form.value.model_dump())
    try:
        added = await desk.on_thread(
            thread_of(organisation), lambda work: keeping.add(work, who, organisation, written)
        )
    except Problem as problem:
        return _written_down(request, theirs, refused(form, problem))
    return seen_after(request, f"{at(organisation)}/{added.member}?done=added")


def _written_down(request: Request, theirs: Kept, form: Form[Written]) -> Response:
    status = 422 if form.faults else 200
    return page(request, "members_new.html", status=status, kept=theirs, form=form, choices=CHOICES)


@for_people.get("/{organisation}/{member}")
async def read_member(request: Request, who: Keeper, organisation: Code, member: UUID, desk: AtDesk) -> Response:
    """One member."""
    found, team = await one(desk, who, organisation, member)
    return page(request, "members_one.html", member=found, team=team, **words(request))


@for_people.get("/{organisation}/{member}/change")
async def ask_what_changes(request: Request, who: Keeper, organisation: Code, member: UUID, desk: AtDesk) -> Response:
    """The form for another name, address or role."""
    found, _ = await one(desk, who, organisation, member)
    return _changed(request, found, as_read(found))


@for_people.post("/{organisation}/{member}/change")
async def change(request: Request, who: Keeper, organisation: Code, member: UUID, desk: AtDesk) -> Response:
    """Saves what is different, if nobody was there in between."""
    found, _ = await one(desk, who, organisation, member)
    form = await filled_in(request, Change)
    if form.value is None:
        return _changed(request, found, form)
    seen, different = form.value.seen, MemberChanged(**form.value.model_dump(exclude={"seen"}))
    try:
        await desk.on_thread(
            thread_of(organisation),
            lambda work: keeping.move(
                work, who, organisation, member, lambda before: members.changed(before, different), seen
            ),
        )
    except Problem as problem:
        if problem.details.reason == "not_as_read":
            return page(request, "members_not_as_read.html", status=412, member=found)
        return _changed(request, found, refused(form, problem))
    return seen_after(request, f"{at(organisation)}/{member}?done=changed")


def _changed(request: Request, member: Member, form: Form[Change]) -> Response:
    status = 422 if form.faults else 200
    return page(request, "members_change.html", status=status, member=member, form=form, choices=CHOICES)


async def one(desk: Desk, who: Principal, organisation: str, id_: UUID) -> tuple[Member, str | None]:
    """A member whom they keep, and what the member's team is called."""

    async def load(connection: Connection) -> tuple[Member, str | None]:
        member = await keeping.one(connection, who, organisation, id_)
        teams = await store_members.teams_of(connection, organisation)
        return member, teams.get(member.team, member.team) if member.team else None

    return await desk.read(load)


def at(organisation: str) -> str:
    """Where the pages of an organisation's members are."""
    return f"/members/{organisation}"


def words(request: Request) -> dict[str, Any]:
    """How things are called, and what has just been done."""
    return {"roles": ROLES, "states": STATES, "done": DONE.get(request.query_params.get("done", ""))}
