"""Signing in with the local issuer, and what is tried against it on the way."""

from hashlib import sha256
from typing import Any

import pytest
from joserfc.jwk import ECKey, RSAKey
from pydantic import SecretStr

from deploy.local.issuer import LocalIssuer
from shared.database import Database
from tests.service import column, execute, tables_with
from tests.sign_in.browser import COOKIE, FLOW, Browser, browsing, query


async def test_whoever_signs_in_comes_back_to_where_they_were_and_is_known_from_then_on(browser: Browser) -> None:
    answer = await browser.sign_in("maya", "/me?x=1")
    shown = await browser.ask("GET", "/me")

    assert (answer.status_code, answer.headers["location"]) == (303, "/me?x=1")
    assert shown.json()["roles"] == ["responder"]
    assert "maya" not in shown.json()["subject"], "a subject is opaque"


async def test_a_session_is_kept_as_a_hash_and_its_cookie_is_for_this_host_alone(
    browser: Browser, database: Database
) -> None:
    answer = await browser.sign_in("maya")

    given = {line.partition("=")[0]: line for line in answer.headers.get_list("set-cookie")}
    for part in ("Secure", "HttpOnly", "SameSite=lax", "Path=/"):
        assert part in given[COOKIE]
    assert "Domain" not in given[COOKIE]
    assert FLOW not in browser.jar
    secret = browser.jar[COOKIE]
    assert await column(database, "SELECT token_sha256 FROM session") == [sha256(secret.encode()).digest()]
    assert await tables_with(database, secret) == []


async def test_a_page_asks_who_is_not_signed_in_to_do_so_and_an_api_says_401(browser: Browser) -> None:
    page = await browser.ask("GET", "/me?x=1", headers={"Accept": "text/html,*/*"})
    api = await browser.ask("GET", "/me")

    assert (page.status_code, page.headers["location"]) == (303, "/sign-in?next=/me%3Fx%3D1")
    assert (api.status_code, api.headers["www-authenticate"]) == (401, "Bearer")


async def test_signing_in_again_gives_a_new_secret_and_ends_the_old_one(browser: Browser, database: Database) -> None:
    """Session fixation: a cookie that somebody else put there is worth nothing after the sign-in."""
    await browser.sign_in("maya")
    planted = dict(browser.jar)

    await browser.sign_in("ruth")

    assert browser.jar[COOKIE] != planted[COOKIE]
    assert (await browser.ask("GET", "/me")).json()["roles"] == ["moderator"]
    browser.jar = planted
    assert (await browser.ask("GET", "/me")).status_code == 401
    assert await column(database, "SELECT detail ->> 'why' FROM audit WHERE event = 'session_expired'") == [
        "signed_in_again"
    ]


async def test_a_made_up_cookie_opens_nothing_and_does_not_become_a_session(browser: Browser) -> None:
    browser.jar[COOKIE] = "chosen-by-somebody-else"

    assert (await browser.ask("GET", "/me")).status_code == 401
    await browser.sign_in("maya")
    assert browser.jar[COOKIE] != "chosen-by-somebody-else"


@pytest.mark.parametrize(
    "next_",
    [
        "https://evil.example.org/",
        "//evil.example.org",
        "/\\evil.example.org",
        "\\\\evil.example.org",
        "/\t/evil.example.org",
        "/a\nSet-Cookie: x=1",
        "javascript:alert(1)",
        "me",
        "",
    ],
)
async def test_nobody_is_sent_to_another_place_after_signing_in(next_: str, browser: Browser) -> None:
    answer = await browser.ask("GET", "/sign-in", params={"next": next_})

    assert (answer.status_code, answer.json()["reason"]) == (400, "bad_next")


async def test_a_browser_that_did_not_set_out_cannot_come_back(browser: Browser) -> None:
    """Login CSRF: somebody else's code and state, brought into this browser."""
    back = await browser.choose(await browser.depart(), "maya")
    browser.jar.clear()

    answer = await browser.ask("GET", back)

    assert (answer.status_code, answer.json()["reason"]) == (400, "sign_in_failed")
    assert COOKIE not in browser.jar


async def test_a_way_back_works_once(browser: Browser) -> None:
    back = await browser.choose(await browser.depart(), "maya")
    flow = dict(browser.jar)
    await browser.ask("GET", back)
    browser.jar = flow

    assert (await browser.ask("GET", back)).status_code == 400


async def test_another_state_another_issuer_or_a_refusal_signs_nobody_in(browser: Browser) -> None:
    for changed in (
        {"state": "another"},
        {"iss": "https://issuer.example.org"},
        {"error": "access_denied"},
        {"code": "x"},
    ):
        came = query(await browser.choose(await browser.depart(), "maya"))
        answer = await browser.ask("GET", "/sign-in/back", params=came | changed)
        assert answer.status_code == 400, changed
    assert COOKIE not in browser.jar


async def test_another_browsers_code_is_refused_because_its_nonce_and_verifier_are_another(
    browser: Browser, database: Database, local_issuer: LocalIssuer
) -> None:
    async with browsing(database, local_issuer, client_id="storyloop-responder") as victim:
        stolen = query(await browser.choose(await browser.depart(), "maya"))["code"]
        own = query(await victim.choose(await victim.depart(), "ruth"))
        answer = await victim.ask("GET", "/sign-in/back", params=own | {"code": stolen})

    assert (answer.status_code, COOKIE in victim.jar) == (400, False)


@pytest.mark.parametrize(("what", "written"), [("nonce", ["nonce"]), ("verifier", ["code"]), ("state", [])])
async def test_what_comes_back_must_be_what_set_out(
    what: str, written: list[str], browser: Browser, database: Database
) -> None:
    back = await browser.choose(await browser.depart(), "maya")
    await execute(database, f"UPDATE sign_in SET {what} = 'another'")  # noqa: S608 - one of the three above

    answer = await browser.ask("GET", back)

    assert (answer.status_code, COOKIE in browser.jar) == (400, False)
    assert await column(database, "SELECT detail ->> 'reason' FROM audit") == written


async def test_a_sign_in_that_takes_longer_than_ten_minutes_begins_anew(browser: Browser, database: Database) -> None:
    back = await browser.choose(await browser.depart(), "maya")
    await execute(database, "UPDATE sign_in SET started_at = now() - interval '11 minutes'")

    assert (await browser.ask("GET", back)).status_code == 400


@pytest.mark.parametrize("kind", [RSAKey, ECKey])
async def test_a_service_can_prove_itself_with_a_key_in_place_of_a_secret(
    kind: type[RSAKey | ECKey], database: Database, local_issuer: LocalIssuer
) -> None:
    key = RSAKey.generate_key(2048) if kind is RSAKey else ECKey.generate_key("P-256")
    told: dict[str, Any] = {"client_key": SecretStr(key.as_pem(private=True).decode())}
    algorithm = "RS512" if kind is RSAKey else "ES256"

    async with browsing(
        database, local_issuer, registered_key=key, client_secret=None, client_algorithm=algorithm, **told
    ) as browser:
        await browser.sign_in("maya")
        assert (await browser.ask("GET", "/me")).json()["roles"] == ["responder"]


@pytest.mark.parametrize("kept", ["", "/responder"])
async def test_behind_one_host_every_address_begins_with_the_services_path_whether_the_proxy_keeps_it_or_not(
    kept: str, database: Database, local_issuer: LocalIssuer
) -> None:
    async with browsing(database, local_issuer, public_url="https://stories.storyloop.test/responder") as browser:
        page = await browser.ask("GET", f"{kept}/me", headers={"Accept": "text/html"})
        away = (await browser.ask("GET", f"{kept}{page.headers['location'].removeprefix('/responder')}")).headers[
            "location"
        ]
        back = (await browser.choose(away, "maya")).removeprefix("/responder")
        came = await browser.ask("GET", f"{kept}{back}")
        assert (await browser.ask("GET", f"{kept}/me")).json()["roles"] == ["responder"]

    assert query(away)["redirect_uri"] == "https://stories.storyloop.test/responder/sign-in/back"
    assert came.headers["location"] == "/responder/me"
