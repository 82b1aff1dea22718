"""Keycloak: a real one, from Maven Central, in development mode, with a realm of invented people."""

import json
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from re import search
from threading import Thread
from typing import Any

import httpx
from joserfc.jwk import RSAKey

from deploy.local.kafka_jars import cache, java
from deploy.local.ladder import UnavailableError
from deploy.local.ports import LOOPBACK, free_port
from deploy.local.processes import Child, answers

VERSION = "26.4.7"
"""Runs on Java 17 and 21."""
PASSWORD = "an invented password"
SECRET = "an invented secret"
BACK = "https://responder.storyloop.test"
CLIENT, CLIENT_WITH_KEY = "storyloop-responder", "storyloop-with-key"


@dataclass
class Keycloak:
    """A running realm; `told` is what it has sent to the clients' back channel."""

    issuer: str
    key: RSAKey
    told: list[str] = field(default_factory=list)


def distribution(folder: Path) -> Path:
    """The distribution's zip, fetched once per user. Raises UnavailableError."""
    java()
    place = cache() / f"keycloak-{VERSION}.zip"
    if place.is_file():
        return place
    maven = shutil.which("mvn")
    if not maven:
        raise UnavailableError("no mvn on the PATH to fetch Keycloak with")
    artifact = f"-Dartifact=org.keycloak:keycloak-quarkus-dist:{VERSION}:zip"
    command = [maven, "-q", "-B", "dependency:copy", artifact, f"-DoutputDirectory={folder}"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder, timeout=600)
    if done.returncode:
        raise UnavailableError(f"Maven could not fetch Keycloak: {done.stdout[:300]}")
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(folder / f"keycloak-quarkus-dist-{VERSION}.zip", place.with_suffix(".new"))
    place.with_suffix(".new").rename(place)
    return place


@contextmanager
def keycloak(folder: Path) -> Iterator[Keycloak]:
    """Keycloak with the realm `storyloop`, until the block ends. Raises UnavailableError."""
    with zipfile.ZipFile(distribution(folder)) as packed:
        packed.extractall(folder)
    home, port = folder / f"keycloak-{VERSION}", free_port()
    it = Keycloak(f"http://{LOOPBACK}:{port}/realms/storyloop", RSAKey.generate_key(2048, auto_kid=True))
    with _back_channel(it.told) as back_channel:
        (home / "data" / "import").mkdir(parents=True)
        (home / "data" / "import" / "realm.json").write_text(json.dumps(realm(it.key, back_channel)))
        where = [f"--http-host={LOOPBACK}", f"--http-port={port}", "--cache=local", "--db=dev-mem"]
        command = ["bash", str(home / "bin" / "kc.sh"), "start-dev", "--import-realm", *where]
        ready = answers(f"{it.issuer}/.well-known/openid-configuration")
        env = {"JAVA_OPTS_KC_HEAP": "-Xms64m -Xmx512m"}
        with Child("keycloak", command, folder, env, ready=ready, within=240):
            yield it


@contextmanager
def _back_channel(told: list[str]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
    try:
        yield f"http://{LOOPBACK}:{server.server_port}/sign-out/back-channel"
    finally:
        server.shutdown()
        server.server_close()


def realm(key: RSAKey, back_channel: str) -> dict[str, Any]:
    """Two people, their groups and roles, and a client for each way in which a service can prove itself."""
    secret = {"clientAuthenticatorType": "client-secret", "secret": SECRET}
    jwks = json.dumps({"keys": [key.as_dict(private=False, use="sig", alg="RS512")]})
    signing = {"use.jwks.string": "true", "jwks.string": jwks, "token.endpoint.auth.signing.alg": "RS512"}
    return {
        "realm": "storyloop",
        "enabled": True,
        "sslRequired": "none",
        "groups": [{"name": "RXF", "subGroups": [{"name": "responder"}]}],
        "roles": {"realm": [{"name": "storyloop-moderator"}]},
        "users": [_user("maya", "Maya", "Okafor", groups=["/RXF/responder"]), _user("ruth", "Ruth", "Adeyemi",
                  realmRoles=["storyloop-moderator"])],
        "clients": [
            _client(CLIENT, secret, {"backchannel.logout.url": back_channel}),
            _client(CLIENT_WITH_KEY, {"clientAuthenticatorType": "client-jwt"}, signing),
        ],
    }  # fmt: skip


def _user(name: str, first: str, last: str, **more: Any) -> dict[str, Any]:
    who = {"username": name, "firstName": first, "lastName": last, "email": f"{name}@example.org"}
    credentials = [{"type": "password", "value": PASSWORD, "temporary": False}]
    return {"enabled": True, "emailVerified": True, "credentials": credentials} | who | more


def _client(name: str, proves: dict[str, Any], attributes: dict[str, str]) -> dict[str, Any]:
    return {
        "clientId": name,
        "protocol": "openid-connect",
        "redirectUris": [f"{BACK}/sign-in/back"],
        "standardFlowEnabled": True,
        "directAccessGrantsEnabled": True,
        "attributes": {
            "pkce.code.challenge.method": "S256",
            "post.logout.redirect.uris": f"{BACK}/",
            "backchannel.logout.session.required": "true",
            **attributes,
        },
        "protocolMappers": [
            _mapper("groups", "oidc-group-membership-mapper", {"full.path": "true", "claim.name": "groups"}),
            _mapper("roles", "oidc-usermodel-realm-role-mapper", {"claim.name": "realm_access.roles"} | LISTED),
            _mapper("audience", "oidc-audience-mapper", {"included.custom.audience": "storyloop"}, in_id_token=False),
        ],
        **proves,
    }


LISTED = {"multivalued": "true", "jsonType.label": "String"}


def _mapper(name: str, kind: str, config: dict[str, str], in_id_token: bool = True) -> dict[str, Any]:
    where = {"id.token.claim": str(in_id_token).lower(), "access.token.claim": "true"}
    return {"name": name, "protocol": "openid-connect", "protocolMapper": kind, "config": config | where}


class Visitor:
    """A browser at Keycloak: it keeps cookies by name, also secure ones, as browsers do on the loopback."""

    def __init__(self) -> None:
        self.http = httpx.AsyncClient(timeout=30, trust_env=False)
        self.jar: dict[str, str] = {}

    async def ask(self, method: str, url: str, **form: str) -> httpx.Response:
        """One request, with the cookies of those before."""
        self.http.cookies.clear()
        cookies = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.jar.items())}
        answer = await self.http.request(method, url, headers=cookies, data=form or None)
        for line in answer.headers.get_list("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            self.jar[name] = value
        return answer

    async def sign_in(self, page: str, person: str) -> str:
        """Fills in Keycloak's own form; where it then sends the browser."""
        shown = await self.ask("GET", page)
        action = search(r'action="([^"]+)"', shown.text)
        assert action, shown.text[:500]
        answer = await self.ask("POST", unescape(action[1]), username=person, password=PASSWORD)
        assert answer.status_code == 302, answer.text[:500]
        return answer.headers["location"]
