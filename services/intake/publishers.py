"""The register of publishers: `python -m services.intake.publishers NAME --source /… --service …`."""

import asyncio
import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from aiokafka.admin import AIOKafkaAdminClient
from joserfc.errors import JoseError

from services.intake import rules, store, store_publishers
from services.intake.rules import Publisher
from shared import topics
from shared.database import Database
from shared.sign_in.key_sets import public_keys


async def register(
    postgres: str, publisher: Publisher, token: str | None, key_set: Mapping[str, Any] | None = None
) -> None:
    """Writes one row of the register; without a token or keys those that are there stay."""
    database = await Database.connect(postgres, application="publishers")
    try:
        async with database.transaction() as connection:
            await store.save_publisher(connection, publisher, rules.hash_of(token) if token else None)
            if key_set:
                await store_publishers.save_key_set(connection, publisher.name, key_set)
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


def _public(file: Path) -> Mapping[str, Any]:
    """The keys of a file, without anything private that it may hold."""
    try:
        keys = public_keys(json.loads(file.read_bytes()))
    except (ValueError, KeyError, TypeError, JoseError) as error:
        raise typer.BadParameter("this is no JWKS") from error
    if not keys:
        raise typer.BadParameter("this JWKS holds no RSA or EC key")
    return {"keys": [key.as_dict(private=False) for key in keys]}


def main(
    name: Annotated[str, typer.Argument(help="as in its topics: storyloop.submissions.NAME")],
    postgres: Annotated[str, typer.Option(envvar="STORYLOOP_POSTGRES", help="postgresql://… with intake's role")],
    kafka: Annotated[str, typer.Option(envvar="STORYLOOP_KAFKA", help="host:port,…")],
    source: Annotated[list[str], typer.Option(help="a CloudEvents source that it may speak as; may be repeated")],
    service: Annotated[list[str], typer.Option(help="a service that it may speak for; * for all")],
    trusted: Annotated[bool, typer.Option(help="It moderates its stories: they are published at once.")] = False,
    key_set: Annotated[Path | None, typer.Option(help="Its public keys, a JWKS file: it signs in with them.")] = None,
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
    asyncio.run(register(postgres, publisher, token, _public(key_set) if key_set else None))
    typer.echo(token or f"{name} is in the register.")


if __name__ == "__main__":
    typer.run(main)
