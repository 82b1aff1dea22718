"""Responder's API for members: who may do what for an organisation and its teams, one by one or as a file."""

import asyncio
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import BaseModel

from services.responder import keeping, member_files, members, store_members
from services.responder.keeping import UploadReport, thread_of
from services.responder.member_files import BadFile
from services.responder.members import Member, MemberChanged, MemberWritten, RoleGiven, State
from shared.contracts import Code
from shared.database import Connection
from shared.events import OrganisationRole
from shared.http import After, AtDesk, IdempotencyKey, Limit, Noted
from shared.problems import Problem, ProblemDetails
from shared.sign_in.current import Who, those_who
from shared.sign_in.principal import Principal
from shared.sign_in.rights import Action
from shared.work import Work

member_pages = APIRouter(prefix="/organisations/{organisation}", tags=["members"])
Keeper = Annotated[Principal, those_who(Action.KEEP_MEMBERS)]
AsRead = Annotated[
    str, Header(alias="If-Match", min_length=1, max_length=100, description="The ETag with which the member was read.")
]
NOT_AS_READ: dict[int | str, dict[str, Any]] = {
    412: {
        "model": ProblemDetails,
        "description": "Somebody else was here in between",
        "content": {"application/problem+json": {}},
    }
}
IS_CSV = {"requestBody": {"required": True, "content": {"text/csv": {"schema": {"type": "string"}}}}}
AS_CSV: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}


class MemberView(BaseModel):
    """A member, as whoever keeps them sees it; without a name once they are forgotten."""

    member: UUID
    person: str | None
    name: str | None
    email: str | None
    role: OrganisationRole
    organisation: str
    team: str | None
    state: State


@member_pages.get("/members")
async def list_members(
    organisation: Code,
    desk: AtDesk,
    who: Keeper,
    team: Annotated[Code | None, Query()] = None,
    role: Annotated[RoleGiven | None, Query()] = None,
    state: Annotated[State | None, Query()] = None,
    after: After = None,
    limit: Limit = 50,
) -> list[MemberView]:
    """The members of an organisation; whoever keeps one team's asks for that team."""
    only = {"team": team, "role": role, "state": state}

    async def load(connection: Connection) -> list[Member]:
        await keeping.keeps(connection, who, organisation, team)
        return await store_members.page(connection, organisation, only, after, limit)

    return [view(member) for member in await desk.read(load)]


@member_pages.post("/members", status_code=201, response_model=Noted)
async def add_member(
    request: Request,
    organisation: Code,
    written: MemberWritten,
    desk: AtDesk,
    who: Keeper,
    key: IdempotencyKey = None,
) -> Response:
    """Makes somebody a member, also before they have ever signed in; the same again is the same member."""

    async def add(work: Work) -> Noted:
        return Noted(id=(await keeping.add(work, who, organisation, written)).member)

    return await desk.once(request, key, thread_of(organisation), add)


@member_pages.get("/members/{member}")
async def read_member(organisation: Code, member: UUID, desk: AtDesk, who: Keeper, response: Response) -> MemberView:
    """One member; the ETag is for changing them."""
    found = await desk.read(lambda connection: keeping.one(connection, who, organisation, member))
    return tagged(response, found)


@member_pages.patch("/members/{member}", responses=NOT_AS_READ)
async def change_member(
    organisation: Code,
    member: UUID,
    change: MemberChanged,
    desk: AtDesk,
    who: Keeper,
    response: Response,
    as_read: AsRead,
) -> MemberView:
    """Another role, name or e-mail address; what is not named stays."""

    async def move(work: Work) -> Member:
        return await keeping.move(
            work, who, organisation, member, lambda before: members.changed(before, change), seen=as_read
        )

    return tagged(response, await desk.on_thread(thread_of(organisation), move))


@member_pages.post("/members/{member}/freeze")
async def freeze_member(organisation: Code, member: UUID, desk: AtDesk, who: Keeper) -> MemberView:
    """Takes all rights of a member away until they are unfrozen."""
    return view(
        await desk.on_thread(
            thread_of(organisation), lambda work: keeping.move(work, who, organisation, member, members.frozen)
        )
    )


@member_pages.post("/members/{member}/unfreeze")
async def unfreeze_member(organisation: Code, member: UUID, desk: AtDesk, who: Keeper) -> MemberView:
    """Gives a frozen member their rights back."""
    return view(
        await desk.on_thread(
            thread_of(organisation), lambda work: keeping.move(work, who, organisation, member, members.unfrozen)
        )
    )


@member_pages.delete("/members/{member}")
async def remove_member(organisation: Code, member: UUID, desk: AtDesk, who: Who) -> MemberView:
    """Ends a membership: one's own, or that of somebody whom one keeps."""
    return view(
        await desk.on_thread(
            thread_of(organisation), lambda work: keeping.move(work, who, organisation, member, members.gone)
        )
    )


@member_pages.post("/members.csv", openapi_extra=IS_CSV)
async def upload_members(
    request: Request,
    organisation: Code,
    desk: AtDesk,
    who: Keeper,
    dry_run: Annotated[bool, Query(description="Only say what would become of each row.")] = True,
) -> UploadReport:
    """Writes down all whom a file names by person, name, role, and perhaps email and team; all others stay."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "text/csv":
        raise Problem(415, "unsupported_media_type", "Send the file as text/csv.")
    try:
        rows = await asyncio.to_thread(member_files.read, await request.body())
    except BadFile as bad:
        raise Problem(422, "bad_file", str(bad)) from bad
    return await desk.on_thread(
        thread_of(organisation), lambda work: keeping.upload(work, who, organisation, rows, dry_run)
    )


@member_pages.get("/members.csv", response_class=Response, responses=AS_CSV)
async def download_members(organisation: Code, desk: AtDesk, who: Keeper) -> Response:
    """The members who have not left, as a file that can be sent back."""

    async def load(connection: Connection) -> list[Member]:
        await keeping.keeps(connection, who, organisation)
        return await store_members.page(connection, organisation, {})

    there = [member for member in await desk.read(load) if member.state is not State.LEFT]
    name = {"content-disposition": f'attachment; filename="members-{organisation}.csv"'}
    return Response(member_files.write(there), media_type="text/csv", headers=name)


def tagged(response: Response, member: Member) -> MemberView:
    """A member with the ETag of the state in which they are shown."""
    response.headers["ETag"] = members.tag_of(member)
    return view(member)


def view(member: Member) -> MemberView:
    """A member as shown."""
    return MemberView.model_validate(member, from_attributes=True)
