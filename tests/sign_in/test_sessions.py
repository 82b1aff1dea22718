"""How a session ends: by its owner, by time, by the issuer, or by an operator."""

from datetime import timedelta

import pytest

from deploy.local.issuer import LocalIssuer
from shared.database import Database
from shared.sign_in.__main__ import end_sessions
from shared.sign_in.sweeping import sweep
from tests.service import column, execute
from tests.sign_in.browser import COOKIE, Browser


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


async def test_a_role_that_another_version_wrote_into_a_session_is_none(browser: Browser, database: Database) -> None:
    await browser.sign_in("maya")

    await execute(database, """UPDATE session SET grants = '[["king", null, null], ["responder", "RZX", null]]'""")

    assert (await browser.ask("GET", "/me")).json()["roles"] == ["responder"]


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
