"""What may be accepted, what is published at once, and who is who among publishers."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from uuid import UUID

from pydantic_core import to_json

from shared.contracts import Event
from shared.events import Consent, StoryTold, Visibility

EVERY_SERVICE = "*"


class State(StrEnum):
    """Where a story stands with moderation and its author."""

    WAITING = "waiting"
    PUBLISHED = "published"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Publisher:
    """A service that may submit; which sources and services it speaks for stands in the register."""

    name: str
    sources: frozenset[str]
    services: frozenset[str]
    trusted: bool


@dataclass(frozen=True, slots=True)
class Submission:
    """One event of a publisher, known by (publisher, event id) and the sha256 of its body."""

    publisher: str
    event_id: str
    sha256: bytes
    subject: str
    """Our subject: `story/<uuid>` or `comment/<uuid>`."""
    source: str


@dataclass(frozen=True, slots=True)
class Known:
    """What is known already of a batch's publishers, events and stories."""

    publishers: Mapping[str, Publisher]
    submissions: dict[tuple[str, str], bytes] = field(default_factory=dict)
    stories: dict[str, bytes] = field(default_factory=dict)
    """Subject -> sha256 of the offer it came with."""
    recalled: frozenset[str] = frozenset()


class Fate(StrEnum):
    """What becomes of a submission; beside these only refusals with a reason."""

    ACCEPTED = "accepted"
    REPEATED = "repeated"


@dataclass(frozen=True, slots=True)
class Judgement:
    """Accepted, repeated, or refused for a reason."""

    fate: Fate | None
    reason: str | None = None


def fingerprint(event: Event, about: str = "") -> bytes:
    """The sha256 of what a submission says and of what; its content mode and unknown fields do not count.

    Sets are sorted first: their own order is another one in every process, and a repeat would look reused.
    """
    fields = event.model_dump(exclude_defaults=True).items()
    said = {name: sorted(value) if isinstance(value, frozenset) else value for name, value in fields}
    return sha256(about.encode() + b"\n" + to_json(said)).digest()


def judge(submission: Submission, services: Iterable[str], known: Known) -> Judgement:
    """Decides on an offer and notes it in `known`, so that a repeat in the same batch is one."""
    why_not = (
        _why_not_speak(submission, services, known)
        or _why_event_reused(submission, known)
        or _why_reference_reused(submission, known)
    )
    if why_not:
        return Judgement(None, why_not)
    key, first = (submission.publisher, submission.event_id), known.stories.get(submission.subject)
    known.submissions.setdefault(key, submission.sha256)
    if first is not None:
        return Judgement(Fate.REPEATED)
    if submission.subject in known.recalled:
        return Judgement(None, "recalled")
    known.stories[submission.subject] = submission.sha256
    return Judgement(Fate.ACCEPTED)


def judge_recall(submission: Submission, known: Known) -> Judgement:
    """Decides on a recall and notes it in `known`; whether its story was ever offered does not matter."""
    why_not = _why_not_speak(submission, (), known) or _why_event_reused(submission, known)
    if why_not:
        return Judgement(None, why_not)
    key = (submission.publisher, submission.event_id)
    fate = Fate.REPEATED if key in known.submissions else Fate.ACCEPTED
    known.submissions[key] = submission.sha256
    return Judgement(fate)


def _why_not_speak(submission: Submission, services: Iterable[str], known: Known) -> str | None:
    publisher = known.publishers.get(submission.publisher)
    if publisher is None:
        return "unknown_publisher"
    if submission.source not in publisher.sources:
        return "source_not_registered"
    if EVERY_SERVICE not in publisher.services and not publisher.services.issuperset(services):
        return "service_not_registered"
    return None


def _why_event_reused(submission: Submission, known: Known) -> str | None:
    earlier = known.submissions.get((submission.publisher, submission.event_id), submission.sha256)
    return None if earlier == submission.sha256 else "event_id_reused"


def _why_reference_reused(submission: Submission, known: Known) -> str | None:
    if known.stories.get(submission.subject, submission.sha256) != submission.sha256:
        return "reference_reused"
    return None


def visibility(told: StoryTold) -> Visibility:
    """Staff only is a choice for everybody."""
    return Visibility.PUBLIC if Consent.PUBLISH in told.consent else Visibility.STAFF


def may_write_to(told: StoryTold) -> bool:
    """The author left an address and agreed to be written to."""
    return told.email is not None and Consent.WRITE_TO_ME in told.consent


def why_not_moderate(state: State) -> str | None:
    """Why a moderator cannot decide on this story now; None if it waits for one."""
    return None if state is State.WAITING else f"already_{state}"


def is_known_change(change: UUID, details: Iterable[Mapping[str, str]]) -> bool:
    """Among what the author sees is a line about this change."""
    return any(detail.get("change") == str(change) for detail in details)


@dataclass(frozen=True, slots=True)
class Story:
    """A story as intake keeps it; `told` is None once it is erased."""

    story: UUID
    publisher: str
    state: State
    revision: int
    told: StoryTold | None = field(repr=False)


def can_be_a_publisher(name: str) -> bool:
    """A name that topics can carry; `web` is whose stories come from people themselves."""
    return re.fullmatch(r"[a-z0-9][a-z0-9-]{0,39}", name) is not None and name != "web"


def hash_of(secret: str) -> bytes:
    """What is kept of a private link or a publisher's token: 256 random bits need no slow hash."""
    return sha256(secret.encode()).digest()
