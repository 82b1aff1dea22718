"""The local issuer keeps the rules that a real one keeps, and answers on this machine alone."""

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from deploy.local.issuer import LocalIssuer, issuer
from shared.sign_in.told import SignIn
from tests.service import signed_in_by
from tests.sign_in.browser import Browser, query

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "changed",
    [
        {"client_id": "another"},
        {"redirect_uri": "https://evil.example.org/sign-in/back"},
        {"response_type": "token"},
        {"code_challenge_method": "plain"},
        {"code_challenge": ""},
        {"scope": "profile"},
    ],
)
async def test_it_sends_nobody_anywhere_without_a_known_client_and_pkce(
    changed: dict[str, str], browser: Browser
) -> None:
    page = httpx.URL(await browser.depart())
    asked = query(str(page)) | changed

    shown = await browser.issuer.get(page.copy_with(query=None), params=asked)
    chosen = await browser.issuer.post(page.copy_with(query=None), data=asked | {"person": "maya"})

    assert (shown.status_code, chosen.status_code) == (400, 400)


async def test_a_code_is_worth_nothing_without_the_clients_secret_and_the_verifier_and_counts_once(
    browser: Browser, local_issuer: LocalIssuer
) -> None:
    client = local_issuer.clients["storyloop-responder"]
    for secret, verifier in (("wrong", "v"), (client.secret, "wrong"), (client.secret, "")):
        code = query(await browser.choose(await browser.depart(), "maya"))["code"]
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": client.back,
            "code_verifier": verifier,
        }
        answers = [
            await browser.issuer.post(f"{local_issuer.address}/token", data=form, auth=(client.id, secret))
            for _ in range(2)
        ]
        assert {one.status_code for one in answers} <= {400, 401}


async def test_a_program_gets_somebodys_token_with_a_clients_secret(
    browser: Browser, local_issuer: LocalIssuer
) -> None:
    client, form = local_issuer.clients["storyloop-responder"], {"grant_type": "client_credentials", "person": "maya"}

    refused = await browser.issuer.post(f"{local_issuer.address}/token", data=form, auth=(client.id, "wrong"))
    given = await browser.issuer.post(f"{local_issuer.address}/token", data=form, auth=(client.id, client.secret))
    shown = await browser.ask("GET", "/me", headers={"Authorization": f"Bearer {given.json()['access_token']}"})

    assert (refused.status_code, shown.json()["roles"]) == (401, ["responder"])


async def test_it_answers_to_no_other_name(local_issuer: LocalIssuer, browser: Browser) -> None:
    """A name of another site that was made to point at this machine."""
    address = f"{local_issuer.address}/.well-known/openid-configuration"

    assert (await browser.issuer.get(address, headers={"Host": "evil.example.org"})).status_code == 400
    assert (await browser.issuer.get(address)).status_code == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.7", "issuer.example.org", ""])  # noqa: S104 - refused
def test_it_refuses_to_listen_anywhere_but_on_this_machine(host: str) -> None:
    with pytest.raises(ValueError, match="alone"), issuer(host):
        pytest.fail("it listens")


def test_started_as_a_program_it_does_nothing() -> None:
    command = [sys.executable, "-m", "deploy.local.issuer"]
    done = subprocess.run(command, check=False, cwd=ROOT, timeout=60, capture_output=True)

    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.parametrize("setting", ["issuer", "public_url"])
@pytest.mark.parametrize("address", ["http://issuer.example.org", "http://10.0.0.7:8080", "ftp://127.0.0.1", "issuer"])
def test_a_service_believes_nobody_without_tls_beyond_this_machine(setting: str, address: str) -> None:
    told = signed_in_by("router") | {setting: address}

    with pytest.raises(ValueError, match="https"):
        SignIn(**told)


def test_an_id_token_can_never_pass_for_an_access_token() -> None:
    with pytest.raises(ValueError, match="two names"):
        SignIn(**(signed_in_by("router") | {"audience": "storyloop-router"}))


def test_a_service_is_told_either_a_secret_or_a_key() -> None:
    for changed in ({"client_secret": None}, {"client_key": "a key"}):
        with pytest.raises(ValueError, match="client_secret or client_key"):
            SignIn(**(signed_in_by("router") | changed))
