"""The proxy before Postgres does what a bad network does."""

from uuid import uuid4

import asyncpg
import pytest

from tests.chaos.proxy import Proxy


async def test_a_commit_whose_answer_is_lost_is_done(server: str) -> None:
    name = f"t{uuid4().hex}"
    async with Proxy.before(server) as proxy:
        connection = await asyncpg.connect(proxy.address(server))
        proxy.to_lose = 1

        with pytest.raises((asyncpg.PostgresConnectionError, OSError)):
            async with connection.transaction():
                await connection.execute(f"CREATE TABLE {name} ()")

        assert proxy.lost == 1
        direct = await asyncpg.connect(server)
        assert await direct.fetchval("SELECT to_regclass($1) IS NOT NULL", name)
        await direct.execute(f"DROP TABLE {name}")
        await direct.close()


async def test_a_cut_ends_every_connection(server: str) -> None:
    async with Proxy.before(server) as proxy:
        connections = [await asyncpg.connect(proxy.address(server)) for _ in range(2)]

        assert proxy.cut_all() == 2

        for connection in connections:
            with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
                await connection.fetchval("SELECT 1")


async def test_silence_holds_an_answer_back_until_it_is_over(server: str) -> None:
    async with Proxy.before(server) as proxy:
        connection = await asyncpg.connect(proxy.address(server))
        proxy.flowing.clear()

        with pytest.raises(TimeoutError):
            await connection.fetchval("SELECT 1", timeout=0.3)

        proxy.flowing.set()
        again = await asyncpg.connect(proxy.address(server))
        assert await again.fetchval("SELECT 1") == 1
        await again.close()
