"""The system on one machine: databases, topics, migrations and the four services as four processes."""

import os
import secrets
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from shared import topics
from shared.migrations import migrate

SERVICES = ("intake", "router", "responder", "tracker")


@dataclass(frozen=True, slots=True)
class Databases:
    """One role and one schema for each service, in one database."""

    admin: str
    dsns: Mapping[str, str]


async def make_database(server: str, name: str) -> Databases:
    """A fresh database in which each service owns a schema of its own name and may touch no other."""
    await _execute(server, f'CREATE DATABASE "{name}"')
    admin = with_parts(server, path=f"/{name}")
    dsns = {}
    for service in SERVICES:
        role, password = f"{name}_{service}", secrets.token_hex(16)
        await _execute(
            admin,
            f"CREATE ROLE \"{role}\" LOGIN PASSWORD '{password}'",
            f'GRANT "{role}" TO current_user',
            f'CREATE SCHEMA "{service}" AUTHORIZATION "{role}"',
            f'ALTER ROLE "{role}" SET search_path = "{service}"',
        )
        dsns[service] = with_parts(admin, user=role, password=password)
    await _execute(admin, "REVOKE CREATE ON SCHEMA public FROM public")
    return Databases(admin, dsns)


async def drop_database(server: str, name: str) -> None:
    """Drops what `make_database` made; for servers that are not ours alone."""
    await _execute(server, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    for service in SERVICES:
        await _execute(server, f'DROP ROLE IF EXISTS "{name}_{service}"')


async def migrate_all(databases: Databases) -> None:
    """Brings every service's schema up to date."""
    for service, dsn in databases.dsns.items():
        connection = await asyncpg.connect(dsn, timeout=10)
        try:
            await migrate(connection, service)
        finally:
            await connection.close()


async def make_topics(kafka: str, publishers: Sequence[str], prefix: Sequence[topics.Topic] = ()) -> None:
    """Makes every topic of the table that is not there yet."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka, request_timeout_ms=20_000)
    await admin.start()
    try:
        there = set(await admin.list_topics())
        wanted = [topic for topic in (*topics.all_topics(tuple(publishers)), *prefix) if topic.name not in there]
        answers = await admin.create_topics(
            [NewTopic(topic.name, topic.partitions, 1, topic_configs=topic.config) for topic in wanted]
        )
        refused = [(name, message) for name, code, message in answers.topic_errors if code not in {0, 36}]
        if refused:
            raise KafkaError(f"topics could not be made: {refused}")
    finally:
        await admin.close()


def environment(service: str, dsn: str, kafka: str, port: int, staff_token: str, **more: str) -> dict[str, str]:
    """What a service's process is told."""
    return {
        **os.environ,
        "STORYLOOP_KAFKA": kafka,
        "STORYLOOP_POSTGRES": dsn,
        "STORYLOOP_INSTANCE": f"{service}-0",
        "STORYLOOP_HTTP_HOST": "127.0.0.1",
        "STORYLOOP_HTTP_PORT": str(port),
        "STORYLOOP_STAFF_TOKEN": staff_token,
        "STORYLOOP_SUBJECT_KEY": "for-this-machine-only-and-for-nothing-else",
        "STORYLOOP_ISSUER": "https://issuer.example.org",
        **more,
    }


def command(service: str) -> list[str]:
    """How a service's process is started."""
    return [sys.executable, "-m", f"services.{service}"]


async def _execute(dsn: str, *statements: str) -> None:
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def with_parts(dsn: str, user: str | None = None, password: str | None = None, path: str | None = None) -> str:
    """The address with another user or database."""
    parts = urlsplit(dsn)
    host = parts.netloc.rpartition("@")[2]
    netloc = f"{user}:{password}@{host}" if user else parts.netloc
    return urlunsplit((parts.scheme, netloc, path or parts.path, parts.query, ""))
