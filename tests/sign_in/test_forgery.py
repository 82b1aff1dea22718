"""Forged requests, too many attempts, and the audit that nobody can change."""

from typing import Any

import asyncpg
import httpx
import pytest
from structlog.testing import capture_logs

from deploy.local.issuer import LocalIssuer
from shared.database import Database
from shared.sign_in import attempts
from shared.sign_in.attempts import Allowed
from tests.service import column, execute, fetch
from tests.sign_in.browser import Browser, browsing

HERE = "https://responder.storyloop.test"


@pytest.mark.parametrize(
    ("headers", "shows", "status"),
    [
        ({}, "field", 200),
        ({}, "header", 200),
        ({"Origin": HERE, "Sec-Fetch-Site": "same-origin"}, "field", 200),
        ({}, "field beside a file", 200),
        ({}, "another beside a file", 403),
        ({}, "file of that name", 403),
        ({}, "nothing", 403),
        ({}, "another", 403),
        ({"Origin": "https://evil.example.org"}, "field", 403),
        ({"Origin": "null"}, "field", 403),
        ({"Sec-Fetch-Site": "cross-site"}, "field", 403),
        ({"Sec-Fetch-Site": "same-site"}, "header", 403),
    ],
)
async def test_what_changes_something_comes_from_our_own_pages(
    headers: dict[str, str], shows: str, status: int, browser: Browser
) -> None:
    await browser.sign_in("maya")
    token = await browser.csrf()
    ways: dict[str, dict[str, Any]] = {
        "field": {"data": {"csrf_token": token}},
        "header": {},
        "field beside a file": {"data": {"csrf_token": token}, "files": {"file": ("a.csv", b"a,b")}},
        "another beside a file": {"data": {"csrf_token": "another"}, "files": {"file": ("a.csv", b"a,b")}},
        "file of that name": {"files": {"csrf_token": ("a.csv", token.encode())}},
        "nothing": {},
        "another": {"data": {"csrf_token": "another"}},
    }
    sent = ways[shows]
    shown = {"X-CSRF-Token": token} if shows == "header" else {}

    answers = [await browser.ask("POST", path, headers=headers | shown, **sent) for path in ("/things", "/sign-out")]

    assert answers[0].status_code == status
    assert answers[1].status_code == (303 if status == 200 else 403)


async def test_another_sessions_token_is_worth_nothing(browser: Browser) -> None:
    await browser.sign_in("ruth")
    theirs = await browser.csrf()
    browser.jar.clear()
    await browser.sign_in("maya")

    assert (await browser.ask("POST", "/things", headers={"X-CSRF-Token": theirs})).status_code == 403


async def test_a_bearer_token_needs_none_because_no_browser_sends_it_by_itself(
    browser: Browser, local_issuer: LocalIssuer
) -> None:
    shown = {"Authorization": f"Bearer {local_issuer.access_token('maya')}", "Origin": "https://other.example.org"}

    assert (await browser.ask("POST", "/things", headers=shown)).status_code == 200


async def test_one_address_that_tries_too_often_locks_nobody_else_out_until_there_are_too_many_of_all(
    database: Database, local_issuer: LocalIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(attempts.LIMITS, "sign_in", Allowed(2, 4))
    await execute(database, "SELECT pg_sleep(60 - extract(second FROM now())) WHERE extract(second FROM now()) > 50")

    answers = [await tries(database, local_issuer, f"192.0.2.{one}", times) for one, times in ((1, 9), (2, 2), (3, 1))]

    assert [[one.status_code for one in of_one] for of_one in answers] == [[303] * 2 + [429] * 7, [303] * 2, [429]]
    assert 1 <= int(answers[-1][-1].headers["retry-after"]) <= 61


async def tries(database: Database, issuer: LocalIssuer, address: str, times: int) -> list[httpx.Response]:
    """What somebody at this address is answered."""
    async with browsing(database, issuer, seen_from=address) as browser:
        return [await browser.ask("GET", "/sign-in") for _ in range(times)]


@pytest.mark.parametrize("kind", attempts.LIMITS)
def test_no_address_has_all_that_everybody_has(kind: str) -> None:
    limit = attempts.LIMITS[kind]

    assert limit.from_one_address * 4 <= limit.altogether


async def test_signing_in_being_refused_and_signing_out_are_written_down_without_who_it_was_and_strangers_only_logged(
    browser: Browser, database: Database
) -> None:
    with capture_logs() as lines:
        await browser.sign_in("maya")
        await browser.ask("POST", "/things")
        await browser.ask("POST", "/sign-out", data={"csrf_token": await browser.csrf()})
        await browser.ask("GET", "/sign-in/back", params={"code": "x", "state": "y"})

    written = await fetch(database, "SELECT event, subject, detail FROM audit ORDER BY id")
    events = ["authn_login_success", "session_created", "authz_fail", "session_expired", "authn_login_fail"]
    assert [row["event"] for row in written] == events[:4], "a stranger's way back has a line alone"
    assert [line["event"] for line in lines if line["event"] in events] == events
    assert len({row["subject"] for row in written[:4]}) == 1
    assert "maya" not in str(written).lower() + str(lines).lower()


async def test_the_audit_can_be_added_to_and_never_changed(browser: Browser, database: Database) -> None:
    await browser.sign_in("maya")

    for statement in ("UPDATE audit SET event = 'x'", "DELETE FROM audit", "TRUNCATE audit"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await execute(database, statement)
    assert await column(database, "SELECT count(*) FROM audit") == [2]
