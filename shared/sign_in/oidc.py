"""The issuer: OpenID Connect's code flow with PKCE, state and nonce, and its key set, through Authlib and joserfc.

One per process. Nothing is asked before it is needed, so a service starts while its issuer is away; bearer tokens whose
keys are known, and sessions, go on working meanwhile.
"""

import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
from authlib.integrations.base_client import OAuthError

from shared.sign_in.claims import grants_from, text_at
from shared.sign_in.discovery import Discovery, IssuerAway
from shared.sign_in.key_sets import KeysOf
from shared.sign_in.principal import Principal
from shared.sign_in.secrets import new_secret
from shared.sign_in.sessions import Arrival
from shared.sign_in.tokens import BadToken, Expected, claims_of
from shared.sign_in.told import EMAIL, SignIn

BACK = "/sign-in/back"
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"


@dataclass(frozen=True, slots=True)
class Departure:
    """A browser on its way to the issuer, and what must come back with it."""

    url: str
    state: str
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ended:
    """What a logout token says has ended."""

    sid: str | None
    person: str | None
    jti: str
    until: float


class Issuer:
    """Whom this service believes about people."""

    def __init__(self, told: SignIn) -> None:
        self.told = told
        self.discovery = Discovery(told)
        self.keys = KeysOf(self.discovery.keys)

    # --- tokens ----------------------------------------------------------------------------------

    async def principal_of(self, token: str) -> Principal:
        """Who shows this access token. Raises BadToken, KeysAway."""
        claims = await claims_of(token, self.keys, self._expected(self.told.audience))
        return Principal(self.subject(claims), grants_from(claims, self.told.claims))

    async def ended(self, token: str) -> Ended:
        """What a logout token ends. Raises BadToken, KeysAway."""
        claims = await claims_of(token, self.keys, self._expected(self.told.client_id, "iat", "jti", "events"))
        events = claims["events"]
        if not isinstance(events, dict) or LOGOUT_EVENT not in events or "nonce" in claims:
            raise BadToken("not_a_logout_token")
        sid, person = text_at(claims, "sid"), text_at(claims, "sub")
        if sid is None and person is None:
            raise BadToken("ends_nothing")
        if claims["iat"] < time.time() - 600:
            raise BadToken("expired")
        return Ended(sid, person, claims["jti"], time.time() + 900)

    def subject(self, claims: Mapping[str, Any]) -> str:
        """The opaque subject of whoever these claims are about."""
        person = text_at(claims, self.told.person_claim)
        if person is None:
            raise BadToken("names_nobody")
        if self.told.person_claim == EMAIL and claims.get("email_verified") is not True:
            raise BadToken("email_not_verified")
        return self.told.subject_of(person)

    def _expected(self, audience: str, *essential: str) -> Expected:
        wanted = essential or ("exp", "iat", "sub")
        return Expected(self.told.issuer, audience, self.told.token_algorithms, wanted)

    # --- the code flow ---------------------------------------------------------------------------

    async def depart(self) -> Departure:
        """Where a browser goes to sign in. Raises IssuerAway."""
        endpoint = await self.discovery.endpoint("authorization_endpoint")
        state, nonce, verifier = new_secret(), new_secret(), new_secret()
        url, _ = self.discovery.client().create_authorization_url(
            endpoint,
            state=state,
            nonce=nonce,
            code_verifier=verifier,
            redirect_uri=self.told.public(BACK),
            scope=self.told.scopes,
        )
        return Departure(url, state, nonce, verifier)

    async def arrive(self, code: str, nonce: str, verifier: str) -> Arrival:
        """Who has come back with this code. Raises BadToken, KeysAway, IssuerAway."""
        answer = await self._exchange(code, verifier)
        id_token = text_at(answer, "id_token")
        if id_token is None:
            raise BadToken("no_id_token")
        claims = await claims_of(id_token, self.keys, self._expected(self.told.client_id))
        if not hmac.compare_digest(str(claims.get("nonce")).encode(), nonce.encode()):
            raise BadToken("nonce")
        if isinstance(claims.get("aud"), list) and claims.get("azp", self.told.client_id) != self.told.client_id:
            raise BadToken("claim_azp")
        if self.told.ask_userinfo:
            claims = {**await self._userinfo(answer, claims["sub"]), **claims}
        name = text_at(claims, self.told.name_claim) or "Signed in"
        return Arrival(
            self.subject(claims),
            name[:200],
            grants_from(claims, self.told.claims),
            claims["sub"],
            text_at(claims, "sid"),
            id_token,
        )

    async def goodbye(self, id_token: str) -> str | None:
        """Where a browser goes to end the issuer's own session; None if the issuer has no such place or is away.

        Without the hint an issuer must ask whether to sign out, and many a browser is left before that is answered.
        """
        try:
            endpoint = (await self.discovery.document()).get("end_session_endpoint")
        except IssuerAway:
            return None
        if not isinstance(endpoint, str):
            return None
        said = {"id_token_hint": id_token, "client_id": self.told.client_id}
        return str(httpx.URL(endpoint, params={**said, "post_logout_redirect_uri": self.told.public("/")}))

    async def _exchange(self, code: str, verifier: str) -> Mapping[str, Any]:
        endpoint = await self.discovery.endpoint("token_endpoint")
        try:
            answer: Mapping[str, Any] = await self.discovery.client().fetch_token(
                endpoint,
                grant_type="authorization_code",
                code=code,
                code_verifier=verifier,
                redirect_uri=self.told.public(BACK),
            )
        except OAuthError as error:
            raise BadToken("code") from error
        except (httpx.HTTPError, ValueError) as error:
            raise IssuerAway from error
        return answer

    async def _userinfo(self, answer: Mapping[str, Any], sub: str) -> Mapping[str, Any]:
        endpoint = await self.discovery.endpoint("userinfo_endpoint")
        said = await self.discovery.get(endpoint, {"Authorization": f"Bearer {text_at(answer, 'access_token')}"})
        if said.get("sub") != sub:
            raise BadToken("userinfo_of_another")
        return said
