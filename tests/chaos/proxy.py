"""A TCP proxy in front of Postgres: it can cut connections, fall silent, and lose the answer to a COMMIT."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

from deploy.local.ports import LOOPBACK

COMMIT = b"COMMIT;\x00"
COMMITTED = b"COMMIT\x00"
RESET = struct.pack("ii", 1, 0)


@dataclass(eq=False)
class Link:
    """One client's connection and ours behind it."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    deaf: bool = False
    """The client will not hear the answer that it waits for."""

    def cut(self) -> None:
        """Both sides see a reset."""
        for side in (self.client, self.server):
            raw = side.get_extra_info("socket")
            if raw is not None and not side.transport.is_closing():
                with contextlib.suppress(OSError):
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            side.transport.abort()


@dataclass
class Proxy:
    """Where services think that Postgres is."""

    host: str
    port: int
    links: set[Link] = field(default_factory=set)
    to_lose: int = 0
    lost: int = 0
    """Commits that the server has done and whose answer nobody heard."""
    flowing: asyncio.Event = field(default_factory=asyncio.Event)
    own_port: int = 0

    @classmethod
    @asynccontextmanager
    async def before(cls, dsn: str) -> AsyncIterator[Self]:
        """A proxy that listens, as long as the block lasts."""
        parts = urlsplit(dsn)
        proxy = cls(parts.hostname or LOOPBACK, parts.port or 5432)
        proxy.flowing.set()
        server = await asyncio.start_server(proxy._serve, LOOPBACK, 0)
        proxy.own_port = server.sockets[0].getsockname()[1]
        try:
            yield proxy
        finally:
            server.close()
            proxy.cut_all()

    def address(self, dsn: str) -> str:
        """The same address, but through this proxy."""
        return dsn.replace(f"@{self.host}:{self.port}/", f"@{LOOPBACK}:{self.own_port}/")

    def cut_all(self) -> int:
        """Resets every connection; how many there were."""
        links = list(self.links)
        for link in links:
            link.cut()
        return len(links)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            behind, server = await asyncio.open_connection(self.host, self.port)
        except OSError:
            writer.transport.abort()
            return
        link = Link(writer, server)
        self.links.add(link)
        try:
            pumps = [asyncio.create_task(self._ask(reader, link)), asyncio.create_task(self._answer(behind, link))]
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
        finally:
            self.links.discard(link)
            for side in (writer, server):
                side.close()

    async def _ask(self, reader: asyncio.StreamReader, link: Link) -> None:
        while data := await reader.read(65_536):
            await self.flowing.wait()
            if self.to_lose and data.endswith(COMMIT):
                self.to_lose -= 1
                link.deaf = True
            link.server.write(data)
            await link.server.drain()

    async def _answer(self, reader: asyncio.StreamReader, link: Link) -> None:
        while data := await reader.read(65_536):
            await self.flowing.wait()
            if link.deaf:
                self.lost += COMMITTED in data
                link.cut()
                return
            link.client.write(data)
            await link.client.drain()
