"""Who is a member of what, what may be done to a member, and which teams are staffed by it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from enum import StrEnum
from hashlib import sha256
from typing import Annotated
from uuid import UUID, uuid5

from pydantic import BaseModel, EmailStr, Field

from shared.contracts import Code, Event, Line, one_of
from shared.events import MemberListed, MemberRemoved, OrganisationRole, TeamStaffed, TeamUnstaffed

MEMBERS = UUID("3a5c1d3e-9a77-4b55-8f0e-2c1f6f0f7d41")
FORGET = "forget_member"
"""The kind of the timer that ends the keeping of a name."""
ANSWERING = (OrganisationRole.RESPONDER, OrganisationRole.ADMINISTRATOR)
"""Who may answer for a team, and so staffs it; a listener never does."""

RoleGiven = Annotated[OrganisationRole, one_of(OrganisationRole, other=False)]


class State(StrEnum):
    """Where a membership stands."""

    ACTIVE = "active"
    FROZEN = "frozen"
    """Without rights, until they are taken out of it."""
    LEFT = "left"


class What(StrEnum):
    """What is done to a member."""

    ADDED = "added"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    FROZEN = "frozen"
    UNFROZEN = "unfrozen"
    LEFT = "left"


class MemberWritten(BaseModel):
    """A member as an administrator writes them down, one by one or in a file."""

    person: Line = Field(description="What the issuer of sign-ins calls this person, in the claim that we go by.")
    name: Line
    email: EmailStr | None = None
    role: RoleGiven
    team: Code | None = Field(default=None, description="Without it the role holds in the whole organisation.")


class MemberChanged(BaseModel):
    """What is to be different; what is not named stays."""

    name: Line | None = None
    email: EmailStr | None = None
    role: RoleGiven | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """One person in one organisation or team; name and e-mail are None once they are forgotten."""

    member: UUID
    principal: str
    organisation: str
    team: str | None
    role: OrganisationRole
    state: State
    person: str | None = field(repr=False)
    name: str | None = field(repr=False)
    email: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Step:
    """A member before and after something was done to them; nobody may have been there before."""

    before: Member | None
    after: Member
    what: What


def member_of(organisation: str, team: str | None, principal: str) -> UUID:
    """The membership of a person in an organisation or team: the same for ever, however often it is written down."""
    return uuid5(MEMBERS, f"{organisation}/{team or ''}/{principal}")


def written_down(organisation: str, principal: str, written: MemberWritten, known: Mapping[UUID, Member]) -> Step:
    """What it means that somebody is written down: added, added again, changed, or nothing new."""
    id_ = member_of(organisation, written.team, principal)
    before = known.get(id_)
    is_there = before is not None and before.state is not State.LEFT
    after = Member(
        member=id_,
        principal=principal,
        organisation=organisation,
        team=written.team,
        role=written.role,
        state=before.state if before is not None and is_there else State.ACTIVE,
        person=written.person,
        name=written.name,
        email=written.email,
    )
    if not is_there:
        return Step(before, after, What.ADDED)
    return Step(before, after, What.UNCHANGED if same(before, after) else What.CHANGED)


def same(before: Member | None, after: Member) -> bool:
    """True if nothing is different; an e-mail address in larger letters names the same person."""
    return before is not None and replace(before, person=after.person) == after


def changed(member: Member, change: MemberChanged) -> Step:
    """The member with what was named; a name or role cannot be taken away."""
    after = replace(
        member,
        name=change.name or member.name,
        role=change.role or member.role,
        email=change.email if "email" in change.model_fields_set else member.email,
    )
    return Step(member, after, What.UNCHANGED if after == member else What.CHANGED)


def frozen(member: Member) -> Step:
    """Without rights for a while."""
    return _moved(member, State.FROZEN, What.FROZEN)


def unfrozen(member: Member) -> Step:
    """With their rights again."""
    return _moved(member, State.ACTIVE, What.UNFROZEN)


def gone(member: Member) -> Step:
    """No member any more, by their own will or another's."""
    return _moved(member, State.LEFT, What.LEFT)


def _moved(member: Member, state: State, what: What) -> Step:
    return Step(member, replace(member, state=state), What.UNCHANGED if member.state is state else what)


def tag_of(member: Member) -> str:
    """The state in which a member was read, as an ETag: the same state has the same one."""
    return f'"{sha256(repr(astuple(member)).encode()).hexdigest()[:32]}"'


# --- what follows -----------------------------------------------------------------------------------


def administers(member: Member | None) -> bool:
    """Keeps the whole organisation's members at present."""
    return (
        member is not None
        and member.team is None
        and member.role is OrganisationRole.ADMINISTRATOR
        and member.state is State.ACTIVE
    )


def of_the_last_administrators(steps: Sequence[Step], administrators: Collection[UUID]) -> list[Step]:
    """The steps that together would leave an organisation without any administrator; none if one stays."""
    lost = [step for step in steps if administers(step.before) and not administers(step.after)]
    stay = set(administrators) - {step.after.member for step in lost}
    stay |= {step.after.member for step in steps if administers(step.after)}
    return lost if not stay else []


def told_of(steps: Iterable[Step]) -> list[MemberListed | MemberRemoved]:
    """The facts that others need; a new name is none of their business."""
    return [_told(step.after) for step in steps if changes_rights(step)]


def changes_rights(step: Step) -> bool:
    """True if somebody may do something else from now on, or nothing any more."""
    if step.before is None or step.what is What.UNCHANGED:
        return step.what is not What.UNCHANGED
    return (step.before.role, step.before.state) != (step.after.role, step.after.state)


def as_audited(step: Step) -> dict[str, str]:
    """What the audit says of a change of rights: opaque subjects, codes, and the role before if there was another."""
    after, before = step.after, step.before
    where = {"organisation": after.organisation} | ({"team": after.team} if after.team else {})
    was = {"role_before": before.role.value} if before is not None and before.role is not after.role else {}
    return {"what": step.what.value, "whose": after.principal, "role": after.role.value} | was | where


def _told(member: Member) -> MemberListed | MemberRemoved:
    if member.state is State.LEFT:
        return MemberRemoved(member=member.member)
    return MemberListed(
        member=member.member,
        principal=member.principal,
        role=member.role,
        organisation=member.organisation,
        team=member.team,
        frozen=member.state is State.FROZEN,
    )


def staffing(teams: Mapping[str, str], before: Collection[str], after: Collection[str]) -> list[Event]:
    """Which teams (code to organisation) have somebody who may answer from now on, and which lost their last."""
    staffed = [TeamStaffed(team=team, organisation=teams[team]) for team in sorted(teams) if team in after]
    emptied = [TeamUnstaffed(team=team, organisation=teams[team]) for team in sorted(teams) if team not in after]
    return [*(one for one in staffed if one.team not in before), *(one for one in emptied if one.team in before)]
