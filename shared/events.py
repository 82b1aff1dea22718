"""Every event of the system, by the service that announces it: the one table of contents.

Readers ignore unknown fields and take unknown values of an `OpenEnum` as *other*.
A field may be added with a default; anything else is a new version beside this one.
"""

from collections.abc import Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import EmailStr, Field, model_validator

from shared import topics
from shared.contracts import OPAQUE, Code, Event, Language, Line, OpenEnum, Reference, StoryEvent, Text, one_of

# --- words that several events share ---------------------------------------------------------


class AuthorRole(OpenEnum):
    """Who tells the story, seen from the patient."""

    PATIENT = "patient"
    SERVICE_USER = "service_user"
    CARER = "carer"
    PARENT_OR_GUARDIAN = "parent_or_guardian"
    RELATIVE = "relative"
    FRIEND = "friend"
    VOLUNTEER_OR_ADVOCATE = "volunteer_or_advocate"
    STAFF_FOR_PATIENT = "staff_for_patient"
    OTHER = "other"


class Route(OpenEnum):
    """How the story came to us."""

    WEB = "web"
    PHONE = "phone"
    PAPER = "paper"
    KIOSK = "kiosk"
    SMS = "sms"
    STAFF_ASSISTED = "staff_assisted"
    IMPORT = "import"
    OTHER = "other"


class Consent(StrEnum):
    """What the author agrees to; each can be withdrawn at any time."""

    SHOW_TO_STAFF = "show_to_staff"
    """The least: without it a story cannot be taken."""
    PUBLISH = "publish"
    QUOTE_IN_REPORTS = "quote_in_reports"
    WRITE_TO_ME = "write_to_me"


class ThirdParty(StrEnum):
    """Why somebody who is not the patient speaks."""

    KNOWS_AND_AGREES = "knows_and_agrees"
    MY_CHILD = "my_child"
    CANNOT_DECIDE = "cannot_decide"
    HAS_DIED = "has_died"


class Visibility(OpenEnum):
    """Who may read a published story."""

    PUBLIC = "public"
    STAFF = "staff"
    OTHER = "other"


class Claim(OpenEnum):
    """What a reply says about a change."""

    NONE = "none"
    PLANNED = "planned"
    MADE = "made"
    OTHER = "other"


Criticality = Annotated[int, Field(ge=0, le=5)]
"""The moderator's assessment of the most negative statement; None is *unknown*. For staff only."""
Tags = Annotated[tuple[Line, ...], Field(max_length=50)]
Services = Annotated[tuple[Code, ...], Field(min_length=1, max_length=20)]


class StoryTold(Event):
    """What a person says, on whichever way in; the words and who says them."""

    title: Line
    text: Text
    good: Text | None = None
    improve: Text | None = None
    feelings: Tags = ()
    tags: Tags = ()
    services: Services
    author_role: Annotated[AuthorRole, one_of(AuthorRole)]
    speaks_for: ThirdParty | None = None
    consent: frozenset[Consent]
    language: Language = "en"
    route: Annotated[Route, one_of(Route)] = Route.OTHER
    happened: Annotated[str, Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")] | None = None
    """Year and month; None while it is still happening."""
    email: EmailStr | None = None
    criticality: Criticality | None = None
    """Taken from publishers that are trusted to moderate, ignored from all others."""

    @model_validator(mode="after")
    def _least_consent(self) -> "StoryTold":
        if Consent.SHOW_TO_STAFF not in self.consent:
            raise ValueError("consent must hold show_to_staff: without it nobody could learn from the story")
        return self


# --- submissions: publishers offer, intake decides -------------------------------------------


class StoryOffered(StoryTold, name="story.offered", personal=True):
    """A publisher offers a story; the envelope's subject is the publisher's own reference."""


class StoryRecalled(Event, name="story.recalled"):
    """The publisher takes a story back; may come before its offer."""


class CommentOffered(Event, name="comment.offered", personal=True):
    """An FFT-like short answer, in bulk; the envelope's subject is the publisher's own reference."""

    service: Code
    text: Text | None = None
    answer: Annotated[int, Field(ge=1, le=5)] | None = None
    """1 very good … 5 very poor; None: don't know or not asked."""
    given_on: date


class ReceiptOutcome(OpenEnum):
    """What became of a submission."""

    ACCEPTED = "accepted"
    REPEATED = "repeated"
    REFUSED = "refused"
    OTHER = "other"


class FieldError(Event):
    """One fault of a submission, without repeating what stood there."""

    field: str
    problem: str


class ReceiptGiven(Event, name="receipt.given", lane=topics.Lane.RECEIPTS):
    """What became of one submission, on its publisher's own receipts topic."""

    publisher: Code
    event_id: Reference | None
    """None where the submission had no readable id; where it lay then names it."""
    offered_on: str
    partition: int
    offset: int
    outcome: ReceiptOutcome
    reason: str | None = None
    errors: tuple[FieldError, ...] = ()
    subject_id: UUID | None = None
    """Our id of the story or comment, where there is one."""

    @property
    def subject(self) -> str:
        return f"submission/{self.event_id or f'{self.partition}:{self.offset}'}"

    def topic_for(self, _service: str) -> str:
        return topics.RECEIPTS + self.publisher


# --- intake ----------------------------------------------------------------------------------


class StoryReceived(StoryEvent, name="story.received", topic=topics.STORIES):
    """A story is durably ours; no text yet."""

    publisher: Code
    services: Services
    author_role: AuthorRole
    route: Route
    visibility: Visibility
    received_at: datetime


class StoryPublished(StoryEvent, name="story.published", topic=topics.STORIES, personal=True):
    """A moderator, or a publisher trusted to moderate, let the story out: to the public or to staff only."""

    revision: int
    title: Line
    text: Text
    good: Text | None = None
    improve: Text | None = None
    feelings: Tags = ()
    tags: Tags = ()
    services: Services
    author_role: AuthorRole
    language: Language = "en"
    criticality: Criticality | None = None
    visibility: Visibility


class RejectionReason(OpenEnum):
    """Why a story will not be public; each is offered another way."""

    TOO_OLD = "too_old"
    LEGAL = "legal"
    REPEATED = "repeated"
    ADVERTISING = "advertising"
    OTHER = "other"


class StoryRejected(StoryEvent, name="story.rejected", topic=topics.STORIES):
    """A moderator decided that the story cannot be published."""

    reason: RejectionReason


class StoryWithdrawn(StoryEvent, name="story.withdrawn", topic=topics.STORIES):
    """The author or the publisher took the story back; it is no longer shown to anybody."""


class Verdict(OpenEnum):
    """Does the change match what the author meant?"""

    YES = "yes"
    PARTLY = "partly"
    NO = "no"
    OTHER = "other"


class VerdictGiven(StoryEvent, name="verdict.given", topic=topics.STORIES):
    """The author said whether a change is what they meant."""

    change: UUID
    verdict: Verdict


class StoryErased(StoryEvent, name="story.erased", topic=topics.ERASURES, erases=True):
    """Everybody deletes what the author wrote; the id stays as a tombstone."""


class CommentReceived(Event, name="comment.received", topic=topics.COMMENTS, personal=True):
    """A comment is ours; staff only, no case, no clock."""

    comment: UUID
    publisher: Code
    service: Code
    text: Text | None = None
    answer: Annotated[int, Field(ge=1, le=5)] | None = None
    given_on: date

    @property
    def subject(self) -> str:
        return f"comment/{self.comment}"


# --- router ----------------------------------------------------------------------------------


class RoutedTeam(Event):
    """One team that should read the story, and why; names and path spare the others a look-up."""

    team: Code
    team_name: Line
    organisation: Code
    organisation_name: Line
    rule: Line
    """Which kind of match: `same_service` or `service_above`."""
    evidence: Line
    """In words: what of the story met what of the subscription."""
    path: tuple[Line, ...]
    """Names from the top of the tree down to the story's service."""
    subscription: Code


class StoryRouted(StoryEvent, name="story.routed", topic=topics.ROUTES):
    """The teams that should read this revision."""

    revision: int
    teams: tuple[RoutedTeam, ...]
    directory_version: int


class StoryUnheard(StoryEvent, name="story.unheard", topic=topics.ROUTES):
    """Nobody listens to any of the story's services: no team is signed up, or none of those has anybody in it."""

    revision: int
    services: Services


class CopyErased(StoryEvent, name="copy.erased"):
    """The announcing service holds no text of this story any more."""

    def topic_for(self, service: str) -> str:
        return topics.OF_STORIES[service].name


class OrganisationKind(OpenEnum):
    """What stands at a node of the service tree."""

    REGION = "region"
    ICB = "icb"
    TRUST = "trust"
    SITE = "site"
    SERVICE = "service"
    PRACTICE = "practice"
    OTHER = "other"


class OrganisationListed(Event, name="organisation.listed", topic=topics.DIRECTORY):
    """A node of the service tree, as it stands from now on."""

    organisation: Code
    name: Line
    kind: OrganisationKind
    parent: Code | None = None

    @property
    def subject(self) -> str:
        return f"organisation/{self.organisation}"


class OrganisationClosed(Event, name="organisation.closed", topic=topics.DIRECTORY):
    """A node that is no longer there; its code is never used again."""

    organisation: Code

    @property
    def subject(self) -> str:
        return f"organisation/{self.organisation}"


class TeamListed(Event, name="team.listed", topic=topics.DIRECTORY):
    """A team of an organisation, as it stands from now on."""

    team: Code
    name: Line
    organisation: Code

    @property
    def subject(self) -> str:
        return f"team/{self.team}"


class TeamClosed(Event, name="team.closed", topic=topics.DIRECTORY):
    """A team that reads stories no more."""

    team: Code

    @property
    def subject(self) -> str:
        return f"team/{self.team}"


class DirectoryReleased(Event, name="directory.released", topic=topics.DIRECTORY):
    """Closes a version: everything listed before it belongs to it."""

    version: int
    organisations: int
    teams: int

    @property
    def subject(self) -> str:
        return "directory/all"


# --- responder -------------------------------------------------------------------------------


class StoryHeard(StoryEvent, name="story.heard", topic=topics.REPLIES):
    """A member of staff of this team opened the story for the first time."""

    team: Code
    team_name: Line
    role: Line


class ReplyPublished(StoryEvent, name="reply.published", topic=topics.REPLIES, personal=True):
    """A staff reply, signed, with what it claims about a change."""

    reply: UUID
    team: Code
    team_name: Line
    organisation: Code
    text: Text
    signed_name: Line
    signed_role: Line
    claim: Claim = Claim.NONE
    explanation: Text | None = None
    """What is planned or was made; always there when something is claimed."""
    due: date | None = None


class RouteDeclined(StoryEvent, name="route.declined", topic=topics.REPLIES):
    """A team says *not ours*, perhaps with a better service."""

    team: Code
    suggestion: Code | None = None


class ReplyOverdue(StoryEvent, name="reply.overdue", topic=topics.REPLIES):
    """The team's clock ran out without a reply."""

    team: Code
    due_at: datetime


class TeamStaffed(Event, name="team.staffed", topic=topics.REPLIES):
    """The team has somebody again who may answer: a responder or administrator of its own, not frozen."""

    team: Code
    organisation: Code

    @property
    def subject(self) -> str:
        return f"team/{self.team}"


class TeamUnstaffed(Event, name="team.unstaffed", topic=topics.REPLIES):
    """The last of the team's own people who may answer has left or is frozen."""

    team: Code
    organisation: Code

    @property
    def subject(self) -> str:
        return f"team/{self.team}"


class OrganisationRole(OpenEnum):
    """What a member may do for an organisation or team; a role that is new here gives no right here."""

    SUBSCRIBER = "subscriber"
    RESPONDER = "responder"
    ADMINISTRATOR = "administrator"
    LISTENER = "listener"
    OTHER = "other"


class MemberListed(Event, name="member.listed", topic=topics.MEMBERS):
    """A member as they stand from now on; nothing here says who they are."""

    member: UUID
    principal: Annotated[str, Field(pattern=OPAQUE)]
    """The opaque subject with which this person signs in."""
    role: OrganisationRole
    organisation: Code
    team: Code | None = None
    """None: in the organisation and all below it."""
    frozen: bool = False
    """Frozen members have no rights until they are taken out of it."""

    @property
    def subject(self) -> str:
        return f"member/{self.member}"


class MemberRemoved(Event, name="member.removed", topic=topics.MEMBERS):
    """Somebody is no member any more."""

    member: UUID

    @property
    def subject(self) -> str:
        return f"member/{self.member}"


# --- tracker ---------------------------------------------------------------------------------


class ChangeEvent(StoryEvent):
    """A fact about one change that a story led to."""

    change: UUID
    team: Code
    step: Annotated[int, Field(ge=1)] = 1
    """The how-manieth state of the change this is: it may come into the same one again."""


class ChangePlanned(ChangeEvent, name="change.planned", topic=topics.OUTCOMES, personal=True):
    """A team says what it will change and by when."""

    what: Text
    due: date | None = None


class ChangeMade(ChangeEvent, name="change.made", topic=topics.OUTCOMES, personal=True):
    """A team says that the change is there."""

    what: Text


class ChangeMissed(ChangeEvent, name="change.missed", topic=topics.OUTCOMES):
    """The day has passed and staff have not confirmed the change."""

    due: date


class ChangeConfirmed(ChangeEvent, name="change.confirmed", topic=topics.OUTCOMES):
    """The author says that the change is what they meant, wholly or partly."""


class ChangeDisputed(ChangeEvent, name="change.disputed", topic=topics.OUTCOMES):
    """The author says that the change is not what they meant."""


# --- replay ----------------------------------------------------------------------------------


class SubjectRestated(Event, name="subject.restated", personal=True):
    """All that an announcer now says of one subject, for a new listener; carries its thread's (term, sequence)."""

    about: str
    listener: str
    facts: Sequence[dict[str, Any]]
    """Each fact: `type`, `time`, `data`."""

    @property
    def subject(self) -> str:
        return self.about

    def topic_for(self, _service: str) -> str:
        return topics.REPLAY + self.listener


class ReplayEnded(Event, name="replay.ended"):
    """One announcer has restated everything on this partition."""

    listener: str
    partition: int

    @property
    def subject(self) -> str:
        return f"replay/{self.partition}"

    def topic_for(self, _service: str) -> str:
        return topics.REPLAY + self.listener
