"""A tiny application, made of what every service has: a list with filters, a form, a confirmation, and an upload."""

import csv
import io
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, FastAPI, Request, Response
from pydantic import BaseModel, Field, StringConstraints

from shared.http import Desk, make_app
from shared.pages.forms import Form, asked_for, filled_in
from shared.pages.rendering import page, seen_after
from shared.pages.sentences import FileText
from shared.pages.site import Offer, Site
from shared.problems import Problem
from shared.work import Home

SITE = Site(
    "Members",
    "Who reads and answers stories.",
    (Offer("See who your colleagues are", "/members", signed_in=False), Offer("Add somebody", "/members/new")),
    Path(__file__).parent / "templates",
)
PER_PAGE = 3


class Part(StrEnum):
    """What somebody may do."""

    READS = "reads"
    REPLIES = "replies"


PARTS = [(Part.READS, "Reads stories"), (Part.REPLIES, "Also replies")]
ALERTS = [("mail", "By e-mail"), ("digest", "Once a week, all together")]


class Member(BaseModel):
    """Somebody who works here."""

    name: Annotated[str, StringConstraints(max_length=40)] = Field(title="the person's name")
    email: str = Field(
        title="e-mail address",
        pattern=r"^[^@\s]+@[^@\s]+$",
        description="must look like name@example.org",
    )
    part: Part = Field(title="what they may do")
    alerts: list[str] = Field(title="how they hear of new stories", default=[])
    note: Annotated[str, StringConstraints(max_length=500)] | None = Field(title="note", default=None)


class Filters(BaseModel):
    """Which of them to show."""

    part: Part | None = Field(title="what they may do", default=None)
    after: int = Field(title="page", default=0, ge=0)


class Upload(BaseModel):
    """Many at once."""

    file: FileText = Field(title="the file")


def members_desk(home: Home) -> tuple[FastAPI, list[Member]]:
    """The application, and what it keeps."""
    kept: list[Member] = []
    pages = APIRouter(include_in_schema=False)

    @pages.get("/members")
    async def members(request: Request) -> Response:
        asked = asked_for(request, Filters)
        filters = asked.value or Filters()
        found = [one for one in kept if filters.part in {None, one.part}]
        shown = found[filters.after : filters.after + PER_PAGE]
        older = f"/members?after={filters.after + PER_PAGE}" if len(found) > filters.after + PER_PAGE else ""
        return page(request, "members.html", filters=asked, members=shown, older=older, parts=PARTS)

    @pages.get("/members/new")
    async def empty(request: Request) -> Response:
        return page(request, "new.html", form=Form(Member), parts=PARTS, alerts=ALERTS)

    @pages.post("/members/new")
    async def add(request: Request) -> Response:
        form = await filled_in(request, Member)
        if form.value and any(one.email == form.value.email for one in kept):
            form = form.refused("email", "Somebody with this e-mail address is here already")
        if form.value is None:
            return page(request, "new.html", status=422, form=form, parts=PARTS, alerts=ALERTS)
        kept.append(form.value)
        return seen_after(request, "/members")

    @pages.get("/members/{number}/removal")
    async def ask_before_removing(request: Request, number: int) -> Response:
        return page(request, "removal.html", member=_one(kept, number), number=number, parts=dict(PARTS))

    @pages.post("/members/{number}/removal")
    async def remove(request: Request, number: int) -> Response:
        kept.remove(_one(kept, number))
        return seen_after(request, "/members")

    @pages.get("/upload")
    async def choose(request: Request) -> Response:
        return page(request, "upload.html", form=Form(Upload))

    @pages.post("/upload/report")
    async def report(request: Request) -> Response:
        form = await filled_in(request, Upload)
        if form.value is None:
            return page(request, "upload.html", status=422, form=form)
        return page(request, "report.html", upload=form, lines=_read(form.value.file))

    @pages.post("/upload")
    async def take(request: Request) -> Response:
        form = await filled_in(request, Upload)
        if form.value is None:
            return page(request, "upload.html", status=422, form=form)
        kept.extend(member for member, _ in _read(form.value.file) if member)
        return seen_after(request, "/members")

    return make_app(Desk(home, ready=True), pages, site=SITE), kept


def _one(kept: list[Member], number: int) -> Member:
    if number >= len(kept):
        raise Problem(404, "no_such_member")
    return kept[number]


def _read(text: str) -> list[tuple[Member | None, str]]:
    """Each row with what it would add, or with why not."""
    lines: list[tuple[Member | None, str]] = []
    for name, email in csv.reader(io.StringIO(text)):
        try:
            lines.append((Member(name=name, email=email, part=Part.READS), f"{name} will be added"))
        except ValueError:
            lines.append((None, f"{name} has no e-mail address that looks like one"))
    return lines
