"""Servers: what a test may do to Kafka or Postgres, whoever runs it."""

from dataclasses import dataclass
from typing import Protocol


class NotOursError(RuntimeError):
    """The server was started by somebody else and is not ours to stop."""


class Server(Protocol):
    """Starting again keeps address and data; `start` returns when the server answers."""

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def kill(self) -> None: ...
    def freeze(self) -> None: ...
    def thaw(self) -> None: ...


class Foreign:
    """A server that an environment variable named."""

    def _refuse(self) -> None:
        raise NotOursError("the server was named by the environment: it is not ours to stop")

    start = stop = kill = freeze = thaw = _refuse


@dataclass(frozen=True)
class Handle:
    """`origin` says where the server came from; `server` is what acts on it."""

    origin: str
    server: Server

    def start(self) -> None:
        """Returns when the server answers again, at the same address with the same data."""
        self.server.start()

    def stop(self) -> None:
        self.server.stop()

    def kill(self) -> None:
        self.server.kill()

    def freeze(self) -> None:
        self.server.freeze()

    def thaw(self) -> None:
        self.server.thaw()
