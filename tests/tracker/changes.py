"""A change that a reply claimed."""

from typing import Any
from uuid import UUID

from services.tracker.rules import claimed_change
from shared.database import Database
from shared.events import Claim, ReplyPublished
from tests.factories import reply_published
from tests.service import fetch, hear


async def claim(database: Database, claimed: Claim = Claim.PLANNED, **fields: Any) -> tuple[UUID, UUID]:
    """(story, change) of a reply that tracker has heard."""
    reply = reply_published(claim=claimed, **fields)
    await hear("tracker", database, reply)
    return reply.story, change_of(reply)


def change_of(reply: ReplyPublished) -> UUID:
    """The id of the change that a reply claims."""
    change = claimed_change(reply)
    assert change is not None
    return change.change


async def states(database: Database) -> list[str]:
    """Where each change stands."""
    return [row["state"] for row in await fetch(database, "SELECT state FROM tracker.change ORDER BY claimed_at")]
