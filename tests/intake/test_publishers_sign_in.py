"""Publishers sign in with what they have signed: believed once, for a while, and for this address alone."""

import json
import time
from base64 import urlsafe_b64encode
from typing import Any

import httpx
import orjson
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from services.intake import store_publishers
from services.intake.publishers_sign_in import GRANT
from shared.database import Database
from shared.sign_in.tokens import ASSERTION
from tests.factories import what_was_told
from tests.service import column, execute

KEY = RSAKey.generate_key(2048, auto_kid=True)
OTHER = RSAKey.generate_key(2048, auto_kid=True)
HERE = "https://intake.storyloop.test/token"
EVENT = {
    "specversion": "1.0",
    "id": "signed-1",
    "type": "uk.nhs.storyloop.story.offered.v1",
    "source": "/surveys/wards",
    "subject": "signed-1",
    "time": "2026-05-04T10:00:00Z",
    "data": what_was_told(),
}


@pytest.fixture(autouse=True)
async def registered(database: Database) -> None:
    """The publisher `surveys` has a key in the register."""
    async with database.connection() as connection:
        await store_publishers.save_key_set(connection, "surveys", {"keys": [KEY.as_dict(private=False)]})


def signed(key: Any = KEY, algorithm: str = "RS512", **changed: Any) -> str:
    """What a publisher signs."""
    claims = {"iss": "surveys", "sub": "surveys", "aud": HERE, "exp": int(time.time()) + 300, "jti": "j-1"} | changed
    return jwt.encode({"alg": algorithm, "kid": key.kid or KEY.kid}, claims, key, algorithms=[algorithm])


async def ask(pages: httpx.AsyncClient, assertion: str, **changed: str) -> httpx.Response:
    """A request for a token."""
    form = {"grant_type": GRANT, "client_assertion_type": ASSERTION, "client_assertion": assertion} | changed
    return await pages.post("/token", data=form)


async def test_a_publisher_that_signs_gets_a_token_with_which_it_can_publish(pages: httpx.AsyncClient) -> None:
    answer = await ask(pages, signed())

    assert (answer.status_code, answer.json()["token_type"], answer.json()["expires_in"]) == (200, "Bearer", 600)
    assert (await post_event(pages, answer.json()["access_token"])).json()["outcome"] == "accepted"


async def post_event(pages: httpx.AsyncClient, token: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/cloudevents+json"}
    return await pages.post("/events", content=orjson.dumps(EVENT), headers=headers)


async def test_a_token_ends_and_only_its_hash_is_kept(pages: httpx.AsyncClient, database: Database) -> None:
    token = (await ask(pages, signed())).json()["access_token"]
    assert token.encode() not in await column(database, "SELECT token_sha256 FROM intake.publisher_token")

    await execute(database, "UPDATE intake.publisher_token SET ends_at = now()")

    assert (await post_event(pages, token)).status_code == 401


async def test_a_statement_counts_once(pages: httpx.AsyncClient, database: Database) -> None:
    statuses = [(await ask(pages, statement)).status_code for statement in (signed(), signed(), signed(jti="j-2"))]

    assert statuses == [200, 401, 200]
    assert await column(database, "SELECT event FROM audit") == ["authn_token_created"] * 2


def with_header(header: object) -> str:
    """A statement whose header says this."""
    _, said, signature = signed().split(".")
    return ".".join([urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode(), said, signature])


BAD = {
    "by another key": signed(OTHER),
    "by a key kind that is a secret": signed(OctKey.import_key("x" * 64), "HS512"),
    "by a curve that is not its own": signed(ECKey.generate_key("P-256", auto_kid=True), "ES256"),
    "for another address": signed(aud="https://intake.example.org/token"),
    "for the events' address": signed(aud="https://intake.storyloop.test/events"),
    "expired": signed(exp=int(time.time()) - 60),
    "for too long": signed(exp=int(time.time()) + 7200),
    "without an end": signed(exp=None),
    "without an id": signed(jti=None),
    "as somebody else": signed(sub="trusted"),
    "as a publisher without keys": signed(iss="trusted", sub="trusted"),
    "as a publisher that nobody knows": signed(iss="unknown", sub="unknown"),
    "as nobody": signed(iss=None),
    "not at all": "not.a.token",
    "with a header that is a list": with_header(["alg"]),
    "with a header that is a word": with_header("alg"),
    "empty": "",
}


@pytest.mark.parametrize("how", BAD)
async def test_what_is_not_signed_as_it_should_be_gives_no_token(
    how: str, pages: httpx.AsyncClient, database: Database
) -> None:
    answer = await ask(pages, BAD[how])

    assert (answer.status_code, answer.json()["reason"]) == (401, "invalid_client")
    assert await column(database, "SELECT count(*) FROM intake.publisher_token") == [0]


async def test_another_grant_is_not_given(pages: httpx.AsyncClient) -> None:
    assert (await ask(pages, signed(), grant_type="password")).status_code == 400
    assert (await pages.post("/token", json={"grant_type": GRANT})).status_code == 400
