"""A proxy between one producer and the broker: a test decides what becomes of the answers to what was produced.

The broker's own address in its metadata is replaced by the proxy's, so that the client never goes round it.
"""

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from deploy.local.ports import LOOPBACK

PRODUCE, METADATA = 0, 3
Fate = Callable[[], Awaitable[bool]]
"""Called once the broker has stored what was produced and answered: True hands the answer on, False cuts the line."""


@asynccontextmanager
async def between(kafka: str, fate: Fate) -> AsyncIterator[str]:
    """The address of a proxy to this broker."""
    host, _, port = kafka.rpartition(":")
    lines: set[asyncio.Task[None]] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = asyncio.current_task()
        assert line is not None
        lines.add(line)
        own = server.sockets[0].getsockname()[1]
        with suppress(OSError, EOFError, asyncio.CancelledError):
            await _Line(_address(host, int(port)), _address(LOOPBACK, own), fate).run(host, int(port), reader, writer)
        writer.close()
        lines.discard(line)

    server = await asyncio.start_server(answer, LOOPBACK, 0)
    try:
        yield f"{LOOPBACK}:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for line in lines:
            line.cancel()
        await asyncio.gather(*lines, return_exceptions=True)


def _address(host: str, port: int) -> bytes:
    """As it stands in a Metadata answer up to version 8."""
    return struct.pack(">h", len(host)) + host.encode() + struct.pack(">i", port)


class _Line:
    """One connection of the client and its twin to the broker; frames are passed on whole."""

    def __init__(self, theirs: bytes, ours: bytes, fate: Fate) -> None:
        self.theirs, self.ours, self.fate = theirs, ours, fate
        self.asked: dict[int, int] = {}
        """Which kind of request each answer belongs to, by correlation id."""

    async def run(self, host: str, port: int, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        """Passes on until one side ends or the fate says so."""
        broker, to_broker = await asyncio.open_connection(host, port)
        async with AsyncExitStack() as ending:
            ending.callback(to_broker.close)
            ways = [
                asyncio.create_task(self._requests(client, to_broker)),
                asyncio.create_task(self._answers(broker, to_client)),
            ]
            for way in ways:
                ending.callback(way.cancel)
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)

    async def _requests(self, client: asyncio.StreamReader, to_broker: asyncio.StreamWriter) -> None:
        with suppress(OSError, EOFError):
            while True:
                frame = await _frame(client)
                kind, _, correlation = struct.unpack_from(">hhi", frame)
                self.asked[correlation] = kind
                await _pass_on(to_broker, frame)

    async def _answers(self, broker: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        with suppress(OSError, EOFError):
            while True:
                frame = await _frame(broker)
                kind = self.asked.pop(struct.unpack_from(">i", frame)[0])
                if kind == PRODUCE and not await self.fate():
                    return
                await _pass_on(to_client, frame.replace(self.theirs, self.ours) if kind == METADATA else frame)


async def _frame(reader: asyncio.StreamReader) -> bytes:
    (size,) = struct.unpack(">i", await reader.readexactly(4))
    return await reader.readexactly(size)


async def _pass_on(writer: asyncio.StreamWriter, frame: bytes) -> None:
    writer.write(struct.pack(">i", len(frame)) + frame)
    await writer.drain()
