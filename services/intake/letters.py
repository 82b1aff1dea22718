"""What authors are written: what has happened, and never a promise of what may happen."""

from collections.abc import Sequence
from functools import singledispatch
from hashlib import sha256
from uuid import UUID

from services.intake import rules
from services.intake.progress import step_of
from shared.contracts import StoryEvent
from shared.deliveries import Delivery
from shared.events import ChangeMade, ChangePlanned, ReplyPublished, StoryRouted, StoryTold

CLOSING = (
    "\n\nIf you told your story on our own page, the private link that you were given there shows what has happened."
)
HELP = (
    "\n\nThis is not a helpline. If somebody is in danger, call 999. "
    "If you need help now and it is not an emergency, call 111."
)


def received(story: UUID, told: StoryTold) -> Sequence[Delivery]:
    """The confirmation that a story is ours."""
    text = "Thank you for telling your story. It is with us. A moderator reads every story before others can." + HELP
    return _letter(story, told, "received", "Your story is with us", text)


@singledispatch
def about(_fact: StoryEvent, _told: StoryTold) -> Sequence[Delivery]:
    """The letter about a fact, if it is one that authors are written about."""
    return ()


@about.register
def _(fact: StoryRouted, told: StoryTold) -> Sequence[Delivery]:
    teams = ", ".join(f"{team.team_name} ({team.organisation_name})" for team in fact.teams)
    named = sha256(" ".join(sorted(team.team for team in fact.teams)).encode()).hexdigest()[:16]
    return _letter(
        fact.story, told, f"routed {named}", "Your story was sent to staff", f"Your story was sent to: {teams}."
    )


@about.register
def _(fact: ReplyPublished, told: StoryTold) -> Sequence[Delivery]:
    text = f"{fact.signed_name}, {fact.signed_role}, {fact.team_name}, answered your story:\n\n{fact.text}"
    return _letter(fact.story, told, f"reply {fact.reply}", "Staff answered your story", text)


@about.register
def _(fact: ChangePlanned, told: StoryTold) -> Sequence[Delivery]:
    text = f"Staff say that they plan a change because of your story:\n\n{fact.what}"
    return _letter(fact.story, told, f"planned {fact.change}", "A change is planned", text)


@about.register
def _(fact: ChangeMade, told: StoryTold) -> Sequence[Delivery]:
    text = f"Staff say that they made a change because of your story:\n\n{fact.what}"
    return _letter(fact.story, told, f"made {step_of(fact)}", "A change was made", text)


def _letter(story: UUID, told: StoryTold, kind: str, subject: str, text: str) -> Sequence[Delivery]:
    if not rules.may_write_to(told):
        return ()
    payload = {"to": told.email, "subject": subject, "text": text + CLOSING}
    return (Delivery(f"story/{story}", "author", kind, "mail", payload),)
