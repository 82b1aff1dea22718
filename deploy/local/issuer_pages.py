"""The local issuer's end points: discovery, keys, the page on which one chooses who to be, tokens, and signing out."""

import base64
import hmac
import time
from collections.abc import Mapping
from hashlib import sha256
from html import escape
from urllib.parse import parse_qsl, unquote_plus, urlencode

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwt import JWTClaimsRegistry
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from deploy.local.issuer import CODE_SECONDS, KNOWN, TOKEN_SECONDS, Client, LocalIssuer
from deploy.local.people import EVERYBODY, PEOPLE, Person
from deploy.local.ports import LOOPBACK
from shared.sign_in.tokens import ALGORITHMS, ASSERTION

STYLE = (
    "body{font-family:sans-serif;max-width:40rem;margin:2rem auto;padding:0 1rem}ul{list-style:none;padding:0}"
    "li{margin:.5rem 0}button{width:100%;padding:.75rem;text-align:left;font:inherit;cursor:pointer}"
)
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
}


class Wrong(Exception):
    """A request that an issuer refuses, with OAuth's code for it."""

    def __init__(self, error: str, status: int = 400) -> None:
        super().__init__(error)
        self.error, self.status = error, status


def pages_of(issuer: LocalIssuer) -> Starlette:
    """The provider's application."""
    pages = Pages(issuer)
    return Starlette(
        routes=[
            Route("/.well-known/openid-configuration", pages.discovery),
            Route("/keys", pages.keys),
            Route("/authorize", pages.choose, methods=["GET"]),
            Route("/authorize", pages.chosen, methods=["POST"]),
            Route("/token", pages.token, methods=["POST"]),
            Route("/end-session", pages.end_session),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=[LOOPBACK], www_redirect=False)],
        exception_handlers={Wrong: _refuse},  # type: ignore[dict-item]  # Starlette's type knows no narrower error
    )


class Pages:
    """One function for each end point."""

    def __init__(self, issuer: LocalIssuer) -> None:
        self.issuer = issuer

    async def discovery(self, _request: Request) -> Response:
        """What clients need to know."""
        at = self.issuer.address
        return JSONResponse(
            {
                "issuer": at,
                "authorization_endpoint": f"{at}/authorize",
                "token_endpoint": f"{at}/token",
                "jwks_uri": f"{at}/keys",
                "end_session_endpoint": f"{at}/end-session",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "code_challenge_methods_supported": ["S256"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic", "private_key_jwt"],
                "backchannel_logout_supported": True,
                "backchannel_logout_session_supported": True,
            }
        )

    async def keys(self, _request: Request) -> Response:
        """Public keys."""
        return JSONResponse({"keys": [self.issuer.key.as_dict(private=False, use="sig", alg="RS256")]})

    async def choose(self, request: Request) -> Response:
        """One page: who to be."""
        asked = dict(request.query_params)
        self._must_be_right(asked)
        hidden = "".join(
            f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in asked.items()
        )
        choices = "".join(f"<li>{_button(person)}</li>" for person in (*PEOPLE, EVERYBODY))
        return HTMLResponse(
            '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Sign in: who are you?</title>'
            f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head><body><main>'
            "<h1>Who are you?</h1><p>These people are invented. This page is only on this machine.</p>"
            f'<form method="post" action="/authorize">{hidden}<ul>{choices}</ul></form></main></body></html>',
            headers=HEADERS,
        )

    async def chosen(self, request: Request) -> Response:
        """Sends the browser back with a code."""
        asked = await _form(request)
        self._must_be_right(asked)
        person = KNOWN.get(asked.get("person", ""))
        if person is None:
            raise Wrong("access_denied")
        said = {"code": self.issuer.code_for(asked, person), "state": asked.get("state", "")}
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(said | {'iss': self.issuer.address})}", 303)

    async def token(self, request: Request) -> Response:
        """A code for tokens; or, for programs of this machine, somebody's access token."""
        said = await _form(request)
        client = self._client(request, said)
        match said.get("grant_type"):
            case "authorization_code":
                answer = self._exchange(client, said)
            case "client_credentials" if said.get("person") in KNOWN:
                token = self.issuer.access_token(said["person"])
                answer = {"access_token": token, "token_type": "Bearer", "expires_in": TOKEN_SECONDS}
            case _:
                raise Wrong("unsupported_grant_type")
        return JSONResponse(answer, headers=HEADERS)

    async def end_session(self, request: Request) -> Response:
        """Signs out here, and at every service that was signed in to."""
        said = request.query_params
        client = self.issuer.clients.get(said.get("client_id", ""))
        try:
            claims = jwt.decode(said.get("id_token_hint", ""), self.issuer.key, algorithms=["RS256"]).claims
        except (JoseError, ValueError) as error:
            raise Wrong("invalid_request") from error
        await self.issuer.end(str(claims.get("sid")))
        back = said.get("post_logout_redirect_uri", "")
        if client is None or not back.startswith(f"{client.public_url}/"):
            return HTMLResponse("<!doctype html><title>Signed out</title><p>You are signed out.</p>", headers=HEADERS)
        return RedirectResponse(back, 303)

    # --- what is right ---------------------------------------------------------------------------

    def _must_be_right(self, asked: Mapping[str, str]) -> None:
        client = self.issuer.clients.get(asked.get("client_id", ""))
        if client is None or asked.get("redirect_uri") != client.back:
            raise Wrong("invalid_client")  # never sent on to an address that is not the client's
        if asked.get("response_type") != "code" or "openid" not in asked.get("scope", "").split():
            raise Wrong("invalid_request")
        if asked.get("code_challenge_method") != "S256" or not asked.get("code_challenge"):
            raise Wrong("invalid_request")

    def _exchange(self, client: Client, said: Mapping[str, str]) -> dict[str, object]:
        code = self.issuer.codes.pop(said.get("code", ""), None)
        if code is None or code.client != client or code.redirect_uri != said.get("redirect_uri"):
            raise Wrong("invalid_grant")
        digest = sha256(said.get("code_verifier", "").encode()).digest()
        proved = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if not hmac.compare_digest(proved, code.challenge) or time.monotonic() - code.at > CODE_SECONDS:
            raise Wrong("invalid_grant")
        return self.issuer.tokens_for(code)

    def _client(self, request: Request, said: Mapping[str, str]) -> Client:
        if said.get("client_assertion_type") == ASSERTION:
            return self._by_assertion(said.get("client_assertion", ""))
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        try:
            name, _, secret = base64.b64decode(given).decode().partition(":")
        except ValueError as error:
            raise Wrong("invalid_client", 401) from error
        client = self.issuer.clients.get(unquote_plus(name))
        right = client is not None and hmac.compare_digest(client.secret.encode(), unquote_plus(secret).encode())
        if scheme.lower() != "basic" or client is None or not client.secret or not right:
            raise Wrong("invalid_client", 401)
        return client

    def _by_assertion(self, assertion: str) -> Client:
        wanted = JWTClaimsRegistry(
            aud={"essential": True, "value": f"{self.issuer.address}/token"}, exp={"essential": True}
        )
        for client, key in [(one, one.key) for one in self.issuer.clients.values() if one.key]:
            try:
                claims = jwt.decode(assertion, key, algorithms=list(ALGORITHMS)).claims
                wanted.validate(claims)
            except (JoseError, ValueError):
                continue
            if claims.get("iss") == claims.get("sub") == client.id:
                return client
        raise Wrong("invalid_client", 401)


async def _form(request: Request) -> dict[str, str]:
    return dict(parse_qsl((await request.body()).decode(errors="replace"), keep_blank_values=True))


async def _refuse(_request: Request, error: Wrong) -> Response:
    return JSONResponse({"error": error.error}, error.status, headers=HEADERS)


def _button(person: Person) -> str:
    about = f"<br>{escape(person.about)}"
    return f'<button name="person" value="{person.key}"><strong>{escape(person.name)}</strong>{about}</button>'
