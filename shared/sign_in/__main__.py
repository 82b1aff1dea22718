"""`python -m shared.sign_in SUBJECT`: signs somebody out everywhere in one service."""

import asyncio
from typing import Annotated

import typer

from shared.database import Database
from shared.sign_in import audit, sessions
from shared.sign_in.audit import Audited


async def end_sessions(postgres: str, subject: str, by: str, reason: str) -> int:
    """Ends all sessions of a subject, and writes down who did so and why; how many there were."""
    database = await Database.connect(postgres, application="sign_in")
    try:
        async with database.transaction() as connection:
            ended = await sessions.end_of_subject(connection, subject)
            await audit.note(connection, Audited.SESSION_ENDED, subject, why="operator", by=by, reason=reason)
            return ended
    finally:
        await database.close()


def main(
    subject: Annotated[str, typer.Argument(help="the opaque subject, as in audit lines")],
    postgres: Annotated[str, typer.Option(envvar="STORYLOOP_POSTGRES", help="postgresql://… with the service's role")],
    by: Annotated[str, typer.Option(help="who does this")],
    reason: Annotated[str, typer.Option(help="why")],
) -> None:
    """Signs somebody out in all their browsers; bearer tokens end by themselves, grants where they are granted.

    Example: python -m shared.sign_in 5d1c0e1f9d0b4b0f8f6c0d2f3a4b5c6d --by "on call" --reason "lost laptop"
    """
    ended = asyncio.run(end_sessions(postgres, subject, by, reason))
    typer.echo(f"{ended} sessions ended.")


if __name__ == "__main__":
    typer.run(main)
