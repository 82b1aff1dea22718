"""A tiny application, made of what every service has: a list with filters, a form, a confirmation, and an upload."""

import csv
import io
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Request, Response
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
        title="their e-mail address",
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


class MembersDesk:
    """The application `app`, and what it keeps."""

    def __init__(self, home: Home) -> None:
        pages = APIRouter(include_in_schema=False)
        self.kept: list[Member] = []
        pages.get("/")(self.start)
        pages.get("/members")(self.members)
        pages.get("/members/new")(self.empty)
        pages.post("/members/new")(self.add)
        pages.get("/members/{number}/removal")(self.ask_before_removing)
        pages.post("/members/{number}/removal")(self.remove)
        pages.get("/upload")(self.choose)
        pages.post("/upload/report")(self.report)
        pages.post("/upload")(self.take)
        self.app = make_app(Desk(home, ready=True), pages, site=SITE)

    async def start(self, request: Request) -> Response:
        return page(request, "start.html", offers=SITE.offers)

    async def members(self, request: Request) -> Response:
        asked = asked_for(request, Filters)
        filters = asked.value or Filters()
        found = [(number, one) for number, one in enumerate(self.kept) if filters.part in {None, one.part}]
        end = filters.after + PER_PAGE
        more = f"/members?after={end}" if len(found) > end else ""
        return page(request, "members.html", filters=asked, members=found[filters.after : end], more=more, parts=PARTS)

    async def empty(self, request: Request) -> Response:
        return page(request, "new.html", form=Form(Member), parts=PARTS, alerts=ALERTS)

    async def add(self, request: Request) -> Response:
        form = await filled_in(request, Member)
        if form.value and any(one.email == form.value.email for one in self.kept):
            form = form.refused("email", "Somebody with this e-mail address is here already")
        if form.value is None:
            return page(request, "new.html", status=422, form=form, parts=PARTS, alerts=ALERTS)
        self.kept.append(form.value)
        return seen_after(request, "/members")

    async def ask_before_removing(self, request: Request, number: int) -> Response:
        return page(request, "removal.html", member=self._one(number), number=number, parts=dict(PARTS))

    async def remove(self, request: Request, number: int) -> Response:
        self.kept.remove(self._one(number))
        return seen_after(request, "/members")

    def _one(self, number: int) -> Member:
        if number >= len(self.kept):
            raise Problem(404, "no_such_member")
        return self.kept[number]

    async def choose(self, request: Request) -> Response:
        return page(request, "upload.html", form=Form(Upload))

    async def report(self, request: Request) -> Response:
        form = await filled_in(request, Upload)
        if form.value is None:
            return page(request, "upload.html", status=422, form=form)
        return page(request, "report.html", upload=form, lines=_read(form.value.file))

    async def take(self, request: Request) -> Response:
        form = await filled_in(request, Upload)
        if form.value is None:
            return page(request, "upload.html", status=422, form=form)
        self.kept.extend(member for member, _ in _read(form.value.file) if member)
        return seen_after(request, "/members")


def _read(text: str) -> list[tuple[Member | None, str]]:
    """Each row with what it would add, or with why not."""
    lines: list[tuple[Member | None, str]] = []
    for name, email in csv.reader(io.StringIO(text)):
        try:
            lines.append((Member(name=name, email=email, part=Part.READS), f"{name} will be added"))
        except ValueError:
            lines.append((None, f"{name} has no e-mail address that looks like one"))
    return lines
