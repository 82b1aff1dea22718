"""Members' pages: whose they are, what they say when something is not right, and that they change nothing by chance."""

from collections.abc import AsyncIterator
from html import unescape
from itertools import product
from re import findall, search
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from shared.database import Database
from tests.factories import team_listed
from tests.pages.test_forms import BROWSER
from tests.responder.administrators import ALEX, MEMBERS, OPERATOR, ROBIN, SAM, add, id_of, principal_of, with_role
from tests.responder.administrators import signed_in as asked_by
from tests.service import announced_types, column, hear, open_pages, sign_in_as

AT = "/members/TRUST1"
NEW = {"name": "Sam Example", "person": SAM, "email": SAM, "role": "responder", "team": ""}
ROBINS = f"{AT}/{id_of(ROBIN)}"
PAGES = (AT, f"{AT}/new", f"{AT}/file", ROBINS, f"{ROBINS}/change", f"{ROBINS}/freeze", f"{ROBINS}/removal")
FORMS = (f"{AT}/new", f"{AT}/file/report", f"{AT}/file", f"{ROBINS}/change", f"{ROBINS}/freeze", f"{ROBINS}/removal")


@pytest.fixture(autouse=True)
async def organisation(database: Database) -> None:
    """A trust with two teams, and with Robin as a responder of the whole of it."""
    await hear("responder", database, team_listed("T1"), team_listed("T2"))
    async with asked_by(database) as pages:
        await add(pages, ROBIN)


@pytest.fixture
async def pages(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    """Pages as somebody sees them who keeps members everywhere."""
    async with asked_by(database) as client:
        client.headers["accept"] = BROWSER
        yield client


async def read(pages: httpx.AsyncClient, path: str) -> str:
    """The words of a page."""
    answer = await pages.get(path)
    assert answer.status_code == 200, answer.text
    return unescape(answer.text)


def faults(answer: httpx.Response) -> list[tuple[str, str]]:
    """(link, sentence) of each line of the error summary."""
    summary = search(r"nhsuk-error-summary__list.*?</ul>", answer.text, flags=16)
    return findall(r'<a href="#(\w+)">\s*([^<]*?)\s*</a>', unescape(summary[0])) if summary else []


async def seen(pages: httpx.AsyncClient, member: str) -> str:
    """The state in which the form for a change shows somebody."""
    found: list[str] = findall(r'name="seen" value="("\w+")"', await read(pages, f"{member}/change"))
    return found[0]


# --- whose they are ---------------------------------------------------------------------------------

RIGHTS = {
    "administrator@*": True,
    "administrator@TRUST1": True,
    "administrator@FAR": False,
    "administrator@TRUST1/T9": False,
    "responder@TRUST1": None,
    "auditor@*": None,
}
"""Who keeps TRUST1's members: theirs, not theirs, or not even their area."""


@pytest.mark.parametrize(("role", "theirs"), RIGHTS.items())
async def test_what_is_not_theirs_is_not_there_and_others_have_nothing_to_do_here(
    role: str, theirs: bool | None, database: Database
) -> None:
    who = sign_in_as(role) | {"accept": BROWSER}
    async with open_pages("responder", database) as pages:
        seen = {(await pages.get(path, headers=who)).status_code for path in PAGES}
        sent = {(await pages.post(path, headers=who)).status_code for path in FORMS[:4]}
        there, nowhere = [(await pages.get(path, headers=who)).content for path in (AT, "/members/NOWHERE")]

    assert seen == {200 if theirs else 403 if theirs is None else 404}
    assert sent == {422 if theirs else 403 if theirs is None else 404}
    assert theirs or _without_nonce(there) == _without_nonce(nowhere)


def _without_nonce(body: bytes) -> str:
    return " ".join(part for part in body.decode().split() if not part.startswith("nonce="))


async def test_who_has_not_signed_in_is_sent_to_sign_in_and_then_on(database: Database) -> None:
    async with open_pages("responder", database) as pages:
        shown = [await pages.get(path, headers={"accept": BROWSER}) for path in ("/members", *PAGES)]
        sent = [await pages.post(path, headers={"accept": BROWSER}) for path in FORMS]

    assert [(one.status_code, one.headers["location"]) for one in shown] == [
        (303, f"/sign-in?next={path}") for path in ("/members", *PAGES)
    ]
    assert {one.status_code for one in sent} == {401}
    assert await announced_types(database) == ["uk.nhs.storyloop.member.listed.v1"]


async def test_who_keeps_one_team_sees_and_fills_that_team_alone(database: Database) -> None:
    async with asked_by(database, with_role(SAM, team="T1")) as pages:
        pages.headers["accept"] = BROWSER
        added = await pages.post(f"{AT}/new", data=NEW | {"team": "T1"})
        elsewhere = [(await pages.post(f"{AT}/new", data=NEW | {"team": team})).status_code for team in ("", "T2")]
        listed = [await read(pages, path) for path in (AT, f"{AT}?team=T2", f"{AT}?team=nonsense%20")]
        closed = [(await pages.get(path)).status_code for path in (f"{AT}/file", ROBINS)]
        gone_to = (await pages.get("/members")).headers["location"]

    assert (added.status_code, elsewhere, closed) == (303, [404, 404], [404, 404])
    assert all("Sam Example" in one and "Name of robin" not in one and "Team T2" not in one for one in listed)
    assert gone_to == f"{AT}?team=T1"


async def test_who_keeps_several_places_chooses_and_others_name_theirs(database: Database) -> None:
    async with asked_by(database, OPERATOR) as pages:
        asked = await pages.get("/members", headers={"accept": BROWSER})
        found = await pages.get("/members?organisation=TRUST1")
        wrong = await pages.get("/members?organisation=no%20code", headers={"accept": BROWSER})
    async with asked_by(database, with_role(SAM)) as pages:
        straight = await pages.get("/members")

    assert "Organisation code" in asked.text
    assert (found.headers["location"], straight.headers["location"]) == (AT, AT)
    assert faults(wrong) == [("organisation", "The organisation code must have letters, digits and hyphens only")]


# --- the list ---------------------------------------------------------------------------------------


async def names(pages: httpx.AsyncClient, query: str = "") -> list[str]:
    """Whom a list shows, in order."""
    return findall(rf'href="{AT}/[0-9a-f-]{{36}}">\s*([^<]*?)\s*</a>', await read(pages, AT + query))


async def test_a_list_is_in_order_of_names_and_goes_on_where_it_ended(pages: httpx.AsyncClient) -> None:
    wanted = sorted(f"{'Pp'[number % 2]}erson {number:02}" for number in range(60))
    rows = "".join(f"{one},{one},subscriber\n" for one in wanted)
    await pages.post(f"{AT}/file", data={"file": f"person,name,role\n{rows}"})

    first = await names(pages, "?role=subscriber")
    more = unescape(search(r'href="([^"]*after=[^"]*)"', await read(pages, f"{AT}?role=subscriber"))[1])  # type: ignore[index]
    second = await names(pages, "?" + urlsplit(more).query)

    assert (len(first), first + second) == (50, sorted(wanted, key=str.lower))
    assert set(parse_qs(urlsplit(more).query)) == {"role", "after"}, "and nothing personal"


async def test_filters_narrow_the_list_and_who_has_left_is_shown_only_if_asked_for(pages: httpx.AsyncClient) -> None:
    await add(pages, SAM, "administrator", team="T1")
    await add(pages, ALEX)
    await pages.post(f"{MEMBERS}/{id_of(ALEX)}/freeze")
    await pages.delete(f"{MEMBERS}/{id_of(ROBIN)}")

    found = {
        query: await names(pages, query)
        for query in ("", "?team=T1", "?role=responder", "?state=left", "?state=frozen", "?state=asleep")
    }

    assert found == {
        "": ["Name of alex", "Name of sam"],
        "?team=T1": ["Name of sam"],
        "?role=responder": ["Name of alex"],
        "?state=left": ["Name of robin"],
        "?state=frozen": ["Name of alex"],
        "?state=asleep": ["Name of alex", "Name of sam"],
    }


# --- one member -------------------------------------------------------------------------------------


async def test_who_is_added_is_a_member_and_the_address_says_nothing_about_them(
    database: Database, pages: httpx.AsyncClient
) -> None:
    answers = [await pages.post(f"{AT}/new", data=NEW) for _ in range(2)]

    assert {one.headers["location"] for one in answers} == {f"{AT}/{id_of(SAM)}?done=added"}
    assert "Sam Example" in await read(pages, answers[0].headers["location"])
    assert await column(database, "SELECT email FROM responder.person WHERE name = 'Sam Example'") == [SAM]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"name": " "}, ("name", "Enter their name")),
        ({"person": ""}, ("person", "Enter what they sign in with")),
        ({"email": "sam"}, ("email", "Their e-mail address must look like name@example.org")),
        ({"role": ""}, ("role", "Choose what they may do")),
        ({"team": "T9"}, ("team", "Choose a team of this organisation")),
        (
            {"person": ROBIN},
            ("person", "Somebody with this is a member there already: open them in the list to change them"),
        ),
    ],
)
async def test_what_is_not_right_is_said_at_its_field_and_the_words_stay(
    said: dict[str, str], expected: tuple[str, str], database: Database, pages: httpx.AsyncClient
) -> None:
    answer = await pages.post(f"{AT}/new", data=NEW | said)

    assert (answer.status_code, faults(answer)) == (422, [expected])
    assert f'id="{expected[0]}"' in answer.text
    assert "name" in said or 'value="Sam Example"' in answer.text
    assert len(await column(database, "SELECT member FROM member")) == 1


async def test_a_change_is_saved_and_one_that_was_read_before_it_is_not(
    database: Database, pages: httpx.AsyncClient
) -> None:
    form = {"name": "Robin Example", "email": "", "role": "administrator", "seen": await seen(pages, ROBINS)}

    saved = await pages.post(f"{ROBINS}/change", data=form)
    late = await pages.post(f"{ROBINS}/change", data=form | {"name": "Somebody else"})

    assert (saved.status_code, saved.headers["location"]) == (303, f"{ROBINS}?done=changed")
    assert (late.status_code, "Nothing of yours was saved" in late.text) == (412, True)
    assert await column(database, "SELECT name FROM responder.person") == ["Robin Example"]


async def test_a_member_is_frozen_unfrozen_and_removed_only_after_a_page_that_asks(
    database: Database, pages: httpx.AsyncClient
) -> None:
    states = []
    for what in ("freeze", "unfreeze", "removal"):
        await read(pages, f"{ROBINS}/{what}")
        states += await column(database, "SELECT frozen OR removed_at IS NOT NULL FROM member")
        answer = await pages.post(f"{ROBINS}/{what}")
        assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, ROBINS)
        states += await column(database, "SELECT frozen OR removed_at IS NOT NULL FROM member")

    assert states == [False, True, True, False, False, True]
    assert (await pages.get(f"{ROBINS}/nonsense")).status_code == 404


async def test_the_last_administrator_is_told_why_they_stay(database: Database) -> None:
    async with asked_by(database) as pages:
        await add(pages, SAM, "administrator")
    async with asked_by(database, with_role(SAM)) as pages:
        pages.headers["accept"] = BROWSER
        path = f"{AT}/{id_of(SAM)}"
        asked = await read(pages, f"{path}/removal")
        removed = await pages.post(f"{path}/removal")
        form = {"name": "Sam", "role": "responder", "seen": await seen(pages, path)}
        changed = await pages.post(f"{path}/change", data=form)

    assert "This is you" in asked
    assert (removed.status_code, "keeps at least one administrator" in removed.text) == (409, True)
    assert [field for field, _ in faults(changed)] == ["role"]
    assert await column(database, "SELECT role FROM member WHERE principal = $1", principal_of(SAM)) == [
        "administrator"
    ]


# --- a file -----------------------------------------------------------------------------------------

GOOD = f"person,name,role,team\n{SAM},Sam Example,responder,T1\n{ROBIN},Name of robin,subscriber,\n"
BAD = f"{GOOD}{ALEX},Alex Example,king,T9\n"


async def test_a_file_is_looked_at_row_by_row_and_saved_only_after_that(
    database: Database, pages: httpx.AsyncClient
) -> None:
    looked = await pages.post(f"{AT}/file/report", files={"file": ("members.csv", GOOD.encode())})
    before = await column(database, "SELECT role FROM member")
    saved = await pages.post(f"{AT}/file", data={"file": GOOD})

    assert (looked.status_code, "1 added, 1 changed" in looked.text) == (200, True)
    assert (before, saved.headers["location"]) == (["responder"], f"{AT}?done=file")
    assert await column(database, "SELECT role FROM member ORDER BY role") == ["responder", "subscriber"]


async def test_a_file_with_a_bad_row_cannot_be_saved(database: Database, pages: httpx.AsyncClient) -> None:
    answers = [await pages.post(f"{AT}/{path}", data={"file": BAD}) for path in ("file/report", "file")]

    assert {(one.status_code, "Save the file" in one.text, "king" in one.text) for one in answers} == {
        (422, False, False)
    }
    assert await column(database, "SELECT role FROM member") == ["responder"]


@pytest.mark.parametrize(
    ("file", "sentence"),
    [(b"", "Choose the file"), (b"name\n", "The first row must name"), (b"\xff\xfe\x00", "The file must be text")],
)
async def test_a_file_that_is_none_is_said_to_be_none(file: bytes, sentence: str, pages: httpx.AsyncClient) -> None:
    for path in ("file/report", "file"):
        answer = await pages.post(f"{AT}/{path}", files={"file": ("members.csv", file)})
        assert [(field, one.startswith(sentence)) for field, one in faults(answer)] == [("file", True)]


# --- what no page shows -----------------------------------------------------------------------------


async def test_what_people_wrote_is_text_on_every_page(pages: httpx.AsyncClient) -> None:
    await add(pages, SAM, name="<script>1</script>", team="T1")

    for path, what in product((f"{AT}/{id_of(SAM, 'T1')}",), ("", "/change", "/removal")):
        assert "<script>1" not in (await pages.get(path + what)).text
    assert "&lt;script&gt;1" in (await pages.get(AT)).text
