"""A service in a test: it hears records through the real entrance, answers HTTP, and its outbox is read back."""

import importlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import count, groupby
from typing import Any
from uuid import uuid4

import httpx
import orjson
from aiokafka import TopicPartition
from joserfc import jwt
from joserfc.jwk import ECKey
from pydantic import SecretStr

from deploy.local.issuer import Client, LocalIssuer
from deploy.local.people import CLAIM, EVERYBODY, claim_rules
from services.intake.submissions import STREAMS
from shared import positions
from shared.contracts import Event
from shared.database import Database
from shared.entrance import Entrance
from shared.events import ReceiptGiven
from shared.hearing import Arrival
from shared.http import Desk, make_app
from shared.jobs import Jobs
from shared.parking import ParkedRecord
from shared.positions import Step
from shared.streams import Stream, streams_of
from shared.topics import COMMENT_SUBMISSIONS, SUBMISSIONS
from shared.work import Home, dues, hearings
from tests.records import record, told

ISSUER = "https://issuer.storyloop.test"
AUDIENCE = "storyloop"
SUBJECT_KEY = "a key of the tests, which is long enough"
KEY = ECKey.generate_key("P-256", auto_kid=True)
"""The test issuer's."""
_SAID: dict[tuple[str, str], Any] = {}


def home_of(service: str, database: Database, **told: Any) -> Home:
    """What a process of this service knows, with its own settings; some of them may be said."""
    settings: dict[str, Any] = {
        "kafka": "localhost:9092",
        "postgres": SecretStr(database.dsn),
        "instance": f"{service}-0",
        "http_port": 8000,
    } | signed_in_by(service)
    if service == "intake":
        settings |= {
            "smtp_host": "localhost",
            "smtp_port": 25,
            "mail_from": "stories@example.org",
        }
    kind = importlib.import_module(f"services.{service}.settings").Settings
    return Home(service, database, kind(**(settings | told)))


def signed_in_by(service: str) -> dict[str, Any]:
    """What a service is told about sign-in: an issuer that nobody can reach, whose key it knows."""
    return {
        "public_url": f"https://{service}.storyloop.test",
        "issuer": ISSUER,
        "issuer_keys": json.dumps({"keys": [KEY.as_dict(private=False)]}),
        "client_id": f"storyloop-{service}",
        "client_secret": SecretStr("a secret of the tests"),
        "audience": AUDIENCE,
        "subject_key": SecretStr(SUBJECT_KEY),
        "claims": claim_rules(),
    }


def believing(issuer: LocalIssuer, client: Client) -> dict[str, Any]:
    """What a service is told instead, to believe a local issuer that runs."""
    return {
        "public_url": client.public_url,
        "issuer": issuer.address,
        "issuer_keys": None,
        "client_id": client.id,
        "client_secret": SecretStr(client.secret) if client.secret else None,
    }


def token_of(*roles: str, sub: Any = "staff", key: Any = KEY, **claims: Any) -> str:
    """An access token of the test issuer: `responder@RXX`, `responder@RXX/T1`, or `moderator@*` for everywhere."""
    now = int(time.time())
    said = {"iss": ISSUER, "aud": AUDIENCE, "sub": sub, "iat": now, "exp": now + 36_000, CLAIM: list(roles)}
    return jwt.encode({"alg": "ES256", "kid": key.kid}, said | claims, key)


def sign_in_as(*roles: str, **claims: Any) -> dict[str, str]:
    """The header of somebody with these roles."""
    return {"Authorization": f"Bearer {token_of(*roles, **claims)}"}


STAFF = sign_in_as(*EVERYBODY.roles)
"""Somebody with every role, everywhere."""


def streams(service: str) -> list[Stream]:
    """All that a service reads."""
    handlers = importlib.import_module(f"services.{service}.handlers")
    return [*streams_of(service, hearings(handlers)), *(STREAMS if service == "intake" else ())]


# --- hearing ----------------------------------------------------------------------------------------


def said(event: Event, by: str | None = None, **how: Any) -> ParkedRecord:
    """A fact as its announcer's relay writes it, with the next number of its subject."""
    announcer = by or (event.topic and event.topic.announcer) or ""
    if event.topic is None or event.topic.sequenced:
        numbers = _SAID.setdefault((announcer, event.subject), count(1))
        how.setdefault("number", (1, next(numbers)))
    return told(event, announcer, **how)


def submitted(
    event: Event,
    by: str = "surveys",
    *,
    reference: str = "ref-1",
    id_: str | None = None,
    source: str = "/surveys/wards",
    partition: int = 0,
    value: bytes | None = None,
) -> ParkedRecord:
    """A publisher's event on its own topic; `value` takes the place of what the event says."""
    prefix = COMMENT_SUBMISSIONS if event.type.startswith("uk.nhs.storyloop.comment.") else SUBMISSIONS
    ce = {
        "specversion": "1.0",
        "id": id_ or str(uuid4()),
        "type": event.type,
        "source": source,
        "subject": reference,
        "time": "2026-05-04T10:00:00Z",
    }
    body = event.model_dump_json(exclude_defaults=True).encode() if value is None else value
    return record(prefix + by, body, ce, key=reference.encode(), partition=partition)


async def hear(service: str, database: Database, *things: Event | ParkedRecord) -> list[Arrival]:
    """Lets a service hear facts in this order: neighbours of one stream as one batch."""
    home = home_of(service, database)
    records = [thing if isinstance(thing, ParkedRecord) else said(thing) for thing in things]
    arrivals = []
    for stream, batch in groupby(records, key=lambda one: _stream_of(service, one.topic)):
        arrivals += await _take(Entrance(home, stream), list(batch))
    return arrivals


def _stream_of(service: str, topic: str) -> Stream:
    return next(stream for stream in streams(service) if stream.reads(topic))


async def _take(entrance: Entrance, records: Sequence[ParkedRecord]) -> list[Arrival]:
    ends = {TopicPartition(one.topic, one.partition): one.offset + 1 for one in records}
    async with entrance.home.database.transaction() as connection:
        places = await positions.stored(connection, dict.fromkeys(ends, 0))
    steps = [Step(place, places[place], max(end, places[place])) for place, end in ends.items()]
    return await entrance.take(records, steps)


# --- what runs beside -------------------------------------------------------------------------------


def jobs(service: str, database: Database) -> Jobs:
    """The service's timers and redrives, turned by hand."""
    home = home_of(service, database)
    handlers = importlib.import_module(f"services.{service}.handlers")
    return Jobs(home, [Entrance(home, stream) for stream in streams(service)], dues(handlers), {}, backlog_of(0))


def backlog_of(records: int) -> Callable[[], Awaitable[int]]:
    """What the broker says is still to be heard."""

    async def say() -> int:
        return records

    return say


async def time_passes(service: str, database: Database) -> None:
    """All timers that are set become due, and are fired."""
    await execute(database, "UPDATE timer SET due_at = now() - interval '1 second'")
    await jobs(service, database).fire_timers()


async def redrive(service: str, database: Database) -> None:
    """Everything that is parked is marked and taken up again."""
    await execute(database, "UPDATE parked SET mark = 'redrive', marked_by = 'test', marked_at = now()")
    await jobs(service, database).redrive()


# --- what was said and kept -------------------------------------------------------------------------


async def announced(database: Database) -> list[tuple[str, Any]]:
    """(type, data) of every announcement in the outbox but receipts, in order; emptied ones say None."""
    return [(type_, data) for type_, data in await _outbox(database) if type_ != ReceiptGiven.type]


async def announced_types(database: Database) -> list[str]:
    """The types alone."""
    return [type_ for type_, _ in await announced(database)]


async def receipts(database: Database) -> list[tuple[str | None, str, str | None]]:
    """(event id, outcome, reason) of every receipt, in order."""
    return [
        (data["event_id"], data["outcome"], data["reason"])
        for type_, data in await _outbox(database)
        if type_ == ReceiptGiven.type
    ]


async def _outbox(database: Database) -> list[tuple[str, Any]]:
    return [
        (dict(orjson.loads(row["headers"]))["ce_type"], row["value"] and orjson.loads(row["value"]))
        for row in await fetch(database, "SELECT headers, value FROM outbox ORDER BY id")
    ]


async def parked(database: Database) -> list[str]:
    """The reasons of parked rows, in order of offsets."""
    return [row["reason"] for row in await fetch(database, 'SELECT reason FROM parked ORDER BY "offset"')]


async def fetch(database: Database, statement: str, *values: Any) -> list[Any]:
    """Rows of the service's own schema."""
    async with database.connection() as connection:
        return list(await connection.fetch(statement, *values))


async def column(database: Database, statement: str, *values: Any) -> list[Any]:
    """The first column of some rows."""
    return [row[0] for row in await fetch(database, statement, *values)]


async def execute(database: Database, statement: str, *values: Any) -> None:
    """What a person would do in psql."""
    async with database.connection() as connection:
        await connection.execute(statement, *values)


async def tables_with(database: Database, words: str) -> list[str]:
    """The tables of the service's schema in which these words still stand, bytes and JSON included."""
    names = await column(database, "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1")
    rows = {name: await fetch(database, f'SELECT * FROM "{name}"') for name in names}  # noqa: S608 - its own names
    return [name for name in names if any(words in _as_text(value) for row in rows[name] for value in row.values())]


def _as_text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


# --- HTTP -------------------------------------------------------------------------------------------


@asynccontextmanager
async def open_pages(service: str, database: Database) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the service's real application."""
    web = importlib.import_module(f"services.{service}.web")
    app = make_app(Desk(home_of(service, database), ready=True), web.pages, site=web.site)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="https://storyloop.test") as client:
        yield client
