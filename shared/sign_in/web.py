"""Signing in and out: from the start page to the issuer and back, out again, and out because the issuer says so."""

import hmac
import re
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from shared.http import AtDesk, Desk
from shared.pages.rendering import page
from shared.pages.site import Offer, Site
from shared.problems import Problem
from shared.sign_in import attempts, audit, cookies, flows, forgery, once, sessions
from shared.sign_in.audit import Audited
from shared.sign_in.current import AtIssuer, Visitor, away
from shared.sign_in.discovery import IssuerAway
from shared.sign_in.flows import Flow
from shared.sign_in.key_sets import KeysAway
from shared.sign_in.members import grants_of
from shared.sign_in.oidc import Issuer
from shared.sign_in.principal import Principal
from shared.sign_in.rights import might
from shared.sign_in.sessions import Arrival, Session
from shared.sign_in.tokens import BadToken

ways_in = APIRouter(tags=["sign-in"])
LOCAL = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")
"""A path of this service: not another host's by `//host`, nor by a backslash that browsers read as a slash."""
ELSEWHERE: dict[str, Any] = {"status_code": 303, "response_class": RedirectResponse}
Short = Annotated[str, Query(max_length=2000)]


def form(*fields: str) -> dict[str, Any]:
    """A form's fields, as the service's document has them."""
    properties = {name: {"type": "string"} for name in fields}
    schema = {"type": "object", "properties": properties, "required": list(fields)}
    return {"requestBody": {"required": True, "content": {forgery.FORM: {"schema": schema}}}}


@ways_in.get("/", include_in_schema=False)
async def start_page(request: Request, session: Visitor, desk: AtDesk) -> Response:
    """What the service is, who has signed in, and what they can do here."""
    site: Site = request.app.state.site
    who = await _somebody(desk, session) if session else None
    return page(request, "start.html", offers=[offer for offer in site.offers if _is_for(offer, who)])


async def _somebody(desk: Desk, session: Session) -> Principal:
    async with desk.home.database.connection() as connection:
        return Principal(session.subject, session.grants | await grants_of(connection, session.subject))


def _is_for(offer: Offer, who: Principal | None) -> bool:
    if who is None:
        return not offer.signed_in
    return offer.action is None or might(who, offer.action)


@ways_in.get("/sign-in", **ELSEWHERE)
async def sign_in(
    request: Request, desk: AtDesk, issuer: AtIssuer, next_: Annotated[str, Query(alias="next", max_length=2000)] = "/"
) -> Response:
    """Sends a browser to the issuer; `next` is where it then goes, a path of this service."""
    await attempts.count(desk.home.database, "sign_in", request)
    if not LOCAL.fullmatch(next_):
        audit.say(Audited.SIGN_IN_FAILED, reason="next")
        raise Problem(400, "bad_next", "next is a path of this service.")
    try:
        departure = await issuer.depart()
    except IssuerAway as error:
        raise away() from error
    async with desk.home.database.connection() as connection:
        secret = await flows.start(connection, departure, next_)
    answer = RedirectResponse(departure.url, 303)
    cookies.give(answer, cookies.flow_cookie(desk.home.service), secret, cookies.FLOW)
    return answer


@ways_in.get("/sign-in/back", **ELSEWHERE)
async def come_back(
    request: Request,
    desk: AtDesk,
    issuer: AtIssuer,
    state: Short = "",
    code: Short = "",
    error: Short = "",
    iss: Short = "",
) -> Response:
    """Takes a browser back from the issuer and starts its session, under a new secret."""
    await attempts.count(desk.home.database, "sign_in", request)
    flow = await _taken(request, desk)
    if flow is None or not hmac.compare_digest(flow.state.encode(), state.encode()):
        audit.say(Audited.SIGN_IN_FAILED, reason="state" if flow else "no_flow")
        raise Problem(400, "sign_in_failed", "Sign in again.")
    try:
        who = await _arrived(flow, issuer, code, error, iss)
    except BadToken as failure:
        await audit.note_apart(desk.home.database, Audited.SIGN_IN_FAILED, reason=failure.reason)
        raise Problem(400, "sign_in_failed", "Sign in again.") from failure
    except (IssuerAway, KeysAway) as failure:
        raise away() from failure
    answer = RedirectResponse(issuer.told.link(flow.next), 303)
    cookies.take(answer, cookies.flow_cookie(desk.home.service))
    secret = await _start(request, desk, issuer, who)
    cookies.give(answer, cookies.session_cookie(desk.home.service), secret, issuer.told.session_limit)
    return answer


async def _taken(request: Request, desk: Desk) -> Flow | None:
    secret = cookies.shown(request, cookies.flow_cookie(desk.home.service))
    if secret is None:
        return None
    async with desk.home.database.connection() as connection:
        return await flows.take(connection, secret)


async def _arrived(flow: Flow, issuer: Issuer, code: str, error: str, iss: str) -> Arrival:
    if iss and iss != issuer.told.issuer:
        raise BadToken("claim_iss")
    if error or not code:
        raise BadToken("issuer_refused")
    return await issuer.arrive(code, flow.nonce, flow.verifier)


async def _start(request: Request, desk: Desk, issuer: Issuer, who: Arrival) -> str:
    """A session's secret; the browser's earlier session ends (fixation)."""
    before = cookies.shown(request, cookies.session_cookie(desk.home.service))
    limit: timedelta = issuer.told.session_limit
    async with desk.home.database.transaction() as connection:
        ended = await sessions.end(connection, before) if before else None
        if ended:
            await audit.note(connection, Audited.SESSION_ENDED, ended, why="signed_in_again")
        secret = await sessions.start(connection, issuer.told.issuer, who, limit)
        await audit.note(connection, Audited.SIGNED_IN, who.subject)
        await audit.note(connection, Audited.SESSION_STARTED, who.subject)
    return secret


@ways_in.post("/sign-out", **ELSEWHERE, openapi_extra=form("csrf_token"))
async def sign_out(request: Request, session: Visitor, desk: AtDesk, issuer: AtIssuer) -> Response:
    """Ends the session here, and sends the browser on to end the issuer's own."""
    if session is None:
        return RedirectResponse(issuer.told.link("/"), 303)
    if await forgery.is_forged(request, issuer.told, session.csrf):
        await audit.note_apart(desk.home.database, Audited.REFUSED, session.subject, action="forged")
        raise Problem(403, "forged", "Open the page again and send it from there.")
    name = cookies.session_cookie(desk.home.service)
    async with desk.home.database.transaction() as connection:
        await sessions.end(connection, cookies.shown(request, name) or "")
        await audit.note(connection, Audited.SESSION_ENDED, session.subject, why="signed_out")
    answer = RedirectResponse(await issuer.goodbye(session.id_token) or issuer.told.link("/"), 303)
    cookies.take(answer, name)
    return answer


@ways_in.post("/sign-out/back-channel", openapi_extra=form("logout_token"))
async def end_sessions(request: Request, desk: AtDesk, issuer: AtIssuer) -> dict[str, int]:
    """The issuer itself says that somebody has signed out; a logout token counts once."""
    await attempts.count(desk.home.database, "logout", request)
    token = (await forgery.fields_of(request)).get("logout_token", "")
    try:
        over = await issuer.ended(token)
    except BadToken as failure:
        audit.say(Audited.NOT_BELIEVED, reason=failure.reason)
        raise Problem(400, "bad_token") from failure
    except KeysAway as failure:
        raise away() from failure
    async with desk.home.database.transaction() as connection:
        if not await once.first_time(connection, "logout", over.jti, over.until):
            audit.say(Audited.SHOWN_TWICE, kind="logout")
            raise Problem(400, "bad_token")
        subjects = await sessions.end_at_issuer(connection, issuer.told.issuer, over.sid, over.person)
        for subject in subjects:
            await audit.note(connection, Audited.SESSION_ENDED, subject, why="issuer")
    return {"ended": len(subjects)}
