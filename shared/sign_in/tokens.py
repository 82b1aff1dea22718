"""Tokens: signed JWTs of an issuer that we know, checked before a word in them is believed.

Which algorithms are taken is said here and by settings, never by the token: `none` and the symmetric ones, which would
take a public key for a secret, are in no list.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jws import JWSRegistry
from joserfc.jwt import ClaimsOption, JWTClaimsRegistry

from shared.sign_in.key_sets import Key, KeysOf

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
"""What a signed JWT is called by which a client proves itself (RFC 7523)."""
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384")
LEEWAY_SECONDS = 30
LONGEST = 16_000


class BadToken(Exception):
    """A token that is not believed; `reason` is a code for the audit, without anything of the token."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Expected:
    """What a token must say to be meant for us."""

    issuer: str
    audience: str
    algorithms: Collection[str]
    essential: tuple[str, ...] = ("exp", "iat", "sub")


async def claims_of(token: str, keys: KeysOf, expected: Expected) -> dict[str, Any]:
    """What a token claims, if all about it is right. Raises BadToken, KeysAway."""
    header = header_of(token)
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in expected.algorithms or algorithm not in ALGORITHMS:
        raise BadToken("algorithm")
    if kid is not None and not isinstance(kid, str):
        raise BadToken("key")
    claims = _signed_by_one_of(token, await keys.candidates(kid), algorithm)
    check(claims, expected)
    return claims


def header_of(token: str) -> Mapping[str, Any]:
    """What a token says about itself; nothing of it is proved yet."""
    if len(token) > LONGEST or not token.isascii():
        raise BadToken("not_a_token")
    try:
        said: Any = jws.extract_compact(token.encode()).headers()
    except (JoseError, ValueError, TypeError, RecursionError) as error:
        raise BadToken("not_a_token") from error
    if not isinstance(said, dict):
        raise BadToken("not_a_token")
    return said


def unproved(token: str) -> Mapping[str, Any]:
    """What a token claims before anything of it is proved: only to find out whose keys to look at. Raises BadToken."""
    header_of(token)
    try:
        said = json.loads(jws.extract_compact(token.encode()).payload)
    except (JoseError, ValueError, RecursionError) as error:
        raise BadToken("not_a_token") from error
    return said if isinstance(said, dict) else {}


def _signed_by_one_of(token: str, keys: Collection[Key], algorithm: str) -> dict[str, Any]:
    registry = JWSRegistry(algorithms=[algorithm])
    for key in keys:
        try:
            return jwt.decode(token, key, registry=registry).claims
        except (JoseError, ValueError):
            continue
    raise BadToken("signature" if keys else "key")


def check(claims: dict[str, Any], expected: Expected) -> None:
    """Raises BadToken unless issuer, audience and times are right."""
    wanted: dict[str, ClaimsOption] = {name: {"essential": True} for name in expected.essential}
    wanted["iss"] = {"essential": True, "value": expected.issuer}
    wanted["aud"] = {"essential": True, "value": expected.audience}
    try:
        JWTClaimsRegistry(now=None, leeway=LEEWAY_SECONDS, **wanted).validate(claims)
    except ExpiredTokenError as error:
        raise BadToken("expired") from error
    except JoseError as error:
        raise BadToken(f"claim_{getattr(error, 'claim', None) or 'missing'}") from error
