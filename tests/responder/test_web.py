"""Responder's API: a team's inbox, opening a story, replying, and *not ours*."""

import httpx
import pytest

from shared.database import Database
from shared.events import ReplyPublished, RouteDeclined, StoryHeard, TeamClosed
from tests.factories import STORY_TEXT, comment_received, story_erased, story_routed, story_withdrawn, team_listed
from tests.responder.cases import act, open_case, reply
from tests.service import STAFF, announced, announced_types, column, hear, sign_in_as


async def test_a_teams_inbox_shows_its_open_cases_only(database: Database, pages: httpx.AsyncClient) -> None:
    ours, _theirs = await open_case(database, "T1"), await open_case(database, "T2")
    withdrawn = await open_case(database, "T1")
    await hear("responder", database, story_withdrawn(withdrawn), story_routed(teams=["T1"]))

    inbox = (await pages.get("/teams/T1/stories", headers=STAFF)).json()

    assert [(entry["story"], entry["title"]) for entry in inbox] == [(str(ours), "Four hours in a corridor")]


async def test_the_inbox_is_read_page_by_page(database: Database, pages: httpx.AsyncClient) -> None:
    stories = sorted([str(await open_case(database)) for _ in range(3)])

    first = (await pages.get("/teams/T1/stories?limit=2", headers=STAFF)).json()
    second = (await pages.get(f"/teams/T1/stories?limit=2&after={stories[1]}", headers=STAFF)).json()

    assert [[entry["story"] for entry in page] for page in (first, second)] == [stories[:2], stories[2:]]


async def test_a_routed_team_reads_the_story_and_others_do_not(database: Database, pages: httpx.AsyncClient) -> None:
    story = await open_case(database, "T1")

    ours = await pages.get(f"/teams/T1/stories/{story}", headers=STAFF)
    theirs = await pages.get(f"/teams/T2/stories/{story}", headers=STAFF)

    assert ours.json()["story"]["text"] == STORY_TEXT
    assert theirs.status_code == 404
    assert await announced(database) == []


async def test_a_story_is_heard_once(database: Database, pages: httpx.AsyncClient) -> None:
    story = await open_case(database)

    await act(pages, story, "heard", role="Ward manager")
    again = await act(pages, story, "heard", role="Matron")

    assert again.status_code == 200
    assert await announced(database) == [
        (StoryHeard.type, {"story": str(story), "team": "T1", "team_name": "Team T1", "role": "Ward manager"})
    ]


async def test_a_reply_is_published_with_its_claim(database: Database, pages: httpx.AsyncClient) -> None:
    story = await open_case(database)

    answer = await reply(pages, story, claim="planned", explanation="A sign in the corridor.", due="2026-06-01")

    *_, (type_, data) = await announced(database)
    assert answer.status_code == 201
    assert (type_, data["reply"], data["organisation"]) == (ReplyPublished.type, answer.json()["id"], "TRUST1")
    assert (data["claim"], data["explanation"], data["due"]) == ("planned", "A sign in the corridor.", "2026-06-01")
    assert await column(database, "SELECT subject FROM timer") == []


async def test_who_answers_has_heard(database: Database, pages: httpx.AsyncClient) -> None:
    story = await open_case(database)

    await reply(pages, story, signed_role="Matron")
    await reply(pages, story)

    assert await announced_types(database) == [StoryHeard.type, ReplyPublished.type, ReplyPublished.type]
    assert (await announced(database))[0][1]["role"] == "Matron"


async def test_the_teams_that_have_an_inbox_are_listed_page_by_page(
    database: Database, pages: httpx.AsyncClient
) -> None:
    await hear("responder", database, *map(team_listed, ("T1", "T2", "T3")), TeamClosed(team="T2"))

    first = (await pages.get("/teams?limit=1", headers=STAFF)).json()
    second = (await pages.get("/teams?after=T1", headers=STAFF)).json()

    assert [[team["team"] for team in page] for page in (first, second)] == [["T1"], ["T3"]]


@pytest.mark.parametrize("claim", ["planned", "made"])
async def test_a_claim_without_an_explanation_is_refused(
    claim: str, database: Database, pages: httpx.AsyncClient
) -> None:
    answer = await reply(pages, await open_case(database), claim=claim)

    assert (answer.status_code, answer.json()["errors"]) == (
        422,
        [{"field": "data", "problem": "a claim needs an explanation"}],
    )
    assert await announced(database) == []


@pytest.mark.parametrize("due", ["9999-12-31", "1900-01-01"])
async def test_a_day_that_nobody_can_mean_is_refused(due: str, database: Database, pages: httpx.AsyncClient) -> None:
    answer = await reply(pages, await open_case(database), claim="planned", explanation="A sign.", due=due)

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "due")
    assert await announced(database) == []


async def test_a_claim_of_no_known_kind_is_refused(database: Database, pages: httpx.AsyncClient) -> None:
    answer = await reply(pages, await open_case(database), claim="perhaps", explanation="A sign.")

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "claim")


async def test_a_reply_sent_again_with_its_key_is_the_same_reply(database: Database, pages: httpx.AsyncClient) -> None:
    story = await open_case(database)
    how = {
        "json": {"text": "Thank you.", "signed_name": "Robin Example", "signed_role": "Matron"},
        "headers": STAFF | {"Idempotency-Key": "key-1"},
    }

    first = await pages.post(f"/teams/T1/stories/{story}/replies", **how)  # type: ignore[arg-type]  # as json and headers
    second = await pages.post(f"/teams/T1/stories/{story}/replies", **how)  # type: ignore[arg-type]  # as above

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert await announced_types(database) == [StoryHeard.type, ReplyPublished.type]


ACTS = {"heard": {"role": "Matron"}, "declines": {}, "replies": {}}


@pytest.mark.parametrize("what", ACTS)
async def test_a_withdrawn_story_takes_no_answer(what: str, database: Database, pages: httpx.AsyncClient) -> None:
    story = await open_case(database)
    await hear("responder", database, story_withdrawn(story))

    answer = await (reply(pages, story) if what == "replies" else act(pages, story, what, **ACTS[what]))

    assert (answer.status_code, answer.json()["reason"]) == (409, "story_withdrawn")
    assert (await pages.get(f"/teams/T1/stories/{story}", headers=STAFF)).status_code == 404
    assert await announced(database) == []


@pytest.mark.parametrize("what", ACTS)
async def test_a_team_that_was_not_routed_has_no_case(what: str, database: Database, pages: httpx.AsyncClient) -> None:
    story = await open_case(database, "T1")

    answer = await (reply(pages, story, "T2") if what == "replies" else act(pages, story, what, "T2", **ACTS[what]))

    assert (answer.status_code, answer.json()["reason"]) == (404, "no_such_case")


async def test_an_erased_story_has_no_case(database: Database, pages: httpx.AsyncClient) -> None:
    story = await open_case(database)
    await hear("responder", database, story_erased(story))

    assert (await reply(pages, story)).status_code == 404


async def test_a_team_hands_a_story_back_with_a_suggestion(database: Database, pages: httpx.AsyncClient) -> None:
    story = await open_case(database)

    await act(pages, story, "declines", suggestion="C1")
    after = await reply(pages, story)

    assert await announced(database) == [(RouteDeclined.type, {"story": str(story), "team": "T1", "suggestion": "C1"})]
    assert (after.status_code, after.json()["reason"]) == (409, "declined")


async def test_the_comments_of_a_service_are_a_reading_list(database: Database, pages: httpx.AsyncClient) -> None:
    ours = comment_received(service="W1", text="The nurse was kind.", answer=None)
    await hear("responder", database, ours, comment_received(service="W2"))

    listed = (await pages.get("/services/W1/comments", headers=STAFF)).json()

    assert listed == [
        {"comment": str(ours.comment), "text": "The nurse was kind.", "answer": None, "given_on": "2026-05-03"}
    ]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/teams/T1/stories"),
        ("GET", "/teams/T1/stories/01a20000-0000-7000-8000-000000000001"),
        ("POST", "/teams/T1/stories/01a20000-0000-7000-8000-000000000001/heard"),
        ("POST", "/teams/T1/stories/01a20000-0000-7000-8000-000000000001/replies"),
        ("POST", "/teams/T1/stories/01a20000-0000-7000-8000-000000000001/declines"),
        ("GET", "/services/W1/comments"),
    ],
)
async def test_only_staff_may_ask(method: str, path: str, pages: httpx.AsyncClient) -> None:
    answer = await pages.request(method, path, headers={"Authorization": "Bearer wrong"}, json={})

    assert (answer.status_code, answer.json()["reason"]) == (401, "sign_in")


async def test_a_key_stays_its_senders_own_after_their_token_was_renewed(
    pages: httpx.AsyncClient, database: Database
) -> None:
    """The key was bound to the token itself: a renewed one made a repeat look like another sender's request."""
    path = f"/teams/T1/stories/{await open_case(database)}/replies"
    said = {"text": "Thank you.", "signed_name": "Robin", "signed_role": "Nurse"}

    answers = [
        await pages.post(
            path, json=said, headers=sign_in_as("responder@*", sub=sub, jti=jti) | {"Idempotency-Key": "renewed"}
        )
        for sub, jti in (("robin", "1"), ("robin", "2"), ("asha", "3"))
    ]

    assert [one.status_code for one in answers] == [201, 201, 409]
    assert answers[0].content == answers[1].content
