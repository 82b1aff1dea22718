"""The same errors for people and for programs, each in its own form; what browsers are told; files for good."""

import gzip
import re
from collections.abc import AsyncIterator
from types import SimpleNamespace

import httpx
import pytest
from fastapi import APIRouter
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs

from shared.http import MAX_BODY_BYTES
from shared.pages.assets import ASSETS, asset_path
from shared.problems import prefers_page
from tests.pages.conftest import SignedIn
from tests.pages.members_desk import MembersDesk
from tests.pages.test_forms import BROWSER

PEOPLE, PROGRAMS = "text/html; charset=utf-8", "application/problem+json"
broken = APIRouter(include_in_schema=False)


@broken.get("/broken")
async def fail() -> None:
    """Has a bug that speaks."""
    raise ValueError("a-canary-in-the-corridor")


@pytest.fixture
async def client(desk: MembersDesk) -> AsyncIterator[httpx.AsyncClient]:
    """Anybody."""
    desk.app.include_router(broken)
    async with client_of(desk.app) as client:
        yield client


def client_of(app: object) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://storyloop.test")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("accept", "page"),
    [
        (BROWSER, True),
        ("text/html", True),
        ("text/html, */*;q=0.5", True),
        ("application/json;q=0.5, TEXT/HTML", True),
        ("", False),
        ("*/*", False),
        ("application/json", False),
        ("text/html, application/json", False),
        ("application/problem+json, text/html;q=0.9", False),
        ("text/html;q=0", False),
        ("text/html;q=;, ;;,", True),
    ],
)
def test_who_names_html_before_all_else_gets_pages(accept: str, page: bool) -> None:
    assert prefers_page(accept) is page


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/members/99/removal", 404),
        ("DELETE", "/members", 405),
        ("GET", "/members/none/removal", 422),
        ("GET", "/broken", 500),
        ("GET", "/assets/000000000000/none.css", 404),
    ],
)
async def test_every_error_is_a_page_for_people_and_a_problem_for_programs(
    client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    page = await client.request(method, path, headers={"accept": BROWSER})
    problem = await client.request(method, path)

    assert (page.status_code, page.headers["content-type"]) == (status, PEOPLE)
    assert (problem.status_code, problem.headers["content-type"]) == (status, PROGRAMS)
    assert "a-canary-in-the-corridor" not in page.text + problem.text


async def test_what_is_refused_at_the_door_is_a_page_too(desk: MembersDesk, client: httpx.AsyncClient) -> None:
    large = await client.post("/members/new", content=b"x" * (MAX_BODY_BYTES + 1), headers={"accept": BROWSER})
    desk.app.state.desk.ready = False
    early = await client.get("/members", headers={"accept": BROWSER})
    program = await client.get("/members")
    style = await client.get(asset_path("storyloop.css"))

    assert [(one.status_code, one.headers["content-type"]) for one in (large, early, program)] == [
        (413, PEOPLE),
        (503, PEOPLE),
        (503, PROGRAMS),
    ]
    assert early.headers["retry-after"] == "2"
    assert style.status_code == 200, "or the page that says *starting* would be bare"


async def test_a_mistake_of_ours_has_a_reference_that_stands_in_the_log(client: httpx.AsyncClient) -> None:
    with capture_logs() as lines:
        page = await client.get("/broken", headers={"accept": BROWSER})
        problem = await client.get("/broken")

    logged = [line["reference"] for line in lines if line["event"] == "request.failed"]
    shown = re.findall(r"<strong>([0-9a-f]{8})</strong>", page.text)
    assert [*shown, problem.json()["reference"]] == logged
    assert len(set(logged)) == 2


async def test_when_the_frame_itself_is_broken_the_answer_is_a_problem(desk: MembersDesk) -> None:
    class NobodyInParticular(SignedIn):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            scope.setdefault("state", {})["session"] = SimpleNamespace(csrf="t")
            await self.app(scope, receive, send)

    async with client_of(NobodyInParticular(desk.app)) as client:
        answer = await client.get("/members", headers={"accept": BROWSER})

    assert (answer.status_code, answer.headers["content-type"]) == (500, PROGRAMS)


# --- what browsers are told -------------------------------------------------------------------------


async def test_every_page_has_a_policy_with_a_nonce_of_its_own(client: httpx.AsyncClient) -> None:
    answers = [await client.get(path, headers={"accept": BROWSER}) for path in ("/members", "/members", "/nowhere")]

    said = [re.findall(r"'nonce-([\w-]{22})'", answer.headers["content-security-policy"]) for answer in answers]
    used = [re.findall(r'<script nonce="([\w-]+)">', answer.text) for answer in answers]
    assert said == used
    assert len({nonce for one in said for nonce in one}) == 3
    assert answers[0].headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'; ")
    assert "unsafe" not in answers[0].headers["content-security-policy"]


async def test_pages_are_never_kept_and_tell_other_hosts_nothing(client: httpx.AsyncClient) -> None:
    page = await client.get("/members")

    assert {name: page.headers.get_list(name) for name in SAFE} == {name: [value] for name, value in SAFE.items()}


SAFE = {
    "cache-control": "no-store",
    "strict-transport-security": "max-age=31536000",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


async def test_below_a_path_of_its_own_every_address_of_a_page_begins_with_it(desk: MembersDesk) -> None:
    home = desk.app.state.desk.home
    home.settings = home.settings.model_copy(update={"public_url": "https://storyloop.test/responder"})

    async with client_of(SignedIn(desk.app)) as client:
        page = await client.get("/responder/members", headers={"accept": BROWSER})
        sent = await client.post("/responder/upload", headers={"accept": BROWSER})
        lost = await client.get("/responder/nowhere", headers={"accept": BROWSER})

    found = re.findall(r'(?:href|src|action)="([^"#]+)"', page.text + sent.text + lost.text)
    assert (page.status_code, sent.status_code, lost.status_code) == (200, 422, 404)
    assert [address for address in found if not address.startswith("/responder/")] == []


# --- files ------------------------------------------------------------------------------------------


async def test_a_file_is_kept_for_good_under_its_own_fingerprint_only(client: httpx.AsyncClient) -> None:
    now = await client.get(asset_path("storyloop.css"))
    before = await client.get("/assets/000000000000/storyloop.css")

    assert now.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert before.headers["cache-control"] == "no-store"
    assert now.content == before.content == ASSETS["storyloop.css"].body


async def test_a_file_is_packed_for_who_can_unpack_it(client: httpx.AsyncClient) -> None:
    name = "nhsuk-frontend/nhsuk-frontend.min.css"
    async with client.stream("GET", asset_path(name), headers={"accept-encoding": "gzip"}) as answer:
        packed = b"".join([piece async for piece in answer.aiter_raw()])
    plain = await client.get(asset_path(name), headers={"accept-encoding": "identity"})

    assert gzip.decompress(packed) == plain.content
    assert len(packed) < len(plain.content) / 5


@pytest.mark.parametrize("name", ["..%2frendering.py", "%2e%2e/%2e%2e/settings.py", "README.md", "", "%2fetc%2fpasswd"])
async def test_no_path_leads_out_of_the_folder(client: httpx.AsyncClient, name: str) -> None:
    answer = await client.get(f"/assets/x/{name}")

    assert (answer.status_code, answer.headers["content-type"]) == (404, PROGRAMS)


def test_no_file_of_a_browser_names_another_host() -> None:
    named = {name: re.findall(rb"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}", asset.body) for name, asset in ASSETS.items()}

    assert {name: found for name, found in named.items() if set(found) - {b"http://www.w3.org"}} == {}


def test_every_icon_that_a_stylesheet_names_is_there() -> None:
    folder, sheet = "nhsuk-frontend/", ASSETS["nhsuk-frontend/nhsuk-frontend.min.css"]

    named = {folder + path.decode() for path in re.findall(rb"url\(([^)]+)\)", sheet.body)}

    assert named
    assert named <= ASSETS.keys()
