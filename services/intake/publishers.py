"""The register of publishers: `python -m services.intake.publishers NAME --source /… --service …`."""

import asyncio
import secrets
from typing import Annotated

import typer
from aiokafka.admin import AIOKafkaAdminClient

from services.intake import rules, store
from services.intake.rules import Publisher
from shared import topics
from shared.database import Database


async def register(postgres: str, publisher: Publisher, token: str | None) -> None:
    """Writes one row of the register; without a token the one that is there stays."""
    database = await Database.connect(postgres, application="publishers")
    try:
        async with database.transaction() as connection:
            await store.save_publisher(connection, publisher, rules.hash_of(token) if token else None)
    finally:
        await database.close()


async def missing_topics(kafka: str, name: str) -> list[str]:
    """Those of a publisher's topics that the broker does not have."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        there = set(await admin.list_topics())
    finally:
        await admin.close()
    return [topic.name for topic in topics.of_publisher(name) if topic.name not in there]


def main(
    name: Annotated[str, typer.Argument(help="as in its topics: storyloop.submissions.NAME")],
    postgres: Annotated[str, typer.Option(envvar="STORYLOOP_POSTGRES", help="postgresql://… with intake's role")],
    kafka: Annotated[str, typer.Option(envvar="STORYLOOP_KAFKA", help="host:port,…")],
    source: Annotated[list[str], typer.Option(help="a CloudEvents source that it may speak as; may be repeated")],
    service: Annotated[list[str], typer.Option(help="a service that it may speak for; * for all")],
    trusted: Annotated[bool, typer.Option(help="It moderates its stories: they are published at once.")] = False,
    new_token: Annotated[bool, typer.Option(help="Make a token for POST /events and print it, once.")] = False,
) -> None:
    """Puts a publisher into the register, or changes what stands there.

    Example: python -m services.intake.publishers surveys --source /surveys/wards --service "*" --new-token
    """
    if not rules.can_be_a_publisher(name):
        typer.echo("A publisher's name is of a-z, 0-9 and -, at most 40 of them, and not web.", err=True)
        raise typer.Exit(2)
    missing = asyncio.run(missing_topics(kafka, name))
    if missing:
        typer.echo(
            f"Make these topics first: {' '.join(missing)}. A receipt without its topic holds up those of others.",
            err=True,
        )
        raise typer.Exit(2)
    token = secrets.token_urlsafe(32) if new_token else None
    publisher = Publisher(name, frozenset(source), frozenset(service), trusted)
    asyncio.run(register(postgres, publisher, token))
    typer.echo(token or f"{name} is in the register.")


if __name__ == "__main__":
    typer.run(main)
