"""A list with filters, a form, a confirmation and an upload, as somebody uses them: by keyboard, or without script."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.pages.browser import Looking, assert_accessible, looking
from tests.pages.conftest import SIGNED_IN, SignedIn
from tests.pages.members_desk import Member, MembersDesk, Part
from tests.pages.serving import served

pytestmark = pytest.mark.prove  # each page of a service has its own journey in `make test`; these are the macros' own
SCRIPT = "<script>document.title = 'taken'</script>"
BOTH = pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])


def person(number: int, name: str = "") -> Member:
    return Member(name=name or f"Person {number}", email=f"person-{number}@example.org", part=Part.READS)


@pytest.fixture
def script() -> bool:
    """With the design system's script, unless a test says both."""
    return True


@pytest.fixture
async def eyes(browser: Browser, desk: MembersDesk, script: bool) -> AsyncIterator[Looking]:
    """A tab of somebody who has signed in."""
    async with served(SignedIn(desk.app)) as address, looking(browser, address, script=script) as eyes:
        yield eyes


@pytest.mark.parametrize(
    "path",
    ["/", "/members", "/members?after=3", "/members/new", "/members/0/removal", "/upload", "/members/99/removal"],
)
async def test_every_page_can_be_used_by_everybody(eyes: Looking, desk: MembersDesk, path: str) -> None:
    desk.kept += [person(number) for number in range(4)] + [person(9, "Wolfeschlegelsteinhausenbergerdorff")]

    assert await eyes.open(path) == (404 if "99" in path else 200)
    await assert_accessible(eyes.tab, f"desk{path.replace('/', '-').replace('?', '-')}")


async def test_a_form_that_is_not_right_can_be_used_by_everybody(eyes: Looking) -> None:
    await eyes.open("/members/new")
    await eyes.tab.get_by_role("button", name="Save").click()

    await expect(eyes.tab).to_have_title("Error: Add somebody – Storyloop")
    for line in await eyes.tab.locator(".nhsuk-error-summary a").all():
        assert await eyes.tab.locator(str(await line.get_attribute("href"))).is_visible()
    await assert_accessible(eyes.tab, "desk-form-with-errors")


async def test_the_first_stop_of_the_keyboard_leads_past_the_header(eyes: Looking) -> None:
    await eyes.open("/members/new")
    await eyes.tab.keyboard.press("Tab")

    await expect(eyes.tab.get_by_role("link", name="Skip to main content")).to_be_focused()
    await eyes.tab.keyboard.press("Enter")
    await expect(eyes.tab.locator("main")).to_be_focused()


async def test_after_an_error_the_keyboard_stands_at_the_list_of_what_is_not_right(eyes: Looking) -> None:
    await eyes.open("/members/new")
    await eyes.tab.get_by_role("button", name="Save").click()

    await expect(eyes.tab.locator(".nhsuk-error-summary")).to_be_focused()


@BOTH
async def test_what_is_not_right_is_linked_to_its_field_and_nothing_that_was_typed_is_lost(
    eyes: Looking, desk: MembersDesk
) -> None:
    tab = eyes.tab
    await eyes.open("/members/new")
    await tab.get_by_label("The person's name").fill("Gwen Pritchard")
    await tab.get_by_label("By e-mail").check()
    await tab.get_by_label("Note").fill("  First line\n\n   second line, with spaces\n")
    await tab.get_by_role("button", name="Save").click()

    summary = tab.locator(".nhsuk-error-summary a")
    assert await summary.all_inner_texts() == ["Enter their e-mail address", "Choose what they may do"]
    await summary.first.click()
    await expect(tab.get_by_label("Their e-mail address")).to_be_focused()
    await tab.keyboard.type("gwen@example.org")
    await tab.get_by_label("Also replies").check()
    await tab.get_by_role("button", name="Save").click()

    await expect(tab.locator("h1")).to_have_text("Members")
    assert [(one.name, one.email, one.part, one.alerts) for one in desk.kept] == [
        ("Gwen Pritchard", "gwen@example.org", Part.REPLIES, ["mail"])
    ]
    assert desk.kept[0].note == "  First line\r\n\r\n   second line, with spaces\r\n"


@BOTH
async def test_a_page_that_is_loaded_again_after_a_form_sends_nothing_again(eyes: Looking, desk: MembersDesk) -> None:
    await eyes.open("/members/new")
    await eyes.tab.get_by_label("The person's name").fill("Gwen Pritchard")
    await eyes.tab.get_by_label("Their e-mail address").fill("gwen@example.org")
    await eyes.tab.get_by_label("Reads stories").check()
    await eyes.tab.get_by_role("button", name="Save").click()
    await expect(eyes.tab.locator("h1")).to_have_text("Members")
    await eyes.tab.reload()

    assert len(desk.kept) == 1


@BOTH
async def test_a_file_is_checked_row_by_row_before_anything_is_changed(
    eyes: Looking, desk: MembersDesk, tmp_path: Path
) -> None:
    file = tmp_path / "people.csv"
    file.write_bytes('\ufeffSiân Morgan,sian@example.org\r\n"Nobody, yet",nowhere\r\n'.encode())
    await eyes.open("/upload")
    await eyes.tab.locator("input[type=file]").set_input_files(file)
    await eyes.tab.get_by_role("button", name="Check the file").click()

    assert await eyes.tab.locator("tbody tr").count() == 2
    assert desk.kept == []
    if eyes.script:
        await assert_accessible(eyes.tab, "desk-report")
    await eyes.tab.get_by_role("button", name="Add these people").click()
    await expect(eyes.tab.locator("h1")).to_have_text("Members")
    assert [one.name for one in desk.kept] == ["Siân Morgan"]


@BOTH
async def test_somebody_is_removed_only_after_a_page_that_asks(eyes: Looking, desk: MembersDesk) -> None:
    desk.kept += [person(1), person(2)]
    await eyes.open("/members")
    await eyes.tab.get_by_role("link", name="Remove Person 1").click()
    assert "person-1@example.org" in await eyes.tab.inner_text("main")
    assert len(desk.kept) == 2

    await eyes.tab.get_by_role("button", name="Remove").click()

    await expect(eyes.tab.locator("h1")).to_have_text("Members")
    assert desk.kept == [person(2)]


@BOTH
async def test_a_list_shows_what_was_asked_for(eyes: Looking, desk: MembersDesk) -> None:
    desk.kept += [person(1), person(2).model_copy(update={"part": Part.REPLIES})]
    await eyes.open("/members")
    await eyes.tab.get_by_label("What they may do").select_option("Also replies")
    await eyes.tab.get_by_role("button", name="Show").click()

    assert await eyes.tab.locator("tbody th").all_inner_texts() == ["Person 2"]
    await expect(eyes.tab.get_by_label("What they may do")).to_have_value("replies")


async def test_what_people_write_is_shown_as_they_wrote_it_and_never_runs(eyes: Looking, desk: MembersDesk) -> None:
    desk.kept.append(person(1, SCRIPT[:40]))
    for path in ("/members", "/members/0/removal"):
        await eyes.open(path)
        assert SCRIPT[:40] in await eyes.tab.inner_text("main")

    await eyes.open("/members/new")
    await eyes.tab.get_by_label("The person's name").fill(SCRIPT)
    await eyes.tab.get_by_label("Note").fill("</textarea>" + SCRIPT)
    await eyes.tab.get_by_role("button", name="Save").click()

    await expect(eyes.tab.get_by_label("The person's name")).to_have_value(SCRIPT)
    await expect(eyes.tab.get_by_label("Note")).to_have_value("</textarea>" + SCRIPT)
    assert await eyes.tab.title() == "Error: Add somebody – Storyloop"


async def test_who_has_signed_in_sees_their_name_and_a_way_out(eyes: Looking) -> None:
    await eyes.open("/")
    header = eyes.tab.get_by_role("banner")

    assert SIGNED_IN.name in await header.inner_text()
    form = header.locator("form")
    assert (await form.get_attribute("method"), await form.get_attribute("action")) == ("post", "/sign-out")
    assert await form.locator("[name=csrf_token]").input_value() == SIGNED_IN.csrf
    assert await eyes.tab.get_by_role("link", name="Sign in").count() == 0
    assert "Add somebody" in await eyes.tab.inner_text("main")


async def test_every_form_that_is_sent_carries_the_sessions_token(eyes: Looking, desk: MembersDesk) -> None:
    desk.kept.append(person(1))
    for path in ("/members", "/members/new", "/members/0/removal", "/upload"):
        await eyes.open(path)
        forms = eyes.tab.locator("form[method=post]")
        assert await forms.count() == await forms.locator(f"[name=csrf_token][value={SIGNED_IN.csrf}]").count() > 0
