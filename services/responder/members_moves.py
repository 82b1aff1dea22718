"""Responder's pages that ask before a member is frozen, unfrozen or removed, and then do it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

from fastapi import APIRouter, Request, Response

from services.responder import keeping, members
from services.responder.keeping import thread_of
from services.responder.members import Member, State, Step
from services.responder.members_forms import Nothing, refused
from services.responder.members_pages import Keeper, at, one, words
from shared.contracts import Code
from shared.http import AtDesk
from shared.pages.forms import Form
from shared.pages.rendering import page, seen_after
from shared.problems import Problem

moves = APIRouter(prefix="/members", include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Move:
    """Something done to a member: what is asked before, what it means, and what is said after."""

    asks: str
    means: str
    button: str
    done: str
    act: Callable[[Member], Step]


MOVES: Mapping[str, Move] = {
    "freeze": Move(
        "Freeze this member?",
        "They can do nothing here until somebody unfreezes them. Their name stays in the list.",
        "Freeze",
        "frozen",
        members.frozen,
    ),
    "unfreeze": Move(
        "Unfreeze this member?", "They can do again what they could before.", "Unfreeze", "unfrozen", members.unfrozen
    ),
    "removal": Move(
        "Remove this member?",
        "They can do nothing here any more. We keep their name for a while, then delete it.",
        "Remove",
        "left",
        members.gone,
    ),
}


@moves.get("/{organisation}/{member}/{what}")
async def ask(request: Request, who: Keeper, organisation: Code, member: UUID, what: str, desk: AtDesk) -> Response:
    """The page that asks."""
    found, team = await one(desk, who, organisation, member)
    return _asked(request, found, team, what, who.subject)


@moves.post("/{organisation}/{member}/{what}")
async def do(request: Request, who: Keeper, organisation: Code, member: UUID, what: str, desk: AtDesk) -> Response:
    """Does it; who ends their own part is led to the start page, for they may see the others no more."""
    found, team = await one(desk, who, organisation, member)
    move = _move(what)
    try:
        after = await desk.on_thread(
            thread_of(organisation), lambda work: keeping.move(work, who, organisation, member, move.act)
        )
    except Problem as problem:
        return _asked(request, found, team, what, who.subject, problem)
    if after.principal == who.subject and after.state is not State.ACTIVE:
        return seen_after(request, "/")
    return seen_after(request, f"{at(organisation)}/{member}?done={move.done}")


def _asked(
    request: Request, member: Member, team: str | None, what: str, subject: str, problem: Problem | None = None
) -> Response:
    form = refused(Form(Nothing), problem) if problem else Form(Nothing)
    return page(
        request,
        "members_move.html",
        status=409 if problem else 200,
        form=form,
        member=member,
        team=team,
        what=what,
        move=_move(what),
        oneself=member.principal == subject,
        **words(request),
    )


def _move(what: str) -> Move:
    if what not in MOVES:
        raise Problem(404, "not_found")
    return MOVES[what]
