"""What a service says of itself to people: its start page, and where its own templates are."""

from dataclasses import dataclass
from pathlib import Path

from shared.sign_in.rights import Action


@dataclass(frozen=True, slots=True)
class Offer:
    """Something that can be done here; the start page lists it."""

    words: str
    path: str
    signed_in: bool = True
    """Shown only to who has signed in."""
    action: Action | None = None
    """Shown only to who may do this somewhere."""


@dataclass(frozen=True, slots=True)
class Site:
    """A service, as people see it."""

    title: str
    says: str
    """One sentence: what it is for."""
    offers: tuple[Offer, ...] = ()
    templates: Path | None = None
    """The service's own; they come before the shared ones."""


FOR_PROGRAMS = Offer("Read the description of the API, for programs (JSON)", "/openapi.json", signed_in=False)
PLAIN = Site("Storyloop", "")
"""Where nobody has said what the service is for, as in tests of something else."""
