"""Containers: a server in Docker that keeps its port when it is killed and started again.

Docker gives a restarted container another random port, and Kafka must know the address that it advertises before it
starts: so we choose the port. It is open to this machine only, unless the daemon is on another one. Testcontainers'
reaper removes the container when we are killed.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import DockerClient

from deploy.local.ladder import Say, UnavailableError
from deploy.local.ports import LOOPBACK, free_port

TRIES = 5


@dataclass(frozen=True)
class Address:
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Container:
    """A server in a container; `ready` tells whether it answers at its address."""

    def __init__(self, container: DockerContainer, address: Address, ready: Callable[[Address], bool]) -> None:
        self.address = address
        self._container = container
        self._ready = ready

    def start(self) -> None:
        self._docker.start()
        self.wait()

    def stop(self) -> None:
        self.thaw()
        self._docker.stop(timeout=10)

    def kill(self) -> None:
        self.thaw()  # a paused container cannot be killed
        if self._status == "running":
            self._docker.kill()
            self._docker.wait()

    def freeze(self) -> None:
        self._docker.pause()

    def thaw(self) -> None:
        if self._status == "paused":
            self._docker.unpause()

    def remove(self) -> None:
        self._container.stop()

    def wait(self, within: float = 60) -> None:
        deadline = time.monotonic() + within
        while not self._ready(self.address):
            status = self._status
            if status == "exited" or time.monotonic() > deadline:
                last = self._docker.logs(tail=1).decode(errors="replace")
                raise UnavailableError(f"the container did not get ready: {status}, {last}")
            time.sleep(0.1)

    @property
    def _status(self) -> str:
        self._docker.reload()
        return str(self._docker.status)

    @property
    def _docker(self) -> Any:  # docker has no types
        return self._container.get_wrapped_container()


@contextmanager
def container(
    image: str,
    port: int,
    environment: Callable[[Address], Mapping[str, str]],
    ready: Callable[[Address], bool],
    say: Say,
) -> Iterator[Container]:
    """A running container of the image that answers for its inner port at `address`. Raises UnavailableError."""
    host = _daemon_host()
    say(f"Docker: starting {image}")
    server = _started(image, port, environment, ready, host)
    try:
        yield server
    finally:
        server.remove()


def _daemon_host() -> str:
    """Where published ports are reached; within two seconds it is clear when nobody is there."""
    try:
        client = DockerClient(timeout=1.5)
        client.client.ping()
        host = client.host()
        client.client.close()
    except Exception as failure:  # whatever Docker's layers raise, the next way is the answer
        raise UnavailableError("no Docker daemon answers") from failure
    return LOOPBACK if host == "localhost" else host


def _started(
    image: str,
    port: int,
    environment: Callable[[Address], Mapping[str, str]],
    ready: Callable[[Address], bool],
    host: str,
) -> Container:
    for tries_left in reversed(range(TRIES)):
        address = Address(host, free_port())
        box = DockerContainer(image, env=dict(environment(address)))
        box.ports[f"{port}/tcp"] = _published(address)
        server = Container(box, address, ready)
        try:
            box.start()
            server.wait()
        except BaseException as failure:
            with suppress(Exception):  # the first failure is the one to tell
                box.stop()
            if not isinstance(failure, Exception):
                raise
            if not (tries_left and "already" in str(failure)):
                raise UnavailableError(f"{image}: {failure}") from failure
        else:
            return server
    raise AssertionError("the last try returns or raises")


def _published(address: Address) -> Any:  # docker takes a pair here, testcontainers names only int
    return (address.host, address.port) if address.host == LOOPBACK else address.port
