"""Intake's state for a listener that is new or was away: `python -m services.intake.restate LISTENER`."""

from collections.abc import Iterable, Sequence

import typer
from asyncpg import Record

from services.intake import rules
from services.intake.rules import State
from services.intake.submissions import published
from shared.database import Connection
from shared.events import CommentReceived, StoryReceived, StoryRejected, StoryTold, StoryWithdrawn, VerdictGiven
from shared.ids import stories_of, uuid_of
from shared.restating import Fact, command

BYTES_AT_ONCE = 150_000
"""Comments of one record: JSON may write each byte as six, and a record may hold a million."""


async def restate(connection: Connection, subjects: Sequence[str]) -> Sequence[Fact]:
    """That each story came, and where it stands: waiting, published, rejected or withdrawn."""
    stories = stories_of(subjects)
    rows = await connection.fetch(
        """
        SELECT story, publisher, state, revision, told, criticality, reason, received_at, decided_at, withdrawn_at
          FROM intake.story WHERE story = ANY ($1::uuid[]) ORDER BY story
        """,
        stories,
    )
    verdicts = await connection.fetch(
        "SELECT story, change, verdict, given_at FROM intake.verdict WHERE story = ANY ($1::uuid[]) ORDER BY given_at",
        stories,
    )
    return [*(fact for row in rows for fact in _way(row)), *map(_verdict, verdicts)]


def _verdict(row: Record) -> Fact:
    return Fact(VerdictGiven.model_validate(dict(row)), row["given_at"])


def _way(row: Record) -> Iterable[Fact]:
    story, state = row["story"], State(row["state"])
    if row["told"] is not None:
        told = StoryTold.model_validate(row["told"])
        yield Fact(_received(row, told), row["received_at"])
        if state is State.PUBLISHED:
            yield Fact(published(story, row["revision"], told, row["criticality"]), row["decided_at"])
    if state is State.REJECTED:
        yield Fact(StoryRejected(story=story, reason=row["reason"]), row["decided_at"])
    if state is State.WITHDRAWN:
        yield Fact(StoryWithdrawn(story=story), row["withdrawn_at"])


def _received(row: Record, told: StoryTold) -> StoryReceived:
    return StoryReceived(
        story=row["story"],
        publisher=row["publisher"],
        services=told.services,
        author_role=told.author_role,
        route=told.route,
        visibility=rules.visibility(told),
        received_at=row["received_at"],
    )


async def restate_comments(connection: Connection, after: str) -> Sequence[Fact]:
    """The next comments, as many as one record may hold."""
    rows = await connection.fetch(
        """
        SELECT comment, publisher, service, text, answer, given_on, now() AS at
          FROM (SELECT *, sum(300 + coalesce(octet_length(text), 0)) OVER (ORDER BY comment) AS bytes,
                       row_number() OVER (ORDER BY comment) AS place
                  FROM (SELECT * FROM intake.comment
                         WHERE $1::uuid IS NULL OR comment > $1 ORDER BY comment LIMIT 500) AS next) AS counted
         WHERE bytes <= $2 OR place = 1
         ORDER BY comment
        """,
        uuid_of(after) if after else None,
        BYTES_AT_ONCE,
    )
    return [Fact(CommentReceived.model_validate(dict(row)), row["at"]) for row in rows]


main = command("intake", restate, restate_comments)

if __name__ == "__main__":
    typer.run(main)
