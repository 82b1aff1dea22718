"""Members as every service copies them: what somebody was given, in whatever order they hear of it."""

import importlib
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from deploy.local.system import Databases
from shared.database import Database
from shared.events import MemberRemoved
from shared.ids import new_id
from shared.sign_in.members import grants_of
from shared.sign_in.principal import Grant, MemberRole
from shared.sign_in.subjects import subject_of
from tests.factories import member_listed
from tests.records import told
from tests.service import column, execute, hear, parked, redrive, said, tables_with

WHO = "5d41402abc4b2a76b9719d911017c592"
SOMEBODY_ELSE = "7d793037a0760186574b0282f2f435e7"


@pytest.fixture(params=["intake", "router", "tracker"])
def service(request: pytest.FixtureRequest) -> str:
    """Each service that copies members."""
    return str(request.param)


@pytest.fixture
async def database(service: str, databases: Databases) -> AsyncIterator[Database]:
    """The service's database."""
    database = await Database.connect(databases.dsns[service], application="test")
    yield database
    await database.close()


async def grants(database: Database, who: str = WHO) -> frozenset[Grant]:
    async with database.connection() as connection:
        return await grants_of(connection, who)


async def test_a_member_has_what_was_given_to_them_and_nobody_else_has(service: str, database: Database) -> None:
    await hear(service, database, member_listed(), member_listed(role="administrator", team="T1"))

    assert await grants(database) == {
        Grant(MemberRole.RESPONDER, "TRUST1"),
        Grant(MemberRole.ADMINISTRATOR, "TRUST1", "T1"),
    }
    assert await grants(database, SOMEBODY_ELSE) == frozenset()


async def test_who_is_given_another_role_has_only_that(service: str, database: Database) -> None:
    member = new_id()

    await hear(service, database, member_listed(member), member_listed(member, role="subscriber"))

    assert await grants(database) == {Grant(MemberRole.SUBSCRIBER, "TRUST1")}


async def test_a_frozen_member_has_nothing_until_they_are_taken_out_of_it(service: str, database: Database) -> None:
    member = new_id()

    await hear(service, database, member_listed(member), member_listed(member, frozen=True))
    while_frozen = await grants(database)
    await hear(service, database, member_listed(member))

    assert while_frozen == frozenset()
    assert await grants(database) == {Grant(MemberRole.RESPONDER, "TRUST1")}


async def test_who_was_removed_has_nothing_and_leaves_nothing(service: str, database: Database) -> None:
    member = new_id()

    await hear(service, database, member_listed(member), MemberRemoved(member=member))

    assert await grants(database) == frozenset()
    assert await tables_with(database, WHO) == []


async def test_who_comes_back_is_a_member_again(service: str, database: Database) -> None:
    member = new_id()

    await hear(service, database, member_listed(member), MemberRemoved(member=member), member_listed(member))

    assert await grants(database) == {Grant(MemberRole.RESPONDER, "TRUST1")}


async def test_an_older_fact_that_is_redriven_does_not_bring_a_member_back(service: str, database: Database) -> None:
    """What was parked is judged by no number of its thread; the row itself must know better."""
    member = new_id()
    listed = said(member_listed(member))
    await hear(service, database, replace(listed, value=b"{}"), MemberRemoved(member=member))
    why = await parked(database)
    await execute(database, "UPDATE parked SET value = $1", listed.value)

    await redrive(service, database)

    assert (why, await parked(database)) == (["contract_broken"], [])
    assert await grants(database) == frozenset()


async def test_what_is_told_twice_or_late_changes_nothing(service: str, database: Database) -> None:
    member = new_id()
    first = told(member_listed(member, role="administrator"), "responder", number=(7, 1))
    second = told(member_listed(member, role="subscriber"), "responder", number=(7, 2))

    outcomes = [one.outcome for one in await hear(service, database, first, second, first, second)]

    assert outcomes == ["handled", "handled", "repeated", "repeated"]
    assert await grants(database) == {Grant(MemberRole.SUBSCRIBER, "TRUST1")}


async def test_a_role_that_is_newer_than_this_service_gives_no_right(service: str, database: Database) -> None:
    record = said(member_listed())
    assert record.value is not None
    of_tomorrow = replace(record, value=record.value.replace(b'"responder"', b'"archivist"'))

    await hear(service, database, of_tomorrow)

    assert await column(database, "SELECT role FROM member") == ["other"]
    assert await grants(database) == frozenset()


def test_every_service_but_the_one_that_keeps_them_hears_of_members() -> None:
    for name in ("intake", "router", "tracker"):
        handlers = importlib.import_module(f"services.{name}.handlers")
        assert (handlers.keep_members.hears[0].short_type, handlers.forget_members.hears[0].short_type) == (
            "member.listed",
            "member.removed",
        )


def test_a_subject_tells_nobody_who_it_is_and_is_the_same_everywhere() -> None:
    key, issuer = b"a key", "https://issuer.example.org"

    subject = subject_of(key, issuer, "robin@example.org")

    assert subject == subject_of(key, issuer, "robin@example.org")
    assert len(subject) == 32
    assert int(subject, 16)
    assert (
        len(
            {
                subject,
                subject_of(b"another key", issuer, "robin@example.org"),
                subject_of(key, "https://other.example.org", "robin@example.org"),
                subject_of(key, issuer, "sam@example.org"),
                subject_of(key, issuer, "Robin@example.org"),
            }
        )
        == 5
    )
