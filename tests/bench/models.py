"""The messages of the two chains that are compared with, as pydantic models that a tutorial would write."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, EmailStr, Field

Line = Annotated[str, Field(min_length=1, max_length=200)]
Text = Annotated[str, Field(min_length=1, max_length=64_000)]


class Words(BaseModel):
    """What a person says."""

    title: Line
    text: Text
    good: Text | None = None
    improve: Text | None = None
    feelings: list[Line] = []
    tags: list[Line] = []
    services: list[str] = Field(min_length=1, max_length=20)
    author_role: str
    language: str = "en"
    criticality: int | None = Field(None, ge=0, le=5)


class Offer(Words):
    """A publisher's offer."""

    consent: list[str]
    route: str = "other"
    happened: str | None = None
    email: EmailStr | None = None


class Received(BaseModel):
    """A story is ours."""

    story: UUID
    publisher: str
    services: list[str]
    author_role: str
    route: str
    visibility: str
    received_at: datetime


class Published(Words):
    """A story is out."""

    story: UUID
    revision: int
    visibility: str


class RoutedTeam(BaseModel):
    """A team that should read a story, and why."""

    team: str
    team_name: str
    organisation: str
    organisation_name: str
    rule: str
    evidence: str
    path: list[str]
    subscription: str


class Routed(BaseModel):
    """Whom a story should reach."""

    story: UUID
    revision: int
    teams: list[RoutedTeam]
    directory_version: int


class Receipt(BaseModel):
    """What became of a submission."""

    publisher: str
    event_id: str
    outcome: str
    subject_id: UUID
