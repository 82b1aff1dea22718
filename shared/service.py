"""A service's process: starts its parts in order, keeps them going, and stops them in order.

Order of a start: schema, broker, erasures to their end, a replay if one is asked for; then relay, consumers, jobs
and pages. What is not there yet is waited for inside the process; health answers from the beginning.
"""

import asyncio
import contextlib
import signal
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType

import uvicorn
from aiokafka.errors import KafkaError
from fastapi import APIRouter
from faststream.kafka import KafkaBroker

from shared import erasures, logs, migrations, replay, topics
from shared.backlog import Backlog
from shared.consumer import Consumer
from shared.database import Database, is_temporary
from shared.entrance import Entrance
from shared.heartbeat import Heartbeat, Placeholders, no_placeholders
from shared.http import Desk, make_app
from shared.jobs import Jobs, Send
from shared.logs import log
from shared.pages.site import Site
from shared.relay import Relay
from shared.settings import Role, Settings
from shared.streams import Stream, streams_of
from shared.topics import Lane
from shared.work import Home, dues, hearings


@dataclass(frozen=True)
class Service:
    """What a service says about itself in its `app.py`; all else is the same for all."""

    name: str
    settings: Settings
    handlers: ModuleType
    web: APIRouter
    site: Site
    """What its start page says."""
    submissions: Sequence[Stream] = ()
    """Streams that publishers write; only intake has them."""
    lanes: Sequence[Lane] = (Lane.LIVE, Lane.BULK)
    """In which it announces."""
    channels: Mapping[str, Send] = field(default_factory=dict)
    """How deliveries of each channel are sent."""
    placeholders: Placeholders = no_placeholders
    """Counts what has waited for more than ten minutes for a fact of another service."""

    @property
    def streams(self) -> list[Stream]:
        """Everything that this service reads."""
        return [*streams_of(self.name, hearings(self.handlers)), *self.submissions]


async def run(service: Service) -> None:
    """Runs until SIGTERM or SIGINT, or until a part fails for good."""
    logs.set_up(service.name, service.settings.version)
    process = Process(
        service, await Database.connect(service.settings.postgres.get_secret_value(), application=service.name, size=6)
    )
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    await process.run(stop)


class Process:
    """The parts of one running service."""

    def __init__(self, service: Service, database: Database) -> None:
        self.service, self.settings, self.database = service, service.settings, database
        self.relays = [Relay(service.name, database.dsn, self.settings.kafka, lane) for lane in service.lanes]
        self.home = Home(service.name, database, service.settings, self.wake_relays)
        self.entrances = [Entrance(self.home, stream) for stream in service.streams]
        self.desk = Desk(self.home)
        self.backlog = Backlog(self.settings.kafka, database, [one for one in service.streams if one.lane is Lane.LIVE])
        self.broker = KafkaBroker(
            self.settings.kafka,
            client_id=service.name,
            logger=None,
            request_timeout_ms=40_000,
            allow_auto_create_topics=False,
            graceful_timeout=self.settings.grace.total_seconds() / 2,
            metadata_max_age_ms=int(self.settings.metadata_age.total_seconds() * 1000),
        )
        self.consumers: list[Consumer] = []
        self.desk.healthy = lambda: not any(consumer.stopped for consumer in self.consumers)

    def wake_relays(self, lanes: Collection[Lane]) -> None:
        """A commit has left rows in these lanes."""
        for relay in self.relays:
            relay.wake(lanes)

    async def run(self, stop: asyncio.Event) -> None:
        """Starts, waits for the stop, ends."""
        started = time.monotonic()
        server = Server(
            uvicorn.Config(
                make_app(self.desk, self.service.web, site=self.service.site),
                self.settings.http_host,
                self.settings.http_port,
                log_config=None,
                access_log=False,
                lifespan="off",
                timeout_graceful_shutdown=5,
            )
        )
        parts = [asyncio.create_task(server.serve(), name="http")]
        stopped = asyncio.create_task(stop.wait(), name="stop")
        work = asyncio.create_task(self._start(), name="start")
        try:
            await asyncio.wait([*parts, stopped, work], return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                parts += work.result()
                self.desk.ready = True
                log.info("service.started", took=round(time.monotonic() - started, 2), role=self.settings.role)
                await asyncio.wait([*parts, stopped], return_when=asyncio.FIRST_COMPLETED)
        finally:
            await self._end(server, [work, *parts], stopped)

    # --- start -----------------------------------------------------------------------------------

    async def _start(self) -> list[asyncio.Task[None]]:
        await self._wait_for("schema", self._schema_is_there)
        await self._wait_for("broker", self._erasures_are_read)
        if self.settings.replay:
            await replay.hear(self.home, self.settings.kafka, self.service.streams)
        parts: list[tuple[str, Coroutine[None, None, None]]] = [
            (f"relay {relay.lane}", relay.run()) for relay in self.relays
        ]
        if self.settings.role in {Role.ALL, Role.CONSUME}:
            self.consumers = [Consumer(self.broker, entrance, self.settings) for entrance in self.entrances]
            await self._wait_for("consumers", self._start_consumers)
            heartbeat = Heartbeat(self.database, self.consumers, self.service.placeholders)
            parts.append(("heartbeat", heartbeat.run()))
        if self.settings.role in {Role.ALL, Role.JOBS}:
            parts.append(("jobs", self._jobs().run()))
        return [asyncio.create_task(part, name=name) for name, part in parts]

    def _jobs(self) -> Jobs:
        streams = [*self.service.streams, replay.stream_of(self.service.name, self.service.streams)]
        return Jobs(
            self.home,
            [Entrance(self.home, stream) for stream in streams],  # redrives that fail must not stop live consuming
            dues(self.service.handlers),
            self.service.channels,
            self.backlog.records,
        )

    async def _schema_is_there(self) -> None:
        async with self.database.connection() as connection:
            if await migrations.missing(connection, self.service.name):
                raise NotYet("migrations")

    async def _erasures_are_read(self) -> None:
        for entrance in self.entrances:
            if entrance.stream.reads(topics.ERASURES.name):
                heard = await erasures.read_to_end(self.settings.kafka, entrance, topics.ERASURES)
                log.info("erasures.read", events=heard)

    async def _start_consumers(self) -> None:
        try:
            await self.broker.start()
        except BaseException:
            await self.broker.stop()  # or a second start would read twice with what the first had begun
            raise

    @staticmethod
    async def _wait_for(what: str, there: Callable[[], Awaitable[None]]) -> None:
        pause = 0.1
        while True:
            try:
                return await there()
            except Exception as error:
                if not (is_temporary(error) or isinstance(error, NotYet | KafkaError)):
                    raise
                log.info("service.waiting", **{"for": what}, error=error)
            await asyncio.sleep(pause)
            pause = min(pause * 2, 2.0)

    # --- end -------------------------------------------------------------------------------------

    async def _end(
        self, server: "Server", parts: Sequence[asyncio.Task[object]], stopped: asyncio.Task[object]
    ) -> None:
        failed = [part for part in parts if part.done() and not part.cancelled() and part.exception()]
        for part in failed:
            log.error("service.failed", part=part.get_name(), error=part.exception())
        log.info("service.stopping")
        self.desk.ready = False
        server.should_exit = True
        with contextlib.suppress(TimeoutError):
            batches = asyncio.gather(*(consumer.finish_batch() for consumer in self.consumers))
            await asyncio.wait_for(batches, self.settings.grace.total_seconds() / 3)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.broker.stop(), self.settings.grace.total_seconds() / 2)
        for part in (*parts, stopped):
            if part.get_name() != "http":
                part.cancel()
        await asyncio.wait([*parts, stopped], timeout=self.settings.grace.total_seconds() / 2)
        await self.backlog.close()
        await self.database.close()
        log.info("service.stopped")
        if failed:
            raise SystemExit(1)


class NotYet(Exception):
    """Something that is waited for is not there yet."""


class Server(uvicorn.Server):
    """uvicorn without its own signal handlers: the process stops its parts in its own order."""

    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]  # uvicorn's own signature
        """Leaves the signals to the process."""
        yield
