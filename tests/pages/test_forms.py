"""Forms: what comes is taken as it is or answered with a sentence; what nobody could have typed does no harm."""

from collections.abc import AsyncIterator

import httpx
import pytest

from shared.pages.forms import MOST_BYTES, MOST_FIELDS, checked
from tests.pages.members_desk import Filters, Member, MembersDesk, Part

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
RIGHT = {"name": "Gwen Pritchard", "email": "gwen@example.org", "part": "reads"}


@pytest.fixture
async def client(desk: MembersDesk) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody's browser, without its eyes."""
    transport = httpx.ASGITransport(desk.app)
    async with httpx.AsyncClient(
        transport=transport, base_url="https://storyloop.test", headers={"accept": BROWSER}
    ) as client:
        yield client


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"name": ""}, "Enter the person's name"),
        ({"name": " \t "}, "Enter the person's name"),
        ({"name": "x" * 41}, "The person's name must have 40 characters or fewer"),
        ({"name": "a\x00b"}, "The person's name has a character that cannot be kept: type it again"),
        ({"name": "a\x1fb"}, "The person's name has a character that cannot be kept: type it again"),
        ({"name": "a\ud800b"}, "The person's name has a character that cannot be kept: type it again"),
        ({"email": "gwen"}, "Their e-mail address must look like name@example.org"),
        ({"part": "owner"}, "Choose what they may do"),
        ({"part": ""}, "Choose what they may do"),
        ({"note": "x" * 501}, "Note must have 500 characters or fewer"),
    ],
)
def test_what_is_not_right_is_said_in_a_sentence(said: dict[str, str], sentence: str) -> None:
    form = checked(Member, {name: (words,) for name, words in (RIGHT | said).items()})

    assert [(fault.field, fault.problem) for fault in form.faults] == [(next(iter(said)), sentence)]
    assert form.value is None


def test_all_that_is_right_becomes_a_model() -> None:
    words = {name: (said,) for name, said in RIGHT.items()} | {"alerts": ("mail", "digest"), "note": ("",)}

    form = checked(Member, words)

    assert form.value == Member(
        name="Gwen Pritchard", email="gwen@example.org", part=Part.READS, alerts=["mail", "digest"]
    )


def test_faults_stand_in_the_order_of_the_fields() -> None:
    form = checked(Member, {"note": ("\x00",), "email": ("gwen",)})

    assert [fault.field for fault in form.faults] == ["name", "email", "part", "note"]


def test_a_filter_that_makes_no_sense_is_no_filter() -> None:
    form = checked(Filters, {"part": ("owner",), "after": ("-1",)})

    assert (form.value, len(form.faults)) == (None, 2)


async def test_a_form_that_is_right_leads_on_and_one_that_is_not_comes_back(
    client: httpx.AsyncClient, desk: MembersDesk
) -> None:
    wrong, right, again = [
        await client.post("/members/new", data=data) for data in (RIGHT | {"email": "gwen"}, RIGHT, RIGHT)
    ]

    assert (right.status_code, right.headers["location"]) == (303, "/members")
    assert (wrong.status_code, again.status_code) == (422, 422)
    assert "Somebody with this e-mail address is here already" in again.text
    assert len(desk.kept) == 1


async def test_fields_that_a_form_does_not_have_are_left_alone(client: httpx.AsyncClient, desk: MembersDesk) -> None:
    await client.post("/members/new", data=RIGHT | {"csrf_token": "t", "administrator": "yes"})

    assert [one.model_dump(exclude_defaults=True) for one in desk.kept] == [RIGHT]


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        pytest.param(b"name=%00&email=%ff%fe", "application/x-www-form-urlencoded", 422, id="bytes that are no text"),
        pytest.param(b"=&" * 100, "application/x-www-form-urlencoded", 422, id="fields without a name"),
        pytest.param(b"a=1&" * (MOST_FIELDS + 1), "application/x-www-form-urlencoded", 400, id="too many fields"),
        pytest.param(b"name=" + b"x" * MOST_BYTES, "application/x-www-form-urlencoded", 413, id="too long"),
        pytest.param(b"{}", "application/json", 422, id="not a form"),
        pytest.param(b"", "multipart/form-data", 400, id="no boundary"),
        pytest.param(b"nonsense", "multipart/form-data; boundary=b", 400, id="broken parts"),
        pytest.param(
            b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\n+2AA-\r\n--b--\r\n',
            "multipart/form-data; boundary=b; charset=utf-7",
            422,
            id="half a character in an odd encoding",
        ),
        pytest.param(
            b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\nx\r\n--b--\r\n',
            "multipart/form-data; boundary=b; charset=undefined",
            400,
            id="an encoding that reads nothing",
        ),
    ],
)
async def test_a_body_that_no_browser_sends_is_answered_with_a_page(
    client: httpx.AsyncClient, desk: MembersDesk, body: bytes, kind: str, status: int
) -> None:
    answer = await client.post("/members/new", content=body, headers={"content-type": kind})

    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert desk.kept == []


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"\xff\xfe\x00", "The file must be text: save it as CSV UTF-8 and choose it again"),
        (b"a\x00b,c", "The file must be text: save it as CSV UTF-8 and choose it again"),
        (b"", "Choose the file"),
    ],
)
async def test_a_file_that_is_no_text_is_said_to_be_none(
    client: httpx.AsyncClient, content: bytes, sentence: str
) -> None:
    answer = await client.post("/upload/report", files={"file": ("people.csv", content)})

    assert answer.status_code == 422
    assert sentence in answer.text
