"""Issuer: a small OpenID Connect provider for this machine, where one signs in by choosing who to be.

It asks nobody for a password, so it must never run anywhere else: it has no command of its own, refuses any host but
the loopback, answers only to its own address, makes its keys anew at each start, and is part of `deploy`, which no
image holds. Services believe an issuer without TLS only on this machine.
"""

import asyncio
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import httpx
import uvicorn
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette

from deploy.local.people import CLAIM, EVERYBODY, PEOPLE, Person
from deploy.local.ports import LOOPBACK, free_port
from shared.service import Server
from shared.sign_in.oidc import BACK, LOGOUT_EVENT
from shared.sign_in.secrets import new_secret

AUDIENCE = "storyloop"
TOKEN_SECONDS = 12 * 3600
CODE_SECONDS = 60
KNOWN: Mapping[str, Person] = {person.key: person for person in (*PEOPLE, EVERYBODY)}


@dataclass(frozen=True)
class Client:
    """A service that may send its visitors here; it signs in with a secret or a key."""

    id: str
    public_url: str
    secret: str = ""
    key: RSAKey | None = None

    @property
    def back(self) -> str:
        return self.public_url + BACK


@dataclass(frozen=True)
class Code:
    """Somebody on the way back to a service."""

    client: Client
    person: Person
    nonce: str
    challenge: str
    redirect_uri: str
    sid: str
    at: float = field(default_factory=time.monotonic)


@dataclass
class LocalIssuer:
    """What the provider knows; `address` is its issuer identifier."""

    address: str
    clients: dict[str, Client] = field(default_factory=dict)
    codes: dict[str, Code] = field(default_factory=dict)
    sessions: dict[str, tuple[Person, set[str]]] = field(default_factory=dict)
    """sid -> who it is, and the clients that they have signed in to."""
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, auto_kid=True))

    def register(self, service: str, public_url: str, key: RSAKey | None = None) -> Client:
        """Makes a service known, with a secret of its own or with this public key."""
        client = Client(f"storyloop-{service}", public_url.rstrip("/"), "" if key else new_secret(), key)
        self.clients[client.id] = client
        return client

    def access_token(self, person: str, seconds: int = TOKEN_SECONDS) -> str:
        """For programs: what somebody shows to the services' APIs."""
        who = KNOWN[person]
        return self.sign({"aud": AUDIENCE, "sub": who.key, CLAIM: list(who.roles)}, seconds)

    def code_for(self, asked: Mapping[str, str], person: Person) -> str:
        """A code for what /authorize was asked, and the issuer's own session."""
        client, sid, code = self.clients[asked["client_id"]], new_secret(), new_secret()
        self.sessions[sid] = (person, {client.id})
        self.codes[code] = Code(
            client, person, asked.get("nonce", ""), asked["code_challenge"], asked["redirect_uri"], sid
        )
        return code

    def tokens_for(self, code: Code) -> dict[str, object]:
        """What a code is exchanged for."""
        said = {"aud": code.client.id, "sub": code.person.key, "name": code.person.name, "sid": code.sid}
        id_token = self.sign(said | {"nonce": code.nonce, CLAIM: list(code.person.roles)}, TOKEN_SECONDS)
        token = self.access_token(code.person.key)
        return {"access_token": token, "token_type": "Bearer", "expires_in": TOKEN_SECONDS, "id_token": id_token}

    async def end(self, sid: str) -> None:
        """Ends a session here, and tells every service that it was used for (back-channel logout)."""
        _, told = self.sessions.pop(sid, (EVERYBODY, set()))
        async with httpx.AsyncClient(timeout=5, trust_env=False) as http:
            for client in [self.clients[one] for one in told]:
                token = self.logout_token(client, sid)
                with suppress(httpx.HTTPError):
                    await http.post(f"{client.public_url}/sign-out/back-channel", data={"logout_token": token})

    def logout_token(self, client: Client, sid: str) -> str:
        """What tells a service that a session is over."""
        return self.sign({"aud": client.id, "sid": sid, "jti": new_secret(), "events": {LOGOUT_EVENT: {}}}, 120)

    def sign(self, claims: Mapping[str, object], seconds: int) -> str:
        """A token of this issuer's."""
        now = int(time.time())
        said = {"iss": self.address, "iat": now, "exp": now + seconds, **claims}
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, said, self.key)


@contextmanager
def issuer(host: str = LOOPBACK) -> Iterator[LocalIssuer]:
    """A running provider on a free port of the loopback, until the block ends; ValueError for any other host."""
    if host != LOOPBACK:
        raise ValueError(f"the local issuer asks nobody for a password: it listens on {LOOPBACK} alone")
    from deploy.local.issuer_pages import pages_of  # noqa: PLC0415 - its pages know this module

    port = free_port()
    it = LocalIssuer(f"http://{host}:{port}")
    with _served(pages_of(it), host, port):
        yield it


@contextmanager
def _served(app: Starlette, host: str, port: int) -> Iterator[None]:
    server = Server(uvicorn.Config(app, host, port, log_config=None, access_log=False, lifespan="off"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), name="issuer", daemon=True)
    thread.start()
    deadline = time.monotonic() + 30
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise OSError("the local issuer did not start")
        time.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(10)
