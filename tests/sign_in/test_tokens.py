"""Bearer tokens: whatever is wrong with one, it opens nothing, and the line about it holds nothing of it."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey
from joserfc.jws import JWSRegistry
from structlog.testing import capture_logs

from deploy.local.system import Databases
from shared.database import Database
from shared.sign_in.key_sets import KeysAway, KeysOf
from shared.sign_in.tokens import BadToken, Expected, claims_of
from tests.service import AUDIENCE, ISSUER, KEY, open_pages, sign_in_as, token_of
from tests.waiting import eventually

OTHER = ECKey.generate_key("P-256", auto_kid=True)
NOW = int(time.time())
DAY = 86_400
"""Longer than any run of the tests: a token that is to be right must not run out before its turn."""
UNDER_A_KNOWN_ID = ECKey.import_key(OTHER.as_pem(private=True), {"kid": KEY.kid or ""})
EXPECTED = Expected(ISSUER, AUDIENCE, ("ES256", "RS256"))


@pytest.fixture
async def pages(databases: Databases) -> AsyncIterator[httpx.AsyncClient]:
    """Responder's pages: its teams can be listed by whoever is anybody."""
    database = await Database.connect(databases.dsns["responder"], application="test")
    async with open_pages("responder", database) as client:
        yield client
    await database.close()


def unsigned(**claims: Any) -> str:
    """A token whose header says that nobody signed it."""
    said = {"iss": ISSUER, "aud": AUDIENCE, "sub": "mallory", "iat": NOW, "exp": NOW + DAY, **claims}
    parts = [{"alg": "none", "typ": "JWT"}, said]
    return ".".join(base64.urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=").decode() for one in parts) + "."


def with_header(header: object) -> str:
    """A right token but for its header."""
    _, said, signature = token_of("moderator@*").split(".")
    return ".".join([base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode(), said, signature])


def signed_with_the_public_key() -> str:
    """The public key, which everybody knows, taken for a shared secret."""
    secret = OctKey.import_key(json.dumps(KEY.as_dict(private=False)))
    said = {"iss": ISSUER, "aud": AUDIENCE, "sub": "mallory", "iat": NOW, "exp": NOW + DAY}
    return jwt.encode({"alg": "HS256", "kid": KEY.kid}, said, secret, algorithms=["HS256"])


def altered() -> str:
    header, _, signature = token_of("subscriber@*").split(".")
    said = {"iss": ISSUER, "aud": AUDIENCE, "sub": "staff", "iat": NOW, "exp": NOW + DAY, "storyloop": ["moderator@*"]}
    return ".".join([header, base64.urlsafe_b64encode(json.dumps(said).encode()).rstrip(b"=").decode(), signature])


BAD = {
    "no token at all": "x",
    "three empty parts": "..",
    "with a header that is a list": with_header(["alg"]),
    "with a header that is a word": with_header("alg"),
    "with an algorithm that is a list": with_header({"alg": ["ES256"]}),
    "signed by nobody": unsigned(),
    "signed with the public key as a secret": signed_with_the_public_key(),
    "signed by another key": token_of("moderator@*", key=OTHER),
    "signed by another key under a known id": token_of("moderator@*", key=UNDER_A_KNOWN_ID),
    "altered": altered(),
    "of another issuer": token_of("moderator@*", iss="https://issuer.example.org"),
    "of an issuer that is a list": token_of("moderator@*", iss=[ISSUER]),
    "for another audience": token_of("moderator@*", aud="another"),
    "for nobody": token_of("moderator@*", aud=[]),
    "expired": token_of("moderator@*", iat=NOW - 7200, exp=NOW - 3600),
    "without an end": token_of("moderator@*", exp=None),
    "not valid yet": token_of("moderator@*", nbf=NOW + DAY),
    "made in the future": token_of("moderator@*", iat=NOW + DAY),
    "about nobody": token_of("moderator@*", sub=""),
    "with a number for a name": token_of("moderator@*", sub=7),
}


@pytest.mark.parametrize("what", BAD)
async def test_a_token_that_is_wrong_in_any_way_opens_nothing(what: str, pages: httpx.AsyncClient) -> None:
    with capture_logs() as lines:
        answer = await pages.get("/teams", headers={"Authorization": f"Bearer {BAD[what]}"})

    assert (answer.status_code, answer.json()["reason"]) == (401, "sign_in")
    assert [line["event"] for line in lines if line["event"].startswith("authn")] == ["authn_token_refused"]
    assert len(BAD[what]) < 20 or BAD[what] not in str(lines)


async def test_a_right_token_opens_what_its_roles_open(pages: httpx.AsyncClient) -> None:
    assert (await pages.get("/teams", headers=sign_in_as("responder@RXX"))).status_code == 200
    assert (await pages.get("/teams", headers=sign_in_as("moderator@*"))).status_code == 403
    assert (await pages.get("/teams", headers=sign_in_as())).status_code == 403


async def test_a_clock_that_is_a_little_off_does_not_lock_anybody_out(pages: httpx.AsyncClient) -> None:
    late = sign_in_as("responder@RXX", iat=NOW - 600, exp=int(time.time()) - 10)

    assert (await pages.get("/teams", headers=late)).status_code == 200


# --- key sets ---------------------------------------------------------------------------------------


class Asked:
    """An issuer's key set that can change, be away, and counts who asks."""

    def __init__(self, *keys: ECKey | RSAKey) -> None:
        self.keys, self.times, self.away, self.now = list(keys), 0, False, 0.0
        self.answers = asyncio.Event()
        self.answers.set()
        self.said: dict[str, Any] | None = None

    async def fetch(self) -> dict[str, Any]:
        self.times += 1
        await self.answers.wait()
        if self.away:
            raise httpx.ConnectError("away")
        return self.said or {"keys": [key.as_dict(private=False) for key in self.keys]}

    def known(self) -> KeysOf:
        return KeysOf(self.fetch, lambda: self.now)


async def test_keys_are_fetched_once_and_then_known() -> None:
    issuer = Asked(KEY)
    keys = issuer.known()

    for _ in range(3):
        assert (await claims_of(token_of(), keys, EXPECTED))["sub"] == "staff"

    assert issuer.times == 1


async def test_an_unknown_key_is_looked_for_at_most_once_in_half_a_minute() -> None:
    issuer = Asked(KEY)
    keys = issuer.known()
    await claims_of(token_of(), keys, EXPECTED)
    issuer.keys.append(OTHER)

    for issuer.now in (10, 29, 31, 32):
        try:
            await claims_of(token_of(key=OTHER), keys, EXPECTED)
            believed_at = issuer.now
        except BadToken as error:
            assert (error.reason, issuer.now < 30) == ("key", True)

    assert (believed_at, issuer.times) == (32, 2)


async def test_a_key_set_that_is_away_does_not_lock_out_keys_that_are_known() -> None:
    issuer = Asked(KEY)
    keys = issuer.known()
    await claims_of(token_of(), keys, EXPECTED)
    issuer.away, issuer.now = True, 100_000.0

    claims = await claims_of(token_of(), keys, EXPECTED)
    await eventually(lambda: has_asked(issuer, 2))

    assert claims["sub"] == "staff"
    assert (await claims_of(token_of(), keys, EXPECTED))["sub"] == "staff"
    assert issuer.times == 2, "not again within half a minute"


async def has_asked(issuer: Asked, times: int) -> bool:
    return issuer.times == times


async def test_an_issuer_that_hangs_keeps_nobody_waiting_whose_key_is_known() -> None:
    issuer = Asked(KEY)
    keys = issuer.known()
    await claims_of(token_of(), keys, EXPECTED)
    issuer.answers.clear()
    issuer.now = 3700
    strangers = asyncio.create_task(claims_of(token_of(key=OTHER), keys, EXPECTED))
    await eventually(lambda: has_asked(issuer, 2))

    for _ in range(3):
        assert (await asyncio.wait_for(claims_of(token_of(), keys, EXPECTED), 5))["sub"] == "staff"
    assert not strangers.done()

    issuer.answers.set()
    with pytest.raises(BadToken, match="key"):
        await strangers


@pytest.mark.parametrize("said", [[], [{"kty": "oct", "k": "eA"}], ["x"], None])
async def test_a_key_set_without_a_key_never_takes_the_place_of_good_keys(said: Any) -> None:
    issuer = Asked(KEY)
    keys = issuer.known()
    await claims_of(token_of(), keys, EXPECTED)
    issuer.said, issuer.now = {"keys": said}, 3700

    with pytest.raises(BadToken, match="key"):
        await claims_of(token_of(key=OTHER), keys, EXPECTED)

    assert (await claims_of(token_of(), keys, EXPECTED))["sub"] == "staff"
    assert issuer.times == 2


async def test_before_there_is_any_key_it_is_the_issuer_that_is_away_and_not_the_token_that_is_bad() -> None:
    issuer = Asked(KEY)
    issuer.away = True

    with pytest.raises(KeysAway):
        await claims_of(token_of(), issuer.known(), EXPECTED)


async def test_a_key_that_was_taken_back_is_forgotten_when_keys_are_looked_at_again() -> None:
    issuer = Asked(KEY, OTHER)
    keys = issuer.known()
    await claims_of(token_of(key=OTHER), keys, EXPECTED)
    issuer.keys.remove(OTHER)
    issuer.now = 3700
    await claims_of(token_of(), keys, EXPECTED)
    await eventually(lambda: has_asked(issuer, 2))

    with pytest.raises(BadToken):
        await claims_of(token_of(key=OTHER), keys, EXPECTED)


async def test_an_algorithm_that_is_not_allowed_here_is_refused_although_the_key_could_do_it() -> None:
    rsa = RSAKey.generate_key(2048, auto_kid=True)
    said = {"iss": ISSUER, "aud": AUDIENCE, "sub": "a", "iat": NOW, "exp": NOW + DAY}
    token = jwt.encode({"alg": "PS512", "kid": rsa.kid}, said, rsa, algorithms=["PS512"])

    with pytest.raises(BadToken, match="algorithm"):
        await claims_of(token, Asked(rsa).known(), EXPECTED)


@pytest.mark.parametrize("kid", [None, KEY.kid], ids=["without a name", "under the issuer's name"])
async def test_a_key_that_a_token_brings_itself_is_never_looked_at(kid: str | None) -> None:
    token = signed({"alg": "ES256", "jwk": OTHER.as_dict(private=False)} | ({"kid": kid} if kid else {}), OTHER)
    assert (await claims_of(token, Asked(UNDER_A_KNOWN_ID).known(), EXPECTED))["sub"] == "a", "all else is right"

    with pytest.raises(BadToken, match="signature"):
        await claims_of(token, Asked(KEY).known(), EXPECTED)


async def test_a_token_with_an_extension_that_must_be_understood_is_refused() -> None:
    with pytest.raises(BadToken):
        await claims_of(signed({"alg": "ES256", "crit": ["made-up"], "made-up": 1}, KEY), Asked(KEY).known(), EXPECTED)


def signed(header: dict[str, Any], key: ECKey) -> str:
    """A token with claims that are right, and any header."""
    said = {"iss": ISSUER, "aud": AUDIENCE, "sub": "a", "iat": NOW, "exp": NOW + DAY}
    parts = [base64.urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=") for one in (header, said)]
    signature = JWSRegistry(algorithms=["ES256"]).get_alg("ES256").sign(b".".join(parts), key)
    return b".".join([*parts, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()
