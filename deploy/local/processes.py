"""Processes: children on a leash, each with a log file, none ever left behind.

A child is started through leash.py, which ends it with everything below it as soon as this process is gone, SIGKILL
included. Signals go to the whole family one by one, because Postgres makes each of its backends a session of its own
and a signal to the process group would miss them.
"""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import psutil

LEASH = Path(__file__).with_name("leash.py")


class EndedError(RuntimeError):
    """The process ended before it was ready."""


class NotReadyError(RuntimeError):
    """The process runs, but did not get ready in time."""


@dataclass
class Child:
    """One leashed process that can be stopped, killed, frozen and started again with the same command.

    `env` is added to our own environment; output goes to `folder/name.log`; `account` is whom it runs as, empty meaning
    ourselves; `ready` is asked until it says yes, at most `within` seconds; after `stop_signal` it has `grace` seconds.
    """

    name: str
    command: Sequence[str | Path]
    folder: Path
    env: Mapping[str, str] = field(default_factory=dict)
    account: str = ""
    ready: Callable[["Child"], bool] = lambda _: True
    within: float = 60
    stop_signal: signal.Signals = signal.SIGTERM
    grace: float = 10
    _leash: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _rope: socket.socket | None = field(default=None, init=False)
    _leader: psutil.Process | None = field(default=None, init=False)

    def start(self) -> None:
        """Returns when it is ready; a child that does not get there is ended. Raises EndedError, NotReadyError."""
        if self.running:
            return
        self._launch()
        try:
            self._wait_until_ready()
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Ask it to end, wait for its grace period, then kill it."""
        self._signal(self.stop_signal)
        self.thaw()
        try:
            self._wait(self.grace)
        finally:
            self.kill()

    def kill(self) -> None:
        """SIGKILL to it and everything below it; letting go of the leash is what sends it."""
        if self._rope:
            self._rope.close()
        self._wait(None)

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)  # the leader first, so that the family does not grow while we go round
        for process in self._offspring():
            _send(process, signal.SIGSTOP)

    def thaw(self) -> None:
        for process in self._offspring():
            _send(process, signal.SIGCONT)
        self._signal(signal.SIGCONT)

    def run(self) -> None:
        """Start it and wait for its end, which must be a success in time. Raises EndedError, NotReadyError."""
        self._launch()
        try:
            if not self._wait(self.within):
                raise NotReadyError(f"{self.name} took longer than {self.within:g} s: {self.last_line}")
        finally:
            self.kill()
        if self.exit_code:
            raise EndedError(f"{self.name} failed with {self.exit_code}: {self.last_line}")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    @property
    def pid(self) -> int | None:
        return self._leader.pid if self._leader else None

    @property
    def running(self) -> bool:
        return self._leash is not None and self._leash.poll() is None

    @property
    def exit_code(self) -> int | None:
        """None while it runs; 128 + the signal's number when a signal ended it."""
        return self._leash.poll() if self._leash else None

    @property
    def last_line(self) -> str:
        lines = self.log.read_text(errors="replace").split("\n") if self.log.exists() else []
        return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")

    def _launch(self) -> None:
        leash = [sys.executable, "-I", "-S", str(LEASH), self.account, *map(str, self.command)]
        self._rope, theirs = socket.socketpair()
        self.log.touch(mode=0o600)
        with theirs, self.log.open("ab") as log:
            self._leash = subprocess.Popen(
                leash,
                stdin=theirs.fileno(),
                stdout=log,
                stderr=subprocess.STDOUT,
                env=os.environ | dict(self.env),
                start_new_session=True,
            )
        try:
            self._leader = psutil.Process(int(self._rope.recv(20)))
        except (psutil.NoSuchProcess, ValueError):
            self._leader = None

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + self.within
        while not (self.ready(self) and self.running):
            if not self.running:
                raise EndedError(f"{self.name} ended with {self.exit_code}: {self.last_line}")
            if time.monotonic() > deadline:
                raise NotReadyError(f"{self.name} was not ready after {self.within:g} s: {self.last_line}")
            time.sleep(0.03)

    def _wait(self, seconds: float | None) -> bool:
        """The leash ends only when the whole family is gone."""
        if not self._leash:
            return True
        try:
            self._leash.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _signal(self, number: signal.Signals) -> None:
        if self.running and self._leader:
            _send(self._leader, number)

    def _offspring(self) -> list[psutil.Process]:
        try:
            return self._leader.children(recursive=True) if self.running and self._leader else []
        except psutil.NoSuchProcess:
            return []


def _send(process: psutil.Process, number: signal.Signals) -> None:
    with suppress(psutil.NoSuchProcess):
        process.send_signal(number)


def answers(url: str) -> Callable[[Child], bool]:
    """A readiness check: a GET on the http:// address gives 2xx. Proxies from the environment are left aside."""
    parts = urlsplit(url)

    def ready(_: Child) -> bool:
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=2)
        try:
            connection.request("GET", parts.path or "/")
            return 200 <= connection.getresponse().status < 300
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    return ready
