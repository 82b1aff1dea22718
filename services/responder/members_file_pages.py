"""Responder's pages for a members' file: it is chosen, looked at row by row, and saved only after that."""

import asyncio

from fastapi import APIRouter, Request, Response

from services.responder import keeping, member_files
from services.responder.keeping import Outcome, RowReport, UploadReport, thread_of
from services.responder.member_files import BadFile, Row
from services.responder.members_forms import Upload
from services.responder.members_pages import Keeper, at
from shared.contracts import Code
from shared.http import AtDesk
from shared.pages.forms import Form, filled_in
from shared.pages.rendering import page, seen_after
from shared.sign_in.principal import Principal

file_pages = APIRouter(prefix="/members", include_in_schema=False)
MOST_SHOWN = 200
IN_ORDER = (Outcome.REFUSED, Outcome.CHANGED, Outcome.ADDED, Outcome.UNCHANGED)


@file_pages.get("/{organisation}/file")
async def choose(request: Request, who: Keeper, organisation: Code, desk: AtDesk) -> Response:
    """Which file."""
    await desk.read(lambda connection: keeping.keeps(connection, who, organisation))
    return _chosen(request, organisation, Form(Upload))


@file_pages.post("/{organisation}/file/report")
async def look(request: Request, who: Keeper, organisation: Code, desk: AtDesk) -> Response:
    """What would become of each row; nothing is saved."""
    return await _taken(request, desk, who, organisation, dry_run=True)


@file_pages.post("/{organisation}/file")
async def save(request: Request, who: Keeper, organisation: Code, desk: AtDesk) -> Response:
    """Saves the file, unless a row of it is refused by now."""
    return await _taken(request, desk, who, organisation, dry_run=False)


async def _taken(request: Request, desk: AtDesk, who: Principal, organisation: str, *, dry_run: bool) -> Response:
    await desk.read(lambda connection: keeping.keeps(connection, who, organisation))
    form = await filled_in(request, Upload)
    if form.value is None:
        return _chosen(request, organisation, form)
    try:
        rows = await asyncio.to_thread(member_files.read, form.value.file.encode())
    except BadFile as bad:
        return _chosen(request, organisation, form.refused("file", str(bad)))
    report = await desk.on_thread(
        thread_of(organisation), lambda work: keeping.upload(work, who, organisation, rows, dry_run)
    )
    if report.saved:
        return seen_after(request, f"{at(organisation)}?done=file")
    return _reported(request, organisation, form, rows, report)


def _chosen(request: Request, organisation: str, form: Form[Upload]) -> Response:
    status = 422 if form.faults else 200
    return page(request, "members_file.html", status=status, organisation=organisation, form=form)


def _reported(
    request: Request, organisation: str, form: Form[Upload], rows: list[Row], report: UploadReport
) -> Response:
    called = {row.number: row.written.name if row.written else "" for row in rows}
    in_order = sorted(report.rows, key=lambda row: IN_ORDER.index(row.outcome))
    if report.refused:
        form = form.refused("", "Some rows are not right, so nothing of the file can be saved")
    return page(
        request,
        "members_report.html",
        status=422 if report.refused else 200,
        organisation=organisation,
        form=form,
        report=report,
        lines=[(row, called[row.row], why(row)) for row in in_order[:MOST_SHOWN]],
    )


PLAIN = {
    "Field required": "is missing",
    "value is not a valid email": "is not an e-mail address",
    "String should have at most 200": "must have 200 characters or fewer",
    "String should match": "has characters that it cannot have",
}
"""How a fault begins for programs, and how people are told."""


def why(row: RowReport) -> str:
    """What is not right with a row, in one line: *role must be one of …; team is no team of this organisation*."""
    return "; ".join(f"{fault.field} {_plain(fault.problem)}" for fault in row.errors)


def _plain(problem: str) -> str:
    return next((words for begin, words in PLAIN.items() if problem.startswith(begin)), problem)
