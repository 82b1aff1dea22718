"""Who may keep whose members, and that no organisation is left to nobody."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from structlog.testing import capture_logs

from shared.database import Database
from shared.sign_in.principal import MemberRole
from tests.factories import team_listed
from tests.responder.administrators import (
    ALEX,
    MEMBERS,
    OPERATOR,
    ROBIN,
    SAM,
    add,
    id_of,
    principal_of,
    send,
    signed_in,
    with_role,
)
from tests.service import announced_types, column, hear


@pytest.fixture(autouse=True)
async def organisation(database: Database) -> None:
    """A trust with a team, and with Robin as its administrator."""
    await hear("responder", database, team_listed("T1"), team_listed("T2"))
    async with signed_in(database) as pages:
        await add(pages, ROBIN, "administrator")


@pytest.fixture
async def robins(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    """Pages as Robin sees them."""
    async with signed_in(database, with_role(ROBIN)) as pages:
        yield pages


async def test_an_administrator_of_a_team_keeps_that_team_alone(database: Database) -> None:
    async with signed_in(database, with_role(SAM, team="T1")) as pages:
        theirs = [(await add(pages, ALEX, team=team)).status_code for team in ("T1", "T2")]
        listed = [(await pages.get(MEMBERS, params={"team": team})).status_code for team in ("T1", "T2")]
        frozen = await pages.post(f"{MEMBERS}/{id_of(ALEX, 'T1')}/freeze")

    assert (theirs, listed, frozen.status_code) == ([201, 404], [200, 404], 200)


async def test_anybody_may_leave_by_themselves_and_not_freeze_themselves(database: Database) -> None:
    async with signed_in(database) as pages:
        await add(pages, SAM, "subscriber")
    async with signed_in(database, with_role(SAM, MemberRole.SUBSCRIBER)) as pages:
        frozen = await pages.post(f"{MEMBERS}/{id_of(SAM)}/freeze")
        left = await pages.delete(f"{MEMBERS}/{id_of(SAM)}")

    assert (frozen.status_code, left.status_code, left.json()["state"]) == (403, 200, "left")


async def test_every_change_of_rights_is_audited_in_words_that_others_know_and_a_new_name_is_none(
    database: Database, robins: httpx.AsyncClient
) -> None:
    sams = f"{MEMBERS}/{id_of(SAM)}"
    with capture_logs() as lines:
        await add(robins, SAM, "subscriber")
        for change in ({"role": "responder"}, {"name": "Sam Example"}):
            read = {"If-Match": (await robins.get(sams)).headers["etag"]}
            await robins.patch(sams, json=change, headers=read)
        await robins.post(f"{sams}/freeze")
        await robins.post(f"{sams}/unfreeze")
        await robins.delete(sams)
        await send(robins, f"person,name,role,team\n{ALEX},Alex,responder,T1\n")

    sam = {"whose": principal_of(SAM), "organisation": "TRUST1"}
    assert await column(database, "SELECT detail FROM audit WHERE event = 'authz_change' ORDER BY id OFFSET 1") == [
        sam | {"what": "added", "role": "subscriber"},
        sam | {"what": "changed", "role": "responder", "role_before": "subscriber"},
        sam | {"what": "frozen", "role": "responder"},
        sam | {"what": "unfrozen", "role": "responder"},
        sam | {"what": "left", "role": "responder"},
        sam | {"what": "added", "role": "responder", "whose": principal_of(ALEX), "team": "T1"},
    ]
    by = await column(database, "SELECT subject FROM audit WHERE event = 'authz_change' ORDER BY id")
    assert by == [OPERATOR.subject, *[principal_of(ROBIN)] * 6]
    assert [line["event"] for line in lines].count("authz_change") == 6


# --- the last administrator -------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["leave", "freeze", "demote", "upload"])
async def test_the_last_administrator_stays_one(what: str, database: Database, robins: httpx.AsyncClient) -> None:
    path = f"{MEMBERS}/{id_of(ROBIN)}"
    if what == "upload":
        report = (await send(robins, f"person,name,role\n{ROBIN},Robin Example,subscriber\n")).json()
        assert (report["saved"], report["rows"][0]["errors"][0]["field"]) == (False, "role")
    else:
        read = (await robins.get(path)).headers["etag"]
        answer = await {
            "leave": lambda: robins.delete(path),
            "freeze": lambda: robins.post(f"{path}/freeze"),
            "demote": lambda: robins.patch(path, json={"role": "responder"}, headers={"If-Match": read}),
        }[what]()
        assert (answer.status_code, answer.json()["reason"]) == (409, "last_administrator")
        assert answer.json()["detail"].startswith("An organisation keeps at least one administrator")

    assert await announced_types(database) == ["uk.nhs.storyloop.member.listed.v1"]
    assert await column(database, "SELECT role FROM member WHERE NOT frozen AND removed_at IS NULL") == [
        "administrator"
    ]


async def test_an_administrator_of_one_team_is_none_of_the_organisation(robins: httpx.AsyncClient) -> None:
    await add(robins, SAM, "administrator", team="T1")

    assert (await robins.delete(f"{MEMBERS}/{id_of(ROBIN)}")).status_code == 409


async def test_whoever_keeps_members_from_above_may_remove_the_last(database: Database) -> None:
    async with signed_in(database, OPERATOR) as pages:
        assert (await pages.delete(f"{MEMBERS}/{id_of(ROBIN)}")).status_code == 200


async def test_who_makes_somebody_else_administrator_first_may_go(robins: httpx.AsyncClient) -> None:
    await add(robins, SAM, "administrator")

    assert (await robins.delete(f"{MEMBERS}/{id_of(ROBIN)}")).status_code == 200


async def test_two_administrators_who_remove_each_other_at_once_leave_one(
    database: Database, robins: httpx.AsyncClient
) -> None:
    await add(robins, SAM, "administrator")

    async with signed_in(database, with_role(SAM)) as sams:
        answers = await asyncio.gather(
            robins.delete(f"{MEMBERS}/{id_of(SAM)}"), sams.delete(f"{MEMBERS}/{id_of(ROBIN)}")
        )

    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert await column(database, "SELECT count(*) FROM member WHERE removed_at IS NULL") == [1]


async def test_of_two_who_change_the_same_member_at_once_the_second_reads_again(
    database: Database, robins: httpx.AsyncClient
) -> None:
    await add(robins, SAM)
    path = f"{MEMBERS}/{id_of(SAM)}"
    read = {"If-Match": (await robins.get(path)).headers["etag"]}

    answers = await asyncio.gather(
        *(robins.patch(path, json={"role": role}, headers=read) for role in ("subscriber", "administrator"))
    )

    assert sorted(answer.status_code for answer in answers) == [200, 412]


async def test_no_moment_is_missed_when_the_last_two_of_a_team_leave_at_once(
    database: Database, robins: httpx.AsyncClient
) -> None:
    for person in (SAM, ALEX):
        await add(robins, person, team="T1")

    await asyncio.gather(*(robins.delete(f"{MEMBERS}/{id_of(person, 'T1')}") for person in (SAM, ALEX)))

    told = [type_.split(".")[4] for type_ in await announced_types(database) if ".team." in type_]
    assert told == ["staffed", "unstaffed"]


async def test_two_who_write_down_the_same_person_at_once_make_one_member(
    database: Database, robins: httpx.AsyncClient
) -> None:
    answers = await asyncio.gather(*(add(robins, SAM, team="T1") for _ in range(4)))

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert await column(database, "SELECT count(*) FROM member WHERE team = 'T1'") == [1]
    assert len(await announced_types(database)) == 3
