"""Signing in and out with the local issuer, and what is tried against it on the way."""

from datetime import timedelta

import pytest
from joserfc.jwk import ECKey, RSAKey
from pydantic import SecretStr

from deploy.local.issuer import LocalIssuer
from shared.database import Database
from shared.sign_in.__main__ import end_sessions
from shared.sign_in.sweeping import sweep
from tests.service import column, execute, fetch
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
    secrets = [browser.jar[COOKIE].encode(), await browser.csrf()]
    rows = await fetch(database, "SELECT token_sha256 FROM session")
    assert len(rows) == 1
    assert rows[0]["token_sha256"] not in secrets


async def test_a_page_asks_who_is_not_signed_in_to_do_so_and_an_api_says_401(browser: Browser) -> None:
    page = await browser.ask("GET", "/me?x=1", headers={"Accept": "text/html,*/*"})
    api = await browser.ask("GET", "/me")

    assert (page.status_code, page.headers["location"]) == (303, "/sign-in?next=/me%3Fx%3D1")
    assert (api.status_code, api.headers["www-authenticate"]) == (401, "Bearer")


async def test_signing_in_again_gives_a_new_secret_and_ends_the_old_one(browser: Browser) -> None:
    """Session fixation: a cookie that somebody else put there is worth nothing after the sign-in."""
    await browser.sign_in("maya")
    planted = dict(browser.jar)

    await browser.sign_in("ruth")

    assert browser.jar[COOKIE] != planted[COOKIE]
    assert (await browser.ask("GET", "/me")).json()["roles"] == ["moderator"]
    browser.jar = planted
    assert (await browser.ask("GET", "/me")).status_code == 401


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


async def test_a_sign_in_that_takes_longer_than_ten_minutes_begins_anew(browser: Browser, database: Database) -> None:
    back = await browser.choose(await browser.depart(), "maya")
    await execute(database, "UPDATE sign_in SET started_at = now() - interval '11 minutes'")

    assert (await browser.ask("GET", back)).status_code == 400


@pytest.mark.parametrize("kind", [RSAKey, ECKey])
async def test_a_service_can_prove_itself_with_a_key_in_place_of_a_secret(
    kind: type[RSAKey | ECKey], database: Database, local_issuer: LocalIssuer
) -> None:
    key = RSAKey.generate_key(2048) if kind is RSAKey else ECKey.generate_key("P-256")
    told = {"client_key": SecretStr(key.as_pem(private=True).decode())}
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


# --- how a session ends -----------------------------------------------------------------------------


async def test_signing_out_ends_the_session_here_and_at_the_issuer(browser: Browser, local_issuer: LocalIssuer) -> None:
    await browser.sign_in("maya")
    cookie, there = dict(browser.jar), len(local_issuer.sessions)

    answer = await browser.ask("POST", "/sign-out", data={"csrf_token": await browser.csrf()})
    at_issuer = await browser.issuer.get(answer.headers["location"])

    assert at_issuer.headers["location"] == "https://responder.storyloop.test/"
    assert len(local_issuer.sessions) == there - 1
    assert COOKIE not in browser.jar
    browser.jar = cookie
    assert (await browser.ask("GET", "/me")).status_code == 401


async def test_a_session_ends_after_it_was_idle_and_in_any_case_after_its_limit(
    browser: Browser, database: Database
) -> None:
    for change in ("seen_at = now() - interval '31 minutes'", "ends_at = now()"):
        await browser.sign_in("maya")
        assert (await browser.ask("GET", "/me")).status_code == 200
        await execute(database, f"UPDATE session SET {change}")  # noqa: S608 - one of the two above
        assert (await browser.ask("GET", "/me")).status_code == 401
        browser.jar.clear()

    await sweep(database, timedelta(minutes=30))

    assert await column(database, "SELECT count(*) FROM session") == [0]
    assert await column(database, "SELECT detail ->> 'why' FROM audit WHERE event = 'session_expired'") == ["over"] * 2


async def test_an_operator_signs_somebody_out_in_all_their_browsers(browser: Browser, database: Database) -> None:
    await browser.sign_in("maya")
    subject = (await browser.ask("GET", "/me")).json()["subject"]

    ended = await end_sessions(database.dsn, subject, "on call", "lost laptop")

    assert ended == 1
    assert (await browser.ask("GET", "/me")).status_code == 401
    assert (await column(database, "SELECT detail FROM audit ORDER BY id DESC LIMIT 1"))[0]["by"] == "on call"


async def test_that_a_session_is_in_use_is_written_at_most_once_a_minute(browser: Browser, database: Database) -> None:
    await browser.sign_in("maya")
    first = await column(database, "SELECT seen_at FROM session")

    await browser.ask("GET", "/me")
    assert await column(database, "SELECT seen_at FROM session") == first
    await execute(database, "UPDATE session SET seen_at = now() - interval '2 minutes'")
    await browser.ask("GET", "/me")
    assert (await column(database, "SELECT seen_at FROM session"))[0] > first[0]


async def test_the_issuer_ends_a_session_by_its_logout_token_which_counts_once(
    browser: Browser, local_issuer: LocalIssuer
) -> None:
    await browser.sign_in("maya")
    sid = list(local_issuer.sessions)[-1]
    token = local_issuer.logout_token(local_issuer.clients["storyloop-responder"], sid)

    first = await browser.ask("POST", "/sign-out/back-channel", data={"logout_token": token})
    again = await browser.ask("POST", "/sign-out/back-channel", data={"logout_token": token})

    assert (first.status_code, first.json(), again.status_code) == (200, {"ended": 1}, 400)
    assert (await browser.ask("GET", "/me")).status_code == 401


async def test_a_logout_token_may_name_the_person_and_then_ends_all_their_sessions(
    browser: Browser, local_issuer: LocalIssuer
) -> None:
    await browser.sign_in("maya")
    events: dict[str, object] = {"http://schemas.openid.net/event/backchannel-logout": {}}
    token = local_issuer.sign({"aud": "storyloop-responder", "sub": "maya", "jti": "j1", "events": events}, 60)

    answer = await browser.ask("POST", "/sign-out/back-channel", data={"logout_token": token})

    assert answer.json() == {"ended": 1}


@pytest.mark.parametrize(
    "changed",
    [
        {"events": {}},
        {"events": "http://schemas.openid.net/event/backchannel-logout"},
        {"nonce": "n"},
        {"aud": "storyloop"},
        {"iss": "https://issuer.example.org"},
        {"sub": None},
        {"jti": None},
        {"iat": 1_000_000_000},
    ],
)
async def test_what_is_not_a_logout_token_ends_nothing(
    changed: dict[str, object], browser: Browser, local_issuer: LocalIssuer
) -> None:
    await browser.sign_in("maya")
    events: dict[str, object] = {"http://schemas.openid.net/event/backchannel-logout": {}}
    said = {"aud": "storyloop-responder", "sub": "maya", "jti": "j2", "events": events} | changed

    answer = await browser.ask("POST", "/sign-out/back-channel", data={"logout_token": local_issuer.sign(said, 60)})

    assert answer.status_code == 400
    assert (await browser.ask("GET", "/me")).status_code == 200


async def test_an_id_token_is_no_access_token(browser: Browser, database: Database) -> None:
    await browser.sign_in("maya")
    (id_token,) = await column(database, "SELECT id_token FROM session")
    browser.jar.clear()

    answer = await browser.ask("GET", "/me", headers={"Authorization": f"Bearer {id_token}"})

    assert answer.status_code == 401
