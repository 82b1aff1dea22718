"""Brings a service's schema to the version that its code needs: `python -m shared.migrations <service>`.

The files `NNNN_words.sql` of `shared/migrations` come first, then those of the service; each is one transaction.
An advisory lock lets only one migrator work, and a killed one leaves nothing behind.
"""

import asyncio
from dataclasses import dataclass
from importlib.resources import files
from typing import Annotated

import asyncpg
import typer

from shared.database import Connection

BOOK = """
CREATE TABLE IF NOT EXISTS migration (
    origin      text NOT NULL,
    number      integer NOT NULL,
    name        text NOT NULL,
    applied_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (origin, number)
)
"""


@dataclass(frozen=True, slots=True, order=True)
class Migration:
    """One file; `origin` is shared or the service, because both count from 1."""

    rank: int
    number: int
    origin: str
    name: str
    sql: str


def migrations_of(service: str) -> list[Migration]:
    """All files that a service's schema is made of, in the order in which they are applied."""
    found = []
    for rank, (origin, package) in enumerate((("shared", "shared"), (service, f"services.{service}"))):
        folder = files(package) / "migrations"
        for file in folder.iterdir():
            if file.name.endswith(".sql"):
                number, name = file.name.removesuffix(".sql").split("_", 1)
                found.append(Migration(rank, int(number), origin, name, file.read_text()))
    return sorted(found)


async def missing(connection: Connection, service: str) -> list[Migration]:
    """The migrations that this schema still lacks; a newer schema lacks none."""
    known = await connection.fetchval("SELECT to_regclass('migration') IS NOT NULL")
    rows = await connection.fetch("SELECT origin, number FROM migration") if known else []
    applied = {(row["origin"], row["number"]) for row in rows}
    return [step for step in migrations_of(service) if (step.origin, step.number) not in applied]


async def migrate(connection: Connection, service: str) -> list[Migration]:
    """Applies what is missing and says what that was. The connection's search path names the schema."""
    await connection.execute("SELECT pg_advisory_lock(hashtextextended('migrate ' || current_schema(), 0))")
    try:
        await connection.execute(BOOK)
        steps = await missing(connection, service)
        for step in steps:
            await _apply(connection, step)
        return steps
    finally:
        await connection.execute("SELECT pg_advisory_unlock(hashtextextended('migrate ' || current_schema(), 0))")


async def _apply(connection: Connection, step: Migration) -> None:
    async with connection.transaction():
        await connection.execute(step.sql)
        await connection.execute(
            "INSERT INTO migration (origin, number, name) VALUES ($1, $2, $3)", step.origin, step.number, step.name
        )


async def _run(service: str, dsn: str) -> None:
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        for step in await migrate(connection, service):
            typer.echo(f"{service}: {step.origin} {step.number:04} {step.name}")
    finally:
        await connection.close()


def main(
    service: Annotated[str, typer.Argument(help="intake, router, responder or tracker")],
    postgres: Annotated[str, typer.Option(envvar="STORYLOOP_POSTGRES", help="postgresql://… with the service's role")],
) -> None:
    """Brings the schema of one service up to date; says each step, and nothing when there is none.

    Example: STORYLOOP_POSTGRES=postgresql://router@db/storyloop python -m shared.migrations router
    """
    asyncio.run(_run(service, postgres))


if __name__ == "__main__":
    typer.run(main)
