"""Members one by one: who is written down, changed, frozen, gone, and what others are told of it."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from shared.database import Database
from shared.events import MemberListed, MemberRemoved, TeamClosed, TeamStaffed, TeamUnstaffed
from shared.ids import new_id
from shared.sign_in.members import grants_of
from shared.sign_in.principal import Grant, MemberRole
from tests.factories import team_listed
from tests.responder.administrators import ALEX, MEMBERS, OPERATOR, ROBIN, SAM, add, id_of, principal_of, signed_in
from tests.service import announced, announced_types, column, fetch, hear, tables_with, time_passes

LISTED, REMOVED = MemberListed.type, MemberRemoved.type
STAFFED, UNSTAFFED = TeamStaffed.type, TeamUnstaffed.type


@pytest.fixture
async def pages(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    """Pages asked by somebody who keeps members everywhere; the trust has two teams."""
    await hear("responder", database, team_listed("T1"), team_listed("T2"), team_listed("T9", organisation="TRUST9"))
    async with signed_in(database) as client:
        yield client


async def test_somebody_who_is_written_down_is_told_of_without_their_name(
    database: Database, pages: httpx.AsyncClient
) -> None:
    answer = await add(pages, ROBIN, email=ROBIN, team="T1")

    listed = {
        "member": answer.json()["id"],
        "principal": principal_of(ROBIN),
        "role": "responder",
        "organisation": "TRUST1",
        "team": "T1",
        "frozen": False,
    }
    assert answer.status_code == 201
    assert await announced(database) == [(LISTED, listed), (STAFFED, {"team": "T1", "organisation": "TRUST1"})]
    assert await tables_with(database, "obin") == ["person"]


async def test_the_same_person_twice_is_one_member(database: Database, pages: httpx.AsyncClient) -> None:
    first, second = await add(pages, ROBIN), await add(pages, ROBIN.upper(), name="Name of robin")

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert await announced_types(database) == [LISTED]
    assert await column(database, "SELECT what FROM responder.member_audit") == ["added"]


async def test_a_person_in_two_teams_is_two_members(database: Database, pages: httpx.AsyncClient) -> None:
    ids = {(await add(pages, ROBIN, team=team)).json()["id"] for team in ("T1", "T2")}

    assert len(ids) == 2
    assert await announced_types(database) == [LISTED, STAFFED] * 2


async def test_who_is_there_already_is_not_given_another_role_by_chance(
    database: Database, pages: httpx.AsyncClient
) -> None:
    await add(pages, ROBIN, "administrator")

    answer = await add(pages, ROBIN, "subscriber")

    assert (answer.status_code, answer.json()["reason"]) == (409, "already_a_member")
    assert await column(database, "SELECT role FROM member") == ["administrator"]


@pytest.mark.parametrize("team", ["T9", "NOWHERE"])
async def test_nobody_joins_a_team_of_another_organisation(
    team: str, database: Database, pages: httpx.AsyncClient
) -> None:
    answer = await add(pages, ROBIN, team=team)

    assert (answer.status_code, [fault["field"] for fault in answer.json()["errors"]]) == (422, ["team"])
    assert await announced(database) == []


async def test_nobody_joins_a_team_that_is_closed(database: Database, pages: httpx.AsyncClient) -> None:
    await hear("responder", database, TeamClosed(team="T1"))

    assert (await add(pages, ROBIN, team="T1")).status_code == 422


@pytest.mark.parametrize(
    "fields", [{"role": "moderator"}, {"role": "other"}, {"email": "no address"}, {"name": ""}, {"person": "\x00"}]
)
async def test_what_no_member_can_be_is_refused(
    fields: dict[str, str], database: Database, pages: httpx.AsyncClient
) -> None:
    answer = await add(pages, **({"person": ROBIN, "name": "Robin Example"} | fields))

    assert (answer.status_code, [fault["field"] for fault in answer.json()["errors"]]) == (422, list(fields))
    assert await announced(database) == []


# --- changing ---------------------------------------------------------------------------------------


async def change(pages: httpx.AsyncClient, etag: str, person: str = ROBIN, **fields: Any) -> httpx.Response:
    return await pages.patch(f"{MEMBERS}/{id_of(person)}", json=fields, headers={"If-Match": etag})


async def tag(pages: httpx.AsyncClient, person: str = ROBIN) -> str:
    return str((await pages.get(f"{MEMBERS}/{id_of(person)}")).headers["etag"])


async def test_another_role_is_told(database: Database, pages: httpx.AsyncClient) -> None:
    await add(pages, ROBIN)

    answer = await change(pages, await tag(pages), role="subscriber")

    assert (answer.status_code, answer.json()["role"]) == (200, "subscriber")
    assert (answer.json()["name"], answer.headers["etag"]) == ("Name of robin", await tag(pages))
    assert [data["role"] for _, data in await announced(database)] == ["responder", "subscriber"]


async def test_another_name_is_nobody_elses_business(database: Database, pages: httpx.AsyncClient) -> None:
    await add(pages, ROBIN, email=ROBIN)

    renamed = await change(pages, await tag(pages), name="Robin Example")
    without = await change(pages, await tag(pages), email=None)

    assert (renamed.json()["name"], renamed.json()["email"]) == ("Robin Example", ROBIN)
    assert (without.json()["name"], without.json()["email"]) == ("Robin Example", None)
    assert await announced_types(database) == [LISTED]
    assert await column(database, "SELECT what FROM responder.member_audit ORDER BY id") == [
        "added",
        "changed",
        "changed",
    ]


async def test_who_has_read_an_older_state_changes_nothing(database: Database, pages: httpx.AsyncClient) -> None:
    await add(pages, ROBIN)
    read = await tag(pages)
    await change(pages, read, role="administrator")

    answer = await change(pages, read, role="subscriber")

    assert (answer.status_code, answer.json()["reason"]) == (412, "not_as_read")
    assert await column(database, "SELECT role FROM member") == ["administrator"]


async def test_a_change_without_the_state_that_was_read_is_refused(pages: httpx.AsyncClient) -> None:
    await add(pages, ROBIN)

    answer = await pages.patch(f"{MEMBERS}/{id_of(ROBIN)}", json={"role": "subscriber"})

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "If-Match")


# --- frozen, left, forgotten ------------------------------------------------------------------------


async def act(pages: httpx.AsyncClient, what: str, person: str = ROBIN, team: str | None = None) -> httpx.Response:
    path = f"{MEMBERS}/{id_of(person, team)}"
    return await (pages.delete(path) if what == "delete" else pages.post(f"{path}/{what}"))


async def grants(database: Database, person: str = ROBIN) -> frozenset[Grant]:
    async with database.connection() as connection:
        return await grants_of(connection, principal_of(person))


async def test_responders_own_table_says_what_a_member_may_do(database: Database, pages: httpx.AsyncClient) -> None:
    await add(pages, ROBIN, team="T1")

    given = await grants(database)
    await act(pages, "freeze", team="T1")
    frozen = await grants(database)
    await act(pages, "unfreeze", team="T1")
    again = await grants(database)
    await act(pages, "delete", team="T1")

    assert given == again == {Grant(MemberRole.RESPONDER, "TRUST1", "T1")}
    assert frozen == await grants(database) == frozenset()


async def test_freezing_twice_is_freezing_once(database: Database, pages: httpx.AsyncClient) -> None:
    await add(pages, ROBIN)

    answers = [await act(pages, what) for what in ("freeze", "freeze", "unfreeze", "unfreeze", "delete", "delete")]

    assert [(answer.status_code, answer.json()["state"]) for answer in answers] == [
        (200, state) for state in ("frozen", "frozen", "active", "active", "left", "left")
    ]
    assert await announced_types(database) == [LISTED, LISTED, LISTED, REMOVED]


@pytest.mark.parametrize("what", ["freeze", "unfreeze"])
async def test_who_has_left_is_neither_frozen_nor_taken_back_by_that(what: str, pages: httpx.AsyncClient) -> None:
    await add(pages, ROBIN)
    await act(pages, "delete")

    answer = await act(pages, what)

    assert (answer.status_code, answer.json()["reason"]) == (409, "has_left")


async def test_who_comes_back_is_the_same_member(database: Database, pages: httpx.AsyncClient) -> None:
    first = await add(pages, ROBIN)
    await act(pages, "delete")

    again = await add(pages, ROBIN, "subscriber")
    await time_passes("responder", database)

    assert first.json() == again.json()
    assert await announced_types(database) == [LISTED, REMOVED, LISTED]
    assert await column(database, "SELECT name FROM responder.person") == ["Name of robin"]


async def test_the_name_of_somebody_who_left_goes_and_the_audit_stays(
    database: Database, pages: httpx.AsyncClient
) -> None:
    await add(pages, ROBIN, email=ROBIN)
    await act(pages, "delete")
    before = await column(database, "SELECT due_at - now() > interval '89 days' FROM timer")

    await time_passes("responder", database)

    assert before == [True]
    assert await tables_with(database, "obin") == []
    rows = await fetch(database, "SELECT by, what, principal FROM responder.member_audit ORDER BY id")
    assert [tuple(row) for row in rows] == [
        (OPERATOR.subject, "added", principal_of(ROBIN)),
        (OPERATOR.subject, "left", principal_of(ROBIN)),
        ("responder", "forgotten", principal_of(ROBIN)),
    ]
    listed = (await pages.get(MEMBERS, params={"state": "left"})).json()
    assert [(one["name"], one["state"]) for one in listed] == [(None, "left")]


async def test_nobody_changes_what_the_audit_says(database: Database, pages: httpx.AsyncClient) -> None:
    await add(pages, ROBIN)

    for change in ("UPDATE {} SET by = 'x'", "DELETE FROM {}", "TRUNCATE {}"):
        with pytest.raises(Exception, match="only added to"):
            await column(database, change.format("responder.member_audit"))


# --- which teams are staffed ------------------------------------------------------------------------


async def staffing(database: Database) -> list[tuple[str, str]]:
    return [(type_, data["team"]) for type_, data in await announced(database) if type_ in {STAFFED, UNSTAFFED}]


async def test_the_first_who_may_answer_staffs_a_team_and_the_last_leaves_it_empty(
    database: Database, pages: httpx.AsyncClient
) -> None:
    await add(pages, ROBIN, "responder", team="T1")
    await add(pages, SAM, "administrator", team="T1")
    await act(pages, "delete", ROBIN, "T1")
    still = await staffing(database)
    await act(pages, "freeze", SAM, "T1")
    await act(pages, "unfreeze", SAM, "T1")

    assert still == [(STAFFED, "T1")]
    assert await staffing(database) == [(STAFFED, "T1"), (UNSTAFFED, "T1"), (STAFFED, "T1")]


@pytest.mark.parametrize("role", ["subscriber", "listener"])
async def test_who_only_reads_staffs_nothing(role: str, database: Database, pages: httpx.AsyncClient) -> None:
    await add(pages, ROBIN, role, team="T1")

    assert await staffing(database) == []


async def test_who_may_answer_for_the_whole_organisation_sits_in_no_team(
    database: Database, pages: httpx.AsyncClient
) -> None:
    await add(pages, ROBIN, "administrator")

    assert await staffing(database) == []


async def test_who_may_no_longer_answer_leaves_the_team_empty(database: Database, pages: httpx.AsyncClient) -> None:
    await add(pages, ROBIN, "responder", team="T1")
    path = f"{MEMBERS}/{id_of(ROBIN, 'T1')}"
    read = (await pages.get(path)).headers["etag"]

    await pages.patch(path, json={"role": "subscriber"}, headers={"If-Match": read})

    assert await staffing(database) == [(STAFFED, "T1"), (UNSTAFFED, "T1")]


async def test_a_team_that_is_closed_or_moves_has_lost_its_people_until_it_is_back(
    database: Database, pages: httpx.AsyncClient
) -> None:
    await add(pages, ROBIN, team="T1")

    for fact in (TeamClosed(team="T1"), team_listed("T1"), team_listed("T1", organisation="TRUST9"), team_listed("T1")):
        await hear("responder", database, fact)

    assert await staffing(database) == [(STAFFED, "T1"), (UNSTAFFED, "T1")] * 2 + [(STAFFED, "T1")]


async def test_a_team_that_is_listed_again_as_it_was_says_nothing(database: Database, pages: httpx.AsyncClient) -> None:
    await add(pages, ROBIN, team="T1")

    await hear("responder", database, team_listed("T1", name="Another name"), team_listed("T2"))

    assert await staffing(database) == [(STAFFED, "T1")]


# --- reading ----------------------------------------------------------------------------------------


async def test_members_are_listed_page_by_page_and_chosen_by_team_role_and_state(pages: httpx.AsyncClient) -> None:
    await add(pages, ROBIN, "administrator")
    await add(pages, SAM, "responder", team="T1")
    await add(pages, ALEX, "subscriber", team="T1")
    await act(pages, "freeze", ALEX, "T1")

    async def people(**only: str | int) -> list[str]:
        return [one["person"] for one in (await pages.get(MEMBERS, params=only)).json()]

    first = (await pages.get(MEMBERS, params={"limit": 2})).json()
    second = (await pages.get(MEMBERS, params={"limit": 2, "after": first[-1]["member"]})).json()
    assert sorted(one["person"] for one in (*first, *second)) == sorted([ROBIN, SAM, ALEX])
    assert (len(first), len(second)) == (2, 1)
    assert sorted(await people(team="T1")) == [ALEX, SAM]
    assert await people(role="administrator") == [ROBIN]
    assert await people(state="frozen", team="T1") == [ALEX]
    assert (await pages.get("/organisations/TRUST9/members")).json() == []


async def test_a_member_of_another_organisation_is_not_there(pages: httpx.AsyncClient) -> None:
    await add(pages, ROBIN)

    theirs = await pages.get(f"/organisations/TRUST9/members/{id_of(ROBIN)}")
    nobody = await pages.get(f"{MEMBERS}/{new_id()}")

    assert (theirs.status_code, theirs.json()) == (nobody.status_code, nobody.json())
    assert theirs.status_code == 404
