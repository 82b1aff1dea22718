"""Publishers in the register, and stories that came from them or from a person."""

from typing import Any
from uuid import UUID

import httpx

from services.intake import store
from services.intake.rules import Publisher, hash_of
from shared.database import Database
from shared.ids import story_of
from tests.factories import what_was_told
from tests.service import STAFF

TOKENS = {"surveys": "token-of-surveys", "trusted": "token-of-trusted", "narrow": "token-of-narrow"}
REGISTER = (
    Publisher("surveys", frozenset({"/surveys/wards"}), frozenset({"*"}), trusted=False),
    Publisher("trusted", frozenset({"/surveys/wards"}), frozenset({"*"}), trusted=True),
    Publisher("narrow", frozenset({"/surveys/wards"}), frozenset({"W1"}), trusted=False),
)
STORY = story_of("surveys", "ref-1")
"""What `surveys` calls ref-1."""


async def register(database: Database) -> None:
    """Puts the three publishers into the register."""
    async with database.transaction() as connection:
        for publisher in REGISTER:
            await store.save_publisher(connection, publisher, hash_of(TOKENS[publisher.name]))


async def share(pages: httpx.AsyncClient, **fields: Any) -> tuple[UUID, dict[str, str]]:
    """A person tells a story; its id, and the header that shows their private link."""
    answer = await pages.post("/stories", json=what_was_told(**fields))
    assert answer.status_code == 201, answer.text
    return UUID(answer.json()["story"]), {"Authorization": f"Bearer {answer.json()['link']}"}


async def moderate(pages: httpx.AsyncClient, story: UUID, decision: str, **body: Any) -> httpx.Response:
    """A moderator decides: `approval` or `rejection`."""
    return await pages.post(f"/moderation/stories/{story}/{decision}", json=body, headers=STAFF)
