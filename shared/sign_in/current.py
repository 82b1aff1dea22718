"""Who asks: the principal of a request, from its session or its bearer token, and what becomes of a refusal.

An endpoint says by `those_who(action)` for whom its area is at all (403 for others), and then asks `allow` about the
thing itself: what is not theirs is answered, and written down, exactly as what does not exist (`not_there`).
"""

from collections.abc import AsyncIterator
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Depends, Request

from shared.http import AtDesk, Desk, bearer
from shared.problems import Problem
from shared.sign_in import audit, cookies, forgery, sessions
from shared.sign_in.audit import Audited
from shared.sign_in.key_sets import KeysAway
from shared.sign_in.members import grants_of
from shared.sign_in.oidc import Issuer
from shared.sign_in.principal import Principal
from shared.sign_in.rights import NOTHING, Action, Thing, may, might
from shared.sign_in.sessions import Session
from shared.sign_in.tokens import BadToken


def away() -> Problem:
    """The issuer is needed for this, and does not answer."""
    return Problem(503, "issuer_away", "Nobody can sign in for a moment.", headers={"Retry-After": "5"})


class Refusal(Problem):
    """Somebody who is known asked for what is not theirs or not there; the audit hears of it, and nobody says which."""

    def __init__(self, status: int, reason: str, action: str, subject: str) -> None:
        super().__init__(status, reason)
        self.action, self.subject = action, subject


def allow(principal: Principal, action: Action, *things: Thing, missing: str) -> None:
    """Raises the answer of what does not exist, whose reason is `missing`, unless one of these things is theirs."""
    if not any(may(principal, action, thing) for thing in things or (NOTHING,)):
        raise not_there(principal, action, missing=missing)


def not_there(principal: Principal, action: Action, *, missing: str) -> Refusal:
    """The answer to whoever asks for what does not exist: the same line, row and body as for what is not theirs."""
    return Refusal(404, missing, action, principal.subject)


def issuer_of(request: Request) -> Issuer:
    """Whom this application believes about people; made when somebody first asks, one for all."""
    state = request.app.state
    if not hasattr(state, "issuer"):
        state.issuer = Issuer(state.desk.home.settings)
    issuer: Issuer = state.issuer
    return issuer


AtIssuer = Annotated[Issuer, Depends(issuer_of)]


async def visitor(request: Request, desk: AtDesk) -> Session | None:
    """The session of the browser that asks, for pages that are open to all; `request.state.session` holds it too."""
    secret = cookies.shown(request, cookies.session_cookie(desk.home.service))
    request.state.session = await _session(desk, secret) if secret else None
    found: Session | None = request.state.session
    return found


Visitor = Annotated[Session | None, Depends(visitor)]


async def _session(desk: Desk, secret: str) -> Session | None:
    async with desk.home.database.connection() as connection:
        found = await sessions.find(connection, secret, desk.home.settings.session_idle)
        if found is not None:
            await sessions.touch(connection, secret)
        return found


async def principal(request: Request, desk: AtDesk, issuer: AtIssuer) -> AsyncIterator[Principal]:
    """Who asks; 401, or for a page the way to sign in, if nobody we know. Refusals on the way are audited."""
    request.state.session = None
    known = await (_of_token if "authorization" in request.headers else _of_session)(request, desk, issuer)
    request.state.subject = known.subject
    async with desk.home.database.connection() as connection:
        granted = await grants_of(connection, known.subject)
    try:
        yield Principal(known.subject, known.grants | granted)
    except Refusal as refusal:
        await audit.note_apart(
            desk.home.database,
            Audited.REFUSED,
            refusal.subject,
            action=refusal.action,
            status=str(refusal.details.status),
        )
        raise


Who = Annotated[Principal, Depends(principal)]


def those_who(action: Action) -> Any:
    """A dependency: the principal, if there is anything for them in this area; 403 if not."""

    async def in_the_area(who: Who) -> Principal:
        if not might(who, action):
            raise Refusal(403, "not_for_you", action, who.subject)
        return who

    return Depends(in_the_area)


async def _of_token(request: Request, _desk: Desk, issuer: Issuer) -> Principal:
    try:
        return await issuer.principal_of(bearer(request))
    except BadToken as error:
        audit.say(Audited.NOT_BELIEVED, reason=error.reason)
        raise Problem(
            401,
            "sign_in",
            "The token is not believed: sign in again.",
            headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
        ) from error
    except KeysAway as error:
        raise away() from error


async def _of_session(request: Request, desk: Desk, issuer: Issuer) -> Principal:
    session = await visitor(request, desk)
    if session is None:
        raise _sign_in_first(request, issuer)
    if await forgery.is_forged(request, issuer.told, session.csrf):
        await audit.note_apart(desk.home.database, Audited.REFUSED, session.subject, action="forged")
        raise Problem(403, "forged", "Open the page again and send it from there.")
    return Principal(session.subject, session.grants)


def _sign_in_first(request: Request, issuer: Issuer) -> Problem:
    if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
        asked = issuer.told.unlinked(request.url.path) + (f"?{request.url.query}" if request.url.query else "")
        return Problem(
            303, "sign_in", headers={"Location": issuer.told.link(f"/sign-in?next={quote(asked, safe='/')}")}
        )
    return Problem(401, "sign_in", "Sign in, or show a bearer token.", headers={"WWW-Authenticate": "Bearer"})
