"""What people fill in about members, and how roles and states are called on pages."""

from typing import TypeVar

from pydantic import BaseModel, EmailStr, Field

from services.responder.keeping import LAST
from services.responder.members import Member, RoleGiven, State, tag_of
from shared.contracts import Code, Line
from shared.events import OrganisationRole
from shared.http import After
from shared.pages.forms import Form
from shared.pages.sentences import FileText
from shared.problems import Problem

M = TypeVar("M", bound=BaseModel)
NAME, EMAIL, ROLE = "their name", "their e-mail address", "what they may do"
LIKE_AN_ADDRESS = "must look like name@example.org"

ROLES = {
    OrganisationRole.SUBSCRIBER: "Subscriber",
    OrganisationRole.RESPONDER: "Responder",
    OrganisationRole.ADMINISTRATOR: "Administrator",
    OrganisationRole.LISTENER: "Listener",
    OrganisationRole.OTHER: "Another role",
}
CHOICES = [
    (OrganisationRole.SUBSCRIBER, "Subscriber: reads stories"),
    (OrganisationRole.RESPONDER, "Responder: also replies, and says what changes"),
    (OrganisationRole.ADMINISTRATOR, "Administrator: also keeps the members"),
    (OrganisationRole.LISTENER, "Listener: reads for a commissioner, regulator or Healthwatch"),
]
STATES = {State.ACTIVE: "Active", State.FROZEN: "Frozen", State.LEFT: "Left"}


class Written(BaseModel):
    """Somebody new, in the order of the page."""

    name: Line = Field(title=NAME)
    person: Line = Field(title="what they sign in with")
    email: EmailStr | None = Field(title=EMAIL, description=LIKE_AN_ADDRESS, default=None)
    team: Code | None = Field(title="where", default=None)
    role: RoleGiven = Field(title=ROLE)


class Change(BaseModel):
    """All that can be different about a member, and the state in which they were read."""

    name: Line = Field(title=NAME)
    email: EmailStr | None = Field(title=EMAIL, description=LIKE_AN_ADDRESS, default=None)
    role: RoleGiven = Field(title=ROLE)
    seen: str = Field(title="what was read", max_length=100)


class Filters(BaseModel):
    """Whom to show."""

    team: Code | None = Field(title="team", default=None)
    role: RoleGiven | None = Field(title="role", default=None)
    state: State | None = Field(title="state", default=None)
    after: After = None


class Wanted(BaseModel):
    """Which organisation to go to."""

    organisation: Code | None = Field(
        title="the organisation code", description="must have letters, digits and hyphens only", default=None
    )


class Upload(BaseModel):
    """Many at once."""

    file: FileText = Field(title="the file")


class Nothing(BaseModel):
    """A page that only asks."""


def as_read(member: Member) -> Form[Change]:
    """The form as it stands before anything is changed."""
    words = {"name": member.name, "email": member.email, "role": member.role.value, "seen": tag_of(member)}
    return Form(Change, {field: (word or "",) for field, word in words.items()})


REFUSALS = {
    "already_a_member": (
        "person",
        "Somebody with this is a member there already: open them in the list to change them",
    ),
    "last_administrator": ("role", LAST.removesuffix(".")),
    "invalid": ("team", "Choose a team of this organisation"),
}
"""What keeping may have against something that was filled in: of which field it is said, and how."""


def refused(form: Form[M], problem: Problem) -> Form[M]:
    """The form with what keeping has against it; any other problem goes on."""
    if problem.details.reason not in REFUSALS:
        raise problem
    field, sentence = REFUSALS[problem.details.reason]
    return form.refused(field if field in form.model.model_fields else "", sentence)
