"""What the services promise about themselves, held against their code and against real parts."""

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import asyncpg
import pytest

from deploy.local.system import Databases
from shared import topics
from shared.contracts import CONTRACTS
from shared.events import CopyErased, ReceiptGiven, StoryOffered
from tests.contracts.reading import (
    OF_ALL,
    ROOT,
    SERVICES,
    SUBMISSIONS,
    announced,
    heard,
    promised,
    sample,
    short,
    sql_of,
    tables_of,
)


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_hears_what_it_says(service: str) -> None:
    assert {short(contract) for contract in heard(service)} == promised(service, "Hears")


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_announces_what_it_says(service: str) -> None:
    assert {short(contract) for contract in announced(service)} == promised(service, "Announces")


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_owns_the_tables_that_it_says(service: str) -> None:
    assert tables_of(service) == promised(service, "Owns")


def test_every_event_is_announced_by_exactly_one_service() -> None:
    by_how_many = Counter(contract for service in SERVICES for contract in announced(service))

    assert by_how_many.pop(CopyErased) == 3, "every service but intake, which is where it is collected"
    assert by_how_many == Counter(set(CONTRACTS.values()) - SUBMISSIONS - OF_ALL - {CopyErased})


def test_every_event_is_heard_by_somebody() -> None:
    """What nobody hears yet is for outsiders, or waits for its listener; a new name here is a decision."""
    nobody = set(CONTRACTS.values()) - OF_ALL - set().union(*map(heard, SERVICES))

    assert {short(contract) for contract in nobody} == {
        "receipt.given",
        "organisation.listed",
        "organisation.closed",
        "directory.released",
    }


@pytest.mark.parametrize("service", SERVICES)
def test_every_event_has_a_topic_of_its_own_announcer(service: str) -> None:
    per_publisher = {topic.name: topic for topic in topics.of_publisher("surveys")}

    for contract in announced(service) - {CopyErased, ReceiptGiven}:
        assert contract.topic is not None
        assert (contract.topic in topics.FACTS, contract.topic.announcer) == (True, service), contract.type
    if CopyErased in announced(service):
        assert topics.BY_NAME[CopyErased.model_validate(sample(CopyErased)).topic_for(service)].announcer == service
    if ReceiptGiven in announced(service):
        receipt = ReceiptGiven.model_validate(sample(ReceiptGiven) | {"publisher": "surveys"})
        assert per_publisher[receipt.topic_for(service)].announcer == service


def test_what_publishers_write_has_no_announcer_of_ours() -> None:
    offered = [topic for topic in topics.of_publisher("surveys") if topic.announcer is None]

    assert [topic.name for topic in offered] == [
        "storyloop.submissions.surveys",
        "storyloop.comment-submissions.surveys",
    ]
    assert StoryOffered.topic is None


# --- nobody reads another's tables ------------------------------------------------------------------


@pytest.mark.parametrize("service", SERVICES)
def test_a_services_sql_names_no_schema_but_its_own(service: str) -> None:
    schemas = set(re.findall(r"\b(intake|router|responder|tracker|public|pg_catalog)\.\w", sql_of(service)))

    assert schemas == {service}


@pytest.mark.parametrize("service", SERVICES)
def test_a_services_sql_names_the_schema_of_each_table_that_it_touches(service: str) -> None:
    touched = re.findall(r"\b(?:FROM|JOIN|INTO|UPDATE(?! SET)|DELETE FROM)\s+(?:ONLY\s+)?([\w.]+)", sql_of(service))

    assert {name for name in touched if name in tables_of(service)} == set()


@pytest.mark.parametrize("service", SERVICES)
async def test_a_services_role_is_refused_on_every_other_schema(service: str, databases: Databases) -> None:
    connection = await asyncpg.connect(databases.dsns[service])
    try:
        for other in SERVICES:
            statements = [
                f'SELECT count(*) FROM "{other}".thread',  # noqa: S608 - one of our four names
                f'UPDATE "{other}".thread SET announced = 0',  # noqa: S608 - as above
                f'CREATE TABLE "{other}".mine (id integer)',
            ]
            refused = [await _is_refused(connection, statement) for statement in statements]
            assert refused == [other != service] * 3, (service, other)
    finally:
        await connection.close()


async def _is_refused(connection: "asyncpg.Connection[asyncpg.Record]", statement: str) -> bool:
    try:
        await connection.execute(statement)
    except asyncpg.InsufficientPrivilegeError:
        return True
    return False


# --- each service starts alone ----------------------------------------------------------------------

START = """
import sys
from pathlib import Path
import services
from services.{service}.app import {service}
from shared.database import Database
from shared.http import Desk, make_app
from shared.service import Process
import asyncio

async def start():
    service = {service}()
    process = Process(service, await Database.connect("postgresql://nobody@localhost/none", application="test"))
    make_app(process.desk, service.web)
    assert [stream.group for stream in service.streams]

asyncio.run(start())
ours = [name for name in sys.modules if name.partition(".")[0] in ("shared", "services", "deploy")]
away = [name for name in ours if not str(sys.modules[name].__file__).startswith({folder!r})]
others = [name for name in ours if name.startswith("services.") and name.split(".")[1] != "{service}"]
assert (away, others) == ([], []), (away, others)
print("built")
"""


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_starts_from_a_copy_that_holds_only_itself_and_what_is_shared(service: str, tmp_path: Path) -> None:
    without = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "shared", tmp_path / "shared", ignore=without)
    shutil.copytree(ROOT / "services" / service, tmp_path / "services" / service, ignore=without)
    shutil.copy(ROOT / "services" / "__init__.py", tmp_path / "services")

    ended = subprocess.run(
        [sys.executable, "-c", START.format(service=service, folder=str(tmp_path))],
        env=_environment(tmp_path),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ended.returncode, ended.stdout.strip().splitlines()[-1:]) == (0, ["built"]), ended.stderr


def _environment(folder: Path) -> dict[str, str]:
    said = {
        "KAFKA": "localhost:9092",
        "POSTGRES": "postgresql://nobody@localhost/none",
        "INSTANCE": "alone-0",
        "HTTP_PORT": "8000",
        "STAFF_TOKEN": "the-token-of-staff",
        "SUBJECT_KEY": "a-key-that-only-tests-have-0123456789",
        "ISSUER": "https://issuer.example.org",
        "SMTP_HOST": "localhost",
        "SMTP_PORT": "25",
        "MAIL_FROM": "stories@example.org",
    }
    named = {f"STORYLOOP_{name}": value for name, value in said.items()}
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"} | named


def test_the_import_rules_hold() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 0, ended.stdout
