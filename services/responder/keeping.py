"""Keeping members: load, decide, save, announce, for the API and for pages alike.

An organisation's members are moved by one transaction at a time, under its thread; the threads of teams that may win
their first answering member or lose their last are locked as well, so that no such moment is missed.
"""

from collections.abc import Callable, Collection, Sequence
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel

from services.responder import member_files, members, store_members
from services.responder.member_files import Judged, Row
from services.responder.members import Member, MemberWritten, Step, What
from services.responder.settings import Settings, settings_of
from shared.database import Connection
from shared.problems import FieldProblem, Problem
from shared.sign_in import audit
from shared.sign_in.audit import Audited
from shared.sign_in.current import allow, not_there
from shared.sign_in.principal import Principal
from shared.sign_in.rights import Action, may
from shared.sign_in.whose import thing_of
from shared.timers import Timer
from shared.work import Work

NOBODY = "no_such_member"
"""The reason of whatever is not there, or is not theirs who ask."""
LAST = "An organisation keeps at least one administrator: make somebody else one first."


class Outcome(StrEnum):
    """What became of a row, or would."""

    ADDED = "added"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


class RowReport(BaseModel):
    """One row of an upload, numbered as a spreadsheet numbers it."""

    row: int
    outcome: Outcome
    member: UUID | None = None
    errors: list[FieldProblem] = []


class UploadReport(BaseModel):
    """What became of a file, or would; where one row is refused, nothing is saved."""

    saved: bool
    added: int
    changed: int
    unchanged: int
    refused: int
    rows: list[RowReport]


def thread_of(organisation: str) -> str:
    """What is locked while an organisation's members move."""
    return f"organisation/{organisation}"


async def add(work: Work, by: Principal, organisation: str, written: MemberWritten) -> Member:
    """Writes somebody down; the same again is no second member, and something else about them is a change."""
    await keeps(work.connection, by, organisation, written.team)
    principal = principal_of(settings_of(work), written.person)
    known = await store_members.members(
        work.connection, organisation, [members.member_of(organisation, written.team, principal)]
    )
    step = members.written_down(organisation, principal, written, known)
    if step.what is What.CHANGED:
        raise Problem(409, "already_a_member", "This person is a member already: change that membership instead.")
    if written.team is not None and written.team not in await store_members.teams_of(work.connection, organisation):
        fault = FieldProblem(field="team", problem="is no team of this organisation")
        raise Problem(422, "invalid", "Some fields are missing or wrong.", errors=[fault])
    await carry_out(work, by, [step])
    return step.after


async def move(
    work: Work, by: Principal, organisation: str, id_: UUID, act: Callable[[Member], Step], seen: str | None = None
) -> Member:
    """Does something to one member; `seen` is the state in which they were read, and must still be theirs."""
    member = await one(work.connection, by, organisation, id_, leaving=act is members.gone)
    if seen is not None and seen != members.tag_of(member):
        raise Problem(412, "not_as_read", "Somebody else was here in between: read the member again.")
    step = act(member)
    if step.before is not None and step.before.state is members.State.LEFT and step.what is not What.UNCHANGED:
        raise Problem(409, "has_left", "This person has left: write them down again.")
    if await of_the_last(work, by, organisation, [step]):
        raise Problem(409, "last_administrator", LAST)
    await carry_out(work, by, [step])
    return step.after


async def keeps(connection: Connection, by: Principal, organisation: str, team: str | None = None) -> None:
    """Goes on only for whoever keeps the members of this organisation or team."""
    allow(by, Action.KEEP_MEMBERS, await thing_of(connection, organisation, team), missing=NOBODY)


async def one(connection: Connection, by: Principal, organisation: str, id_: UUID, *, leaving: bool = False) -> Member:
    """A member whom this principal keeps, or who is leaving by themselves."""
    member = (await store_members.members(connection, organisation, [id_])).get(id_)
    if member is None:
        raise not_there(by, Action.KEEP_MEMBERS, missing=NOBODY)
    if not (leaving and member.principal == by.subject):
        await keeps(connection, by, organisation, member.team)
    return member


async def upload(work: Work, by: Principal, organisation: str, rows: Sequence[Row], dry_run: bool) -> UploadReport:
    """A whole file in one transaction; who does not stand in it stays as they are."""
    await keeps(work.connection, by, organisation)
    settings = settings_of(work)
    named = [(row, principal_of(settings, row.written.person) if row.written else "") for row in rows]
    ids = [members.member_of(organisation, row.written.team, who) for row, who in named if row.written]
    known = await store_members.members(work.connection, organisation, ids)
    teams = await store_members.teams_of(work.connection, organisation)
    judged = member_files.judge(organisation, named, teams, known)
    lost = await of_the_last(work, by, organisation, [one.step for one in judged if one.step])
    report = report_of([_kept(one, lost) for one in judged], dry_run)
    if report.saved:
        await carry_out(work, by, [one.step for one in judged if one.step])
    return report


def _kept(judged: Judged, lost: Sequence[Step]) -> Judged:
    if judged.step not in lost:
        return judged
    return Judged(judged.number, None, (FieldProblem(field="role", problem=LAST),))


def report_of(judged: Sequence[Judged], dry_run: bool) -> UploadReport:
    """The answer to whoever sent the file."""
    rows = [
        RowReport(
            row=one.number,
            outcome=Outcome(one.step.what) if one.step else Outcome.REFUSED,
            member=one.step.after.member if one.step else None,
            errors=list(one.faults),
        )
        for one in judged
    ]
    counts = {outcome.value: sum(row.outcome is outcome for row in rows) for outcome in Outcome}
    return UploadReport(saved=not (dry_run or counts["refused"]), rows=rows, **counts)


async def of_the_last(work: Work, by: Principal, organisation: str, steps: Sequence[Step]) -> list[Step]:
    """The steps that would leave the organisation to nobody; whoever keeps it from above may take them."""
    above = Principal(by.subject, frozenset(grant for grant in by.grants if grant.organisation != organisation))
    if may(above, Action.KEEP_MEMBERS, await thing_of(work.connection, organisation)):
        return []
    there = await store_members.administrators(work.connection, organisation)
    return members.of_the_last_administrators(steps, there)


async def carry_out(work: Work, by: Principal, steps: Sequence[Step]) -> None:
    """Saves what is different and announces what others need of it, and which teams are staffed from now on."""
    steps = [step for step in steps if step.what is not What.UNCHANGED]
    teams = {step.after.team for step in steps if step.after.team}
    work.hold(*(f"member/{step.after.member}" for step in steps), *(f"team/{team}" for team in teams))
    before = await store_members.staffed(work.connection, teams)
    await store_members.save(work.connection, steps)
    await store_members.save_people(work.connection, steps, by.subject)
    await store_members.note(work.connection, by.subject, [(step.what, step.after) for step in steps])
    rights = [members.as_audited(step) for step in steps if members.changes_rights(step)]
    await audit.note_all(work.connection, Audited.RIGHTS_CHANGED, by.subject, rights)
    work.announce(*members.told_of(steps))
    await say_staffing(work, teams, before)
    set_clocks(work, steps)


async def say_staffing(work: Work, teams: Collection[str], before: Collection[str]) -> None:
    """Which of these teams, whose threads are locked, are staffed now and were not, or the other way round."""
    places = await store_members.places(work.connection, teams)
    after = await store_members.staffed(work.connection, teams)
    work.announce(*members.staffing(places, before, after))


def set_clocks(work: Work, steps: Sequence[Step]) -> None:
    """Who leaves is forgotten some time later, unless they come back."""
    due_at = work.now + settings_of(work).forget_members_after
    for step in steps:
        subject = f"member/{step.after.member}"
        if step.what is What.LEFT:
            work.remind(Timer(subject, members.FORGET, due_at))
        else:
            work.cancel(subject, members.FORGET)


def principal_of(settings: Settings, person: str) -> str:
    """The opaque subject with which this person will sign in."""
    return settings.subject_of(person)
