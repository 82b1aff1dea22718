"""An open case, and what a member of staff does with it."""

from typing import Any
from uuid import UUID

import httpx

from shared.database import Database
from shared.ids import new_id
from tests.factories import REPLY_TEXT, story_published, story_routed
from tests.service import STAFF, hear


async def open_case(database: Database, *teams: str) -> UUID:
    """A published story at these teams, or at T1."""
    story = new_id()
    await hear("responder", database, story_published(story), story_routed(story, teams=teams or ("T1",)))
    return story


async def act(pages: httpx.AsyncClient, story: UUID, what: str, team: str = "T1", **body: Any) -> httpx.Response:
    """A member of a team opens, answers or hands back a story."""
    return await pages.post(f"/teams/{team}/stories/{story}/{what}", json=body, headers=STAFF)


async def reply(pages: httpx.AsyncClient, story: UUID, team: str = "T1", **fields: Any) -> httpx.Response:
    """A signed reply."""
    signed = {"text": REPLY_TEXT, "signed_name": "Robin Example", "signed_role": "Ward manager"}
    return await act(pages, story, "replies", team, **(signed | fields))
