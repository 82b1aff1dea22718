"""Members as a file: what spreadsheets really write, a report for each row, and no formula on the way out."""

import csv
import io
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.responder import member_files
from services.responder.member_files import BadFile, guarded, read, unguarded, write
from services.responder.members import Member, State
from shared.database import Database
from shared.events import MemberListed, OrganisationRole, TeamStaffed
from shared.ids import new_id
from tests.factories import team_listed
from tests.responder.administrators import ALEX, FILE, ROBIN, SAM, add, id_of, send, signed_in
from tests.service import announced, announced_types, column, hear

HEADER = "person,name,email,role,team\n"
TWO = f"{HEADER}{ROBIN},Robin Example,{ROBIN},administrator,\n{SAM},Sam Example,,responder,T1\n"


@pytest.fixture
async def pages(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    """Pages asked by somebody who keeps members everywhere; the trust has two teams."""
    await hear("responder", database, team_listed("T1"), team_listed("T2"))
    async with signed_in(database) as client:
        yield client


def outcomes(answer: httpx.Response) -> list[tuple[int, str, list[str]]]:
    rows: list[dict[str, Any]] = answer.json()["rows"]
    return [(row["row"], row["outcome"], [fault["field"] for fault in row["errors"]]) for row in rows]


async def test_a_file_is_only_looked_at_unless_asked_otherwise(database: Database, pages: httpx.AsyncClient) -> None:
    answer = await pages.post(FILE, content=TWO.encode(), headers={"content-type": "text/csv"})

    assert (answer.status_code, answer.json()["saved"], answer.json()["added"]) == (200, False, 2)
    assert await announced(database) == []
    assert await column(database, "SELECT member FROM member") == []


async def test_a_file_writes_everybody_down_at_once(database: Database, pages: httpx.AsyncClient) -> None:
    answer = await send(pages, TWO)

    assert outcomes(answer) == [(2, "added", []), (3, "added", [])]
    assert answer.json()["saved"]
    assert [row["member"] for row in answer.json()["rows"]] == [str(id_of(ROBIN)), str(id_of(SAM, "T1"))]
    assert await announced_types(database) == [MemberListed.type, MemberListed.type, TeamStaffed.type]
    assert await column(database, "SELECT email FROM responder.person ORDER BY email") == [ROBIN, None]


async def test_the_same_file_again_is_nothing_new(database: Database, pages: httpx.AsyncClient) -> None:
    await send(pages, TWO)

    again = await send(pages, TWO)

    assert outcomes(again) == [(2, "unchanged", []), (3, "unchanged", [])]
    assert len(await announced(database)) == 3


async def test_a_row_for_somebody_who_is_there_is_a_change_and_all_others_stay(
    database: Database, pages: httpx.AsyncClient
) -> None:
    await send(pages, TWO)
    await add(pages, ALEX)

    answer = await send(pages, f"{HEADER}{SAM},Sam Example,,subscriber,T1\n")

    assert outcomes(answer) == [(2, "changed", [])]
    assert await column(database, "SELECT role FROM member ORDER BY role") == [
        "administrator",
        "responder",
        "subscriber",
    ]


async def test_one_bad_row_and_nothing_is_saved(database: Database, pages: httpx.AsyncClient) -> None:
    answer = await send(
        pages,
        f"{HEADER}{ROBIN},Robin Example,,administrator,\n"
        f"{SAM},Sam Example,no address,king,T1\n"
        f"{ALEX},,,responder,\n"
        f"{ALEX},Alex Example,,responder,T7\n"
        f"{ROBIN.upper()},Robin Twice,,responder,\n"
        f"{ALEX},Alex Example,,responder,,,\n",
    )

    assert outcomes(answer) == [
        (2, "added", []),
        (3, "refused", ["email", "role"]),
        (4, "refused", ["name"]),
        (5, "refused", ["team"]),
        (6, "refused", ["person"]),
        (7, "refused", ["row"]),
    ]
    assert (answer.json()["saved"], answer.json()["refused"]) == (False, 5)
    assert await announced(database) == []
    assert await column(database, "SELECT member FROM member") == []


async def test_no_report_repeats_what_stood_in_a_bad_row(pages: httpx.AsyncClient) -> None:
    answer = await send(pages, f"{HEADER}{SAM},Sam Example,canary-address,canary-role,T1\n")

    assert outcomes(answer) == [(2, "refused", ["email", "role"])]
    assert "canary" not in answer.text


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"\xff\xfe", "not UTF-8"),
        (b"", "first row"),
        (b"name,role\nRobin,responder\n", "first row"),
        (b"person,name,role,person\n", "first row"),
        (b'person,name,role\n"' + b"x" * 200_000, "not CSV"),
        (b"person,name,role\n" + b"a,b,responder\n" * 5001, "more than 5000"),
    ],
)
async def test_a_file_that_is_none_is_refused_as_a_whole(body: bytes, why: str, pages: httpx.AsyncClient) -> None:
    answer = await send(pages, body)

    assert (answer.status_code, answer.json()["reason"]) == (422, "bad_file")
    assert why in answer.json()["detail"]


async def test_what_is_not_sent_as_a_file_is_refused(pages: httpx.AsyncClient) -> None:
    assert (await pages.post(FILE, json={})).status_code == 415


async def test_some_thousand_rows_are_one_upload(database: Database, pages: httpx.AsyncClient) -> None:
    rows = "".join(f"p{number}@example.org,Person {number},,responder,T{number % 2 + 1}\n" for number in range(3000))

    answer = await send(pages, HEADER + rows)

    assert (answer.json()["added"], answer.json()["saved"]) == (3000, True)
    assert len(await announced(database)) == 3002


# --- as spreadsheets write them ---------------------------------------------------------------------


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("delimiter", [",", ";"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_file_reads_the_same_however_a_spreadsheet_writes_it(mark: bytes, delimiter: str, end: str) -> None:
    lines = [["Person", " Name ", "Role", "Remarks"], [ROBIN, 'Robin "Rob" Ex;am,ple', "Responder", "x"], ["", "", ""]]
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL).writerows(lines)

    (row,) = read(mark + text.getvalue().encode())

    assert row.faults == ()
    assert row.written is not None
    assert (row.written.person, row.written.name) == (ROBIN, 'Robin "Rob" Ex;am,ple')
    assert (row.written.role, row.written.team) == (OrganisationRole.RESPONDER, None)


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: f"{HEADER}{text}".encode(errors="replace")))
def test_whatever_a_file_holds_it_is_read_or_refused(body: bytes) -> None:
    try:
        rows = read(body)
    except BadFile:
        return
    assert all((row.written is None) == bool(row.faults) for row in rows)


@given(st.text("='+-@\t\ra ", max_size=6))
def test_no_cell_is_a_formula_and_each_is_read_as_it_was(cell: str) -> None:
    assert not guarded(cell).startswith(member_files.FORMULAS)
    assert unguarded(guarded(cell)) == cell


@given(
    st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=30).filter(lambda name: name.strip() != "")
)
def test_what_is_written_is_read_again(name: str) -> None:
    there = Member(
        new_id(), "0" * 32, "TRUST1", "T1", OrganisationRole.LISTENER, State.FROZEN, ROBIN, name.strip(), None
    )

    (row,) = read(write([there]))

    assert row.written is not None
    assert (row.written.name, row.written.team, row.written.role) == (name.strip(), "T1", OrganisationRole.LISTENER)


async def test_a_download_holds_no_formula_and_is_nothing_new_when_sent_back(
    database: Database, pages: httpx.AsyncClient
) -> None:
    await add(pages, ROBIN, name='=HYPERLINK("http://example.org")')
    await add(pages, SAM, name="@sum", team="T1")
    await add(pages, ALEX)
    await pages.delete(f"/organisations/TRUST1/members/{id_of(ALEX)}")

    file = await pages.get(FILE)

    cells = [cell for line in csv.reader(io.StringIO(file.content.decode("utf-8-sig"))) for cell in line]
    assert file.headers["content-type"].startswith("text/csv")
    assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))] == []
    assert ALEX not in cells
    assert [outcome for _, outcome, _ in outcomes(await send(pages, file.content))] == ["unchanged", "unchanged"]
