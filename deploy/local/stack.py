"""The whole system on this machine: real Kafka, real Postgres, a real SMTP server, and each service as a process.

Everything hangs on the `with` block: whatever happens, nothing is left running and nothing is left on the disk.
"""

import asyncio
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from deploy.local.issuer import AUDIENCE, LocalIssuer, issuer
from deploy.local.kafka import Kafka, kafka
from deploy.local.ladder import Say
from deploy.local.mail import Mailbox, mail
from deploy.local.people import claim_setting
from deploy.local.ports import LOOPBACK, free_port
from deploy.local.postgres import Postgres, postgres
from deploy.local.processes import Child, answers
from deploy.local.system import (
    SERVICES,
    Databases,
    command,
    drop_database,
    environment,
    make_database,
    make_topics,
    migrate_all,
)
from services.intake.publishers import register
from services.intake.rules import Publisher
from shared.sign_in.secrets import new_secret

START_SECONDS = 180  # a busy machine is slow; a process that ended is noticed at once
STOP_SECONDS = 25


@dataclass(frozen=True)
class Stack:
    """What runs, and how it is reached."""

    folder: Path
    kafka: Kafka
    postgres: Postgres
    databases: Databases
    mailbox: Mailbox
    issuer: LocalIssuer
    ports: Mapping[str, int]
    subject_key: str = field(default_factory=new_secret)
    processes: dict[str, Child] = field(default_factory=dict)
    publisher_tokens: dict[str, str] = field(default_factory=dict)

    def url(self, service: str, path: str = "") -> str:
        """An address of a service's API."""
        return f"http://{LOOPBACK}:{self.ports[service]}{path}"

    def process(self, service: str, instance: int = 0, port: int | None = None, **settings: str) -> Child:
        """A process of a service that is not started yet; a second instance needs a port of its own."""
        port = port or self.ports[service]
        more = {
            "STORYLOOP_INSTANCE": f"{service}-{instance}",
            **(_mail_settings(self) if service == "intake" else {}),
            **_sign_in_settings(self, service),
            **settings,
        }
        told = environment(service, self.databases.dsns[service], self.kafka.address, port, **more)
        name = service if instance == 0 else f"{service}-{instance}"
        ready = answers(f"http://{LOOPBACK}:{port}/health/ready")
        return Child(name, command(service), self.folder, told, ready=ready, within=START_SECONDS, grace=STOP_SECONDS)

    def token(self, person: str = "everybody") -> str:
        """An access token of one of the local issuer's people; every role, everywhere, if nobody is named."""
        return self.issuer.access_token(person)

    def start(self, services: Sequence[str] = SERVICES) -> None:
        """Starts services side by side; returns when all are ready."""
        for service in services:
            self.processes.setdefault(service, self.process(service))
        together([self.processes[service].start for service in services])

    def stop(self) -> None:
        """Stops all services side by side."""
        together([child.stop for child in self.processes.values()])


def _mail_settings(stack: Stack) -> dict[str, str]:
    return {
        "STORYLOOP_SMTP_HOST": stack.mailbox.host,
        "STORYLOOP_SMTP_PORT": str(stack.mailbox.port),
        "STORYLOOP_SMTP_TLS": "false",
        "STORYLOOP_MAIL_FROM": "storyloop@example.org",
    }


def _sign_in_settings(stack: Stack, service: str) -> dict[str, str]:
    client = stack.issuer.clients[f"storyloop-{service}"]
    return {
        "STORYLOOP_PUBLIC_URL": client.public_url,
        "STORYLOOP_ISSUER": stack.issuer.address,
        "STORYLOOP_CLIENT_ID": client.id,
        "STORYLOOP_CLIENT_SECRET": client.secret,
        "STORYLOOP_AUDIENCE": AUDIENCE,
        "STORYLOOP_SUBJECT_KEY": stack.subject_key,
        "STORYLOOP_CLAIMS": claim_setting(),
    }


def together(calls: Sequence[Callable[[], object]]) -> None:
    """Does several things side by side; raises the first error, after all have ended."""
    with ThreadPoolExecutor(max(1, len(calls))) as pool:
        for result in [pool.submit(call) for call in calls]:
            result.result()


@contextmanager
def stack(folder: Path, publishers: Sequence[Publisher], say: Say = print, *, start: bool = True) -> Iterator[Stack]:
    """The system with a fresh database and these publishers in its register."""
    with ExitStack() as parts:
        broker, server = _both(parts, folder, say)
        name = f"storyloop_{uuid4().hex[:8]}"
        if server.origin == "STORYLOOP_POSTGRES":
            parts.callback(lambda: asyncio.run(drop_database(server.dsn, name)))
        databases = asyncio.run(_prepare(server.dsn, name, broker.address, publishers))
        made = Stack(
            folder,
            broker,
            server,
            databases,
            parts.enter_context(mail()),
            parts.enter_context(issuer()),
            {service: free_port() for service in SERVICES},
        )
        for service in SERVICES:
            made.issuer.register(service, made.url(service))
        for publisher in publishers:
            made.publisher_tokens[publisher.name] = secrets.token_urlsafe(32)
            asyncio.run(register(databases.dsns["intake"], publisher, made.publisher_tokens[publisher.name]))
        parts.callback(made.stop)
        if start:
            made.start()
        yield made


def _both(parts: ExitStack, folder: Path, say: Say) -> tuple[Kafka, Postgres]:
    with ThreadPoolExecutor(2) as pool:
        broker = pool.submit(lambda: parts.enter_context(kafka(folder, say)))
        server = pool.submit(lambda: parts.enter_context(postgres(folder, say)))
        return broker.result(), server.result()


async def _prepare(server: str, name: str, broker: str, publishers: Sequence[Publisher]) -> Databases:
    databases = await make_database(server, name)
    await asyncio.gather(migrate_all(databases), make_topics(broker, [publisher.name for publisher in publishers]))
    return databases
