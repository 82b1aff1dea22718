"""`POST /token`: a publisher shows that it holds its private key, and gets a token for ten minutes.

OAuth's client credentials with a signed JWT (RFC 7523), as NHS England's API platform has them. The publisher's public
keys stand in the register; a statement counts once, lives for five minutes at the most, and names this very address.
"""

import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel

from services.intake import rules, store_publishers
from shared.database import Connection
from shared.http import AtDesk
from shared.problems import Problem
from shared.sign_in import attempts, audit, once
from shared.sign_in.audit import Audited
from shared.sign_in.current import AtIssuer
from shared.sign_in.forgery import fields_of
from shared.sign_in.key_sets import KeysAway, KeysOf
from shared.sign_in.secrets import hash_of, new_secret
from shared.sign_in.tokens import ASSERTION, LEEWAY_SECONDS, BadToken, Expected, claims_of, unproved
from shared.sign_in.web import form

sign_in = APIRouter(tags=["publish"])
GRANT = "client_credentials"
ALGORITHMS = ("RS512", "RS256", "PS256", "PS512", "ES256", "ES384")
LIFE = timedelta(minutes=10)
LONGEST = timedelta(minutes=5)


class Issued(BaseModel):
    """A token for `POST /events`."""

    access_token: str
    token_type: str = "Bearer"  # noqa: S105 - the kind, not a token
    expires_in: int


@sign_in.post("/token", openapi_extra=form("grant_type", "client_assertion_type", "client_assertion"))
async def issue_token(request: Request, desk: AtDesk, issuer: AtIssuer) -> Issued:
    """A token for ten minutes, for a statement that the publisher has signed."""
    await attempts.count(desk.home.database, "token", request)
    said = await fields_of(request)
    if said.get("grant_type") != GRANT or said.get("client_assertion_type") != ASSERTION:
        raise Problem(400, "unsupported_grant_type", f"Send {GRANT} with a client_assertion of type {ASSERTION}.")
    assertion, token = said.get("client_assertion", ""), new_secret()
    try:
        async with desk.home.database.transaction() as connection:
            name = await proved(connection, assertion, issuer.told.public("/token"))
            await store_publishers.save_token(connection, hash_of(token), name, LIFE)
            await audit.note(connection, Audited.PUBLISHER_SIGNED_IN, f"publisher/{name}")
    except (BadToken, KeysAway) as error:
        reason = error.reason if isinstance(error, BadToken) else "no_keys"
        audit.say(Audited.SHOWN_TWICE if reason == "used_before" else Audited.SIGN_IN_FAILED, reason=reason)
        raise Problem(401, "invalid_client", headers={"WWW-Authenticate": "Bearer"}) from error
    return Issued(access_token=token, expires_in=int(LIFE.total_seconds()))


async def proved(connection: Connection, assertion: str, audience: str) -> str:
    """The publisher that signed this. Raises BadToken, KeysAway."""
    name = unproved(assertion).get("iss")
    if not isinstance(name, str) or not rules.can_be_a_publisher(name):
        raise BadToken("names_nobody")
    key_set = await store_publishers.key_set(connection, name)

    async def stored() -> Mapping[str, Any]:
        return key_set or {"keys": []}

    expected = Expected(name, audience, ALGORITHMS, ("exp", "sub", "jti"))
    claims = await claims_of(assertion, KeysOf(stored), expected)
    if claims["sub"] != name:
        raise BadToken("claim_sub")
    if claims["exp"] > time.time() + LONGEST.total_seconds() + LEEWAY_SECONDS:
        raise BadToken("too_long")
    if not await once.first_time(connection, "assertion", f"{name} {claims['jti']}", claims["exp"]):
        raise BadToken("used_before")
    return name
