"""Signing in as people do it: responder's real pages, a real issuer and a real browser, there and back again."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from deploy.local.issuer import LocalIssuer, issuer
from deploy.local.ports import LOOPBACK, free_port
from deploy.local.system import Databases
from services.responder import web
from shared.database import Database
from shared.http import Desk, make_app
from tests.factories import team_listed
from tests.pages.browser import Looking, assert_accessible, looking
from tests.pages.serving import served
from tests.service import believing, column, hear, home_of

SAM = "Sam Example"
FILE = "person,name,email,role,team\nalex,Alex Example,alex@example.org,responder,PX-FERN\n"


@pytest.fixture(scope="module")
def local_issuer() -> Iterator[LocalIssuer]:
    """The provider of the local stack."""
    with issuer() as it:
        yield it


@pytest.fixture
async def database(databases: Databases) -> AsyncIterator[Database]:
    """Responder's own, with a team of one trust and a team of another."""
    database = await Database.connect(databases.dsns["responder"], application="test")
    teams = (
        ("PX-FERN", "Fern Ward team", "RZX"),
        ("PX-ED", "Emergency Department team", "RZX"),
        ("H1", "Heron", "RZW"),
    )
    await hear("responder", database, *(team_listed(*team) for team in teams))
    yield database
    await database.close()


@pytest.fixture
async def eyes(browser: Browser, database: Database, local_issuer: LocalIssuer) -> AsyncIterator[Looking]:
    """A tab of somebody who has not signed in; at the end nothing may have been refused by the pages' own policy."""
    port = free_port()
    client = local_issuer.register("responder", f"http://{LOOPBACK}:{port}")
    home = home_of("responder", database, **believing(local_issuer, client))
    app = make_app(Desk(home, ready=True), web.pages, site=web.site)
    async with served(app, port) as address, looking(browser, address, issuer=local_issuer.address) as eyes:
        yield eyes


async def sign_in(eyes: Looking, name: str) -> None:
    """Chooses who to be on the issuer's page, where the tab already is."""
    await expect(eyes.tab.locator("h1")).to_have_text("Who are you?")
    await eyes.tab.get_by_role("button", name=name).click()
    await expect(eyes.tab.get_by_role("banner")).to_contain_text(name)


async def press(eyes: Looking, name: str, *, then: str) -> None:
    """Follows a link or presses a button of the page, to the page with this heading."""
    main = eyes.tab.locator("main, nav[aria-label=Back]")
    await main.get_by_role("link", name=name).or_(main.get_by_role("button", name=name)).first.click()
    await expect(eyes.tab.locator("h1")).to_have_text(then)


async def test_an_administrator_signs_in_adds_somebody_is_refused_what_is_not_theirs_and_signs_out(
    eyes: Looking, local_issuer: LocalIssuer
) -> None:
    tab = eyes.tab
    await eyes.open("/")
    await press(eyes, "Sign in", then="Who are you?")
    assert tab.url.startswith(local_issuer.address)
    await assert_accessible(tab, "journey-issuer")
    await sign_in(eyes, "Asha Rahman")
    await assert_accessible(tab, "journey-start")

    await press(eyes, "Members of your organisations", then="Members of RZX")
    await assert_accessible(tab, "journey-members-none")
    await press(eyes, "Add somebody", then="Add somebody to RZX")
    await press(eyes, "Add", then="Add somebody to RZX")
    assert await tab.locator(".nhsuk-error-summary a").all_inner_texts() == [
        "Enter their name",
        "Enter what they sign in with",
        "Choose what they may do",
    ]
    await assert_accessible(tab, "journey-new-with-errors")
    await tab.get_by_label("Their name").fill(SAM)
    await tab.get_by_label("What they sign in with").fill("sam")
    await tab.get_by_label("Where").select_option("Fern Ward team")
    await tab.get_by_label("Responder").check()
    await press(eyes, "Add", then=SAM)
    await expect(tab.get_by_role("alert")).to_contain_text("They are a member now.")
    await assert_accessible(tab, "journey-member")
    await tab.locator(".nhsuk-back-link").click()
    await expect(tab.locator("h1")).to_have_text("Members of RZX")
    assert SAM in await tab.locator("tbody").inner_text()
    await assert_accessible(tab, "journey-members")

    assert await eyes.open("/members/RZW") == 404
    await expect(tab.locator("h1")).to_have_text("Page not found")
    assert "Heron" not in await tab.content()
    await assert_accessible(tab, "journey-not-theirs")

    await tab.get_by_role("button", name="Sign out").click()
    await expect(tab.locator("main")).to_contain_text("You have not signed in.")
    await expect(tab.get_by_role("banner")).not_to_contain_text("Asha Rahman")
    await tab.go_back()
    await expect(tab.locator("h1")).to_have_text("Who are you?")
    await eyes.open("/members/RZX")
    await expect(tab.locator("h1")).to_have_text("Who are you?")


async def test_a_member_is_changed_and_removed_and_a_file_saved_once_each_was_looked_at(
    eyes: Looking, database: Database, tmp_path: Path
) -> None:
    tab, file = eyes.tab, tmp_path / "members.csv"
    await eyes.open("/members/RZX/file")
    await sign_in(eyes, "Asha Rahman")
    await assert_accessible(tab, "journey-file")
    file.write_text(FILE + "sam,Sam Example,no address,king,H1\n")
    await tab.locator("input[type=file]").set_input_files(file)
    await press(eyes, "Check the file", then="What the file would do")
    assert await tab.locator("tbody tr").count() == 2
    await assert_accessible(tab, "journey-report-with-errors")
    await press(eyes, "Choose another file", then="Add or change many members of RZX")
    file.write_text(FILE)
    await tab.locator("input[type=file]").set_input_files(file)
    await press(eyes, "Check the file", then="What the file would do")
    await assert_accessible(tab, "journey-report")
    assert await column(database, "SELECT member FROM member") == []
    await press(eyes, "Save the file", then="Members of RZX")

    await press(eyes, "Alex Example", then="Alex Example")
    await press(eyes, "Change", then="Change a member")
    await assert_accessible(tab, "journey-change")
    await tab.get_by_label("Administrator").check()
    await press(eyes, "Save", then="Alex Example")
    await press(eyes, "Remove", then="Remove this member?")
    await assert_accessible(tab, "journey-removal")
    await press(eyes, "Remove", then="Alex Example")

    await expect(tab.get_by_role("alert")).to_contain_text("They are no longer a member.")
    assert await column(database, "SELECT role FROM member WHERE removed_at IS NOT NULL") == ["administrator"]


async def test_a_role_that_keeps_no_members_is_not_offered_them_and_told_so_by_their_page(eyes: Looking) -> None:
    await eyes.open("/members")
    await sign_in(eyes, "Lewis Grant")

    await expect(eyes.tab.locator("h1")).to_have_text("You cannot use this page")
    await assert_accessible(eyes.tab, "journey-not-for-them")
    await press(eyes, "Go to the start page", then="Team inboxes")
    assert "Members of" not in await eyes.tab.inner_text("main")
