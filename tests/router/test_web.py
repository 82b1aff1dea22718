"""Router's API: who was told of a story and why, and the directory."""

import httpx
import pytest

from shared.database import Database
from shared.ids import new_id
from tests.factories import route_declined, story_published
from tests.router.directory import files, put_in_place
from tests.service import STAFF, hear


async def test_the_routes_of_a_story_say_who_and_why(database: Database, pages: httpx.AsyncClient) -> None:
    await put_in_place(database, files())
    story = story_published(services=["W1"])
    await hear("router", database, story, route_declined(story.story, "T1"))

    answer = await pages.get(f"/stories/{story.story}/routes", headers=STAFF)

    assert answer.status_code == 200
    assert answer.json() == {
        "story": str(story.story),
        "state": "published",
        "routes": [
            {
                "team": "T1",
                "team_name": "Ward team",
                "rule": "same_service",
                "evidence": "The story is about Ward 1.",
                "path": ["North Trust", "Hill Hospital", "Ward 1"],
                "declined": True,
            },
            {
                "team": "T2",
                "team_name": "Patient experience",
                "rule": "service_above",
                "evidence": "The story is about Ward 1, which is part of North Trust.",
                "path": ["North Trust", "Hill Hospital", "Ward 1"],
                "declined": False,
            },
        ],
    }


async def test_a_story_that_was_never_here_is_not_found(pages: httpx.AsyncClient) -> None:
    answer = await pages.get(f"/stories/{new_id()}/routes", headers=STAFF)

    assert (answer.status_code, answer.json()["reason"]) == (404, "no_such_story")


async def test_a_node_shows_its_children_and_whether_anybody_listens(
    database: Database, pages: httpx.AsyncClient
) -> None:
    await put_in_place(database, files())

    ward = (await pages.get("/organisations/W2", headers=STAFF)).json()
    lone = (await pages.get("/organisations/LONE", headers=STAFF)).json()
    site = (await pages.get("/organisations/SITE1", headers=STAFF)).json()

    assert (ward["parent"], ward["listened_to"]) == ("SITE1", True)
    assert (lone["parent"], lone["listened_to"]) == (None, False)
    assert site["children"] == ["W1", "W2"]


@pytest.mark.parametrize(("code", "status"), [("NOWHERE", 404), ("%00", 422), ("no code", 422)])
async def test_what_is_no_node_is_refused(code: str, status: int, pages: httpx.AsyncClient) -> None:
    assert (await pages.get(f"/organisations/{code}", headers=STAFF)).status_code == status


@pytest.mark.parametrize("path", ["/stories/01a20000-0000-7000-8000-000000000001/routes", "/organisations/W1"])
@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic abc"}])
async def test_only_staff_may_ask(path: str, header: dict[str, str], pages: httpx.AsyncClient) -> None:
    answer = await pages.get(path, headers=header)

    assert (answer.status_code, answer.json()["reason"]) == (401, "sign_in")
