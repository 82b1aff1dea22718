"""Postgres: one pool per process, transactions, and which errors pass by themselves.

Every connection knows its `term`: the second at which the database says that it was opened.
A database that was set back to an earlier copy has only new connections, and so speaks in a higher term.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Self

import asyncpg
import orjson

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]
else:
    Connection = asyncpg.Connection  # generic only in its stubs

LIMITS = {
    "statement_timeout": "30s",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "60s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}
TEMPORARY_STATES = ("08", "40", "53", "55", "57", "58", "25006", "25P03")
"""SQLSTATE prefixes: connection, rollback, resources, lock, operator, system; read-only after a failover; idle."""


def is_temporary(error: BaseException) -> bool:
    """True where the same statements can succeed later; asyncpg.DataError is an InterfaceError and is not."""
    if isinstance(error, asyncpg.PostgresError):
        return str(error.sqlstate).startswith(TEMPORARY_STATES)
    if isinstance(error, asyncpg.DataError):
        return False
    return isinstance(error, asyncpg.InterfaceError | asyncpg.InternalClientError | OSError | TimeoutError)


class Termed(Connection):
    """A connection that knows when the database opened it (Unix seconds)."""

    term: int = 0


def term_of(connection: Connection) -> int:
    """The connection's term; a pool's proxy passes the attribute on."""
    return int(connection.term)  # type: ignore[attr-defined]  # set by _prepare on Termed


class Database:
    """The process's pool. Its connections see the service's schema first, so that shared tables need no prefix."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]", dsn: str) -> None:
        self.pool = pool
        self.dsn = dsn

    @classmethod
    async def connect(cls, dsn: str, *, application: str, size: int = 4) -> Self:
        """Opens nothing yet: a pool of at most `size` connections that connects when it is first used."""
        pool = asyncpg.create_pool(
            dsn,
            min_size=0,
            max_size=size,
            init=_prepare,
            reset=_reset,
            connection_class=Termed,
            timeout=5,
            command_timeout=40,
            server_settings=LIMITS | {"application_name": application},
        )
        return cls(await pool, dsn)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """One transaction on one connection; committed when the block ends well."""
        async with self.pool.acquire(timeout=10) as connection, connection.transaction():
            yield connection  # type: ignore[misc]  # the pool's proxy behaves as the connection

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection outside any transaction: for reads, and for leases that commit one by one."""
        async with self.pool.acquire(timeout=10) as connection:
            yield connection  # type: ignore[misc]  # the pool's proxy behaves as the connection

    async def close(self, limit: float = 5) -> None:
        """Closes the pool; connections that do not end within `limit` seconds are cut."""
        try:
            await asyncio.wait_for(self.pool.close(), limit)
        except TimeoutError:
            self.pool.terminate()


async def open_direct(dsn: str, application: str) -> Connection:
    """A connection of its own, outside the pool: advisory locks live as long as it does."""
    connection = await asyncpg.connect(
        dsn,
        timeout=5,
        command_timeout=40,
        connection_class=Termed,
        server_settings=LIMITS | {"application_name": application, "idle_session_timeout": "0"},
    )
    await _prepare(connection)
    return connection


async def _prepare(connection: Any) -> None:
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=_to_jsonb, decoder=_from_jsonb, format="binary"
    )
    connection.term = await connection.fetchval("SELECT extract(epoch FROM clock_timestamp())::bigint")


async def _reset(connection: Any) -> None:
    """Between two uses: nothing here changes a session's settings, so asyncpg's own query would be one too many."""
    if connection.is_in_transaction():
        await connection.execute("ROLLBACK")


def _to_jsonb(value: Any) -> bytes:
    return b"\x01" + orjson.dumps(value)


def _from_jsonb(value: bytes) -> Any:
    return orjson.loads(value[1:])
