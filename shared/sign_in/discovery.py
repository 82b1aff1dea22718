"""Discovery: what an issuer says about itself, and the one client through which it is asked.

What it said stays while it is away; after a failure it is left alone for half a minute, like its keys.
"""

import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import httpx
from authlib.deprecate import AuthlibDeprecationWarning
from authlib.oauth2.rfc7523 import PrivateKeyJWT, private_key_jwt_sign
from joserfc.jwk import ECKey, RSAKey

from shared.logs import log
from shared.sign_in.key_sets import LIFE_SECONDS, PAUSE_SECONDS
from shared.sign_in.told import SignIn

with warnings.catch_warnings():  # a service's output is log lines alone, and a warning is none
    warnings.simplefilter("ignore", AuthlibDeprecationWarning)  # it would rather have httpx2
    from authlib.integrations.httpx_client import AsyncOAuth2Client

ASSERTION_SECONDS = 300


class IssuerAway(Exception):
    """The issuer does not answer, or does not answer as it should."""


class Discovery:
    """One issuer's end points, asked for when they are first needed and kept while it is away."""

    def __init__(self, told: SignIn, clock: Callable[[], float] = time.monotonic) -> None:
        self.told, self._clock = told, clock
        self._found: Mapping[str, Any] | None = None
        self._found_at = self._failed_at = float("-inf")
        self._http: AsyncOAuth2Client | None = None

    async def close(self) -> None:
        """Lets go of connections."""
        if self._http is not None:
            await self._http.aclose()

    async def endpoint(self, name: str) -> str:
        """The address of one of its end points. Raises IssuerAway."""
        endpoint = (await self.document()).get(name)
        if not isinstance(endpoint, str):
            log.error("issuer.away", why=f"its discovery document has no {name}")
            raise IssuerAway
        return endpoint

    async def document(self) -> Mapping[str, Any]:
        """All that it says about itself. Raises IssuerAway."""
        old = self._clock() - self._found_at > LIFE_SECONDS
        if old and self._clock() - self._failed_at >= PAUSE_SECONDS:
            try:
                self._found = await self._asked()
                self._found_at = self._clock()
            except IssuerAway:
                self._failed_at = self._clock()
        if self._found is None:
            raise IssuerAway
        return self._found

    async def _asked(self) -> Mapping[str, Any]:
        found = await self.get(self.told.issuer.rstrip("/") + "/.well-known/openid-configuration")
        if found.get("issuer") != self.told.issuer:
            log.error("issuer.away", why="its discovery document names another issuer")
            raise IssuerAway
        return found

    async def keys(self) -> Mapping[str, Any]:
        """Its key set, or that of the settings. Raises httpx.TransportError."""
        if self.told.issuer_keys is not None:
            return self.told.issuer_keys
        try:
            return await self.get(await self.endpoint("jwks_uri"))
        except IssuerAway as error:
            raise httpx.TransportError("the issuer is away") from error

    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> Mapping[str, Any]:
        """A JSON object of the issuer's. Raises IssuerAway."""
        try:
            answer = await self.client().request("GET", url, withhold_token=True, headers=headers)
            said = answer.raise_for_status().json()
        except (httpx.HTTPError, ValueError) as error:
            log.warning("issuer.away", error=error)
            raise IssuerAway from error
        if not isinstance(said, dict):
            raise IssuerAway
        return said

    def client(self) -> AsyncOAuth2Client:
        """The one client, made when it is first needed."""
        if self._http is None:
            secret, method = _credentials(self.told)
            self._http = AsyncOAuth2Client(
                self.told.client_id,
                secret,
                token_endpoint_auth_method=method,
                code_challenge_method="S256",
                timeout=5,
                trust_env=False,
                follow_redirects=False,
            )
        return self._http


class Signed(PrivateKeyJWT):  # type: ignore[misc]  # Authlib ships no types
    """`private_key_jwt` whose assertions live for five minutes: NHS issuers refuse longer ones."""

    def sign(self, auth: Any, token_endpoint: str) -> Any:
        """A fresh assertion."""
        return private_key_jwt_sign(
            auth.client_secret,
            auth.client_id,
            token_endpoint,
            alg=self.alg,
            header=dict(self.headers),
            expires_in=ASSERTION_SECONDS,
        )


def _credentials(told: SignIn) -> tuple[Any, Any]:
    if told.client_key is None:
        return (told.client_secret and told.client_secret.get_secret_value()), "client_secret_basic"
    kind = ECKey if told.client_algorithm.startswith("ES") else RSAKey
    key = kind.import_key(told.client_key.get_secret_value())
    key.ensure_kid()
    return key, Signed(alg=told.client_algorithm, headers={"kid": key.kid})
