"""A story goes all the way round: shared, sent to staff, answered, a change recorded."""

from typing import Any

from tests.journeys.people import People
from tests.waiting import eventually

ALL_SERVICES = {"intake", "router", "responder", "tracker"}


async def test_a_publishers_story_goes_all_the_way_round(people: People) -> None:
    story = await people.offer(title="Chairs in the waiting room")

    case = await people.case(story)
    await people.post("responder", f"/teams/EAST/stories/{story}/heard", {"role": "Ward manager"})
    reply = await people.reply(story, claim="made", explanation="We bought six chairs with arms.")

    assert case["story"]["title"] == "Chairs in the waiting room"
    assert reply.status_code == 201
    kinds = await people.kinds(story, "story.heard", "reply.published")
    assert kinds[:2] == ["story.received", "story.published"]
    assert kinds.count("story.routed") == 2  # the hospital's own team, and the trust's above it
    changes = (await people.get("tracker", f"/stories/{story}"))["changes"]
    assert [(change["state"], change["what"]) for change in changes] == [("made", "We bought six chairs with arms.")]


async def test_a_persons_story_waits_for_a_moderator_and_its_author_sees_what_happens(people: People) -> None:
    story, link = await people.share(title="Nobody told me")
    assert (await people.my_story(link))["state"] == "waiting"

    await people.post("intake", f"/moderation/stories/{story}/approval", {"criticality": 2})
    await people.case(story)
    await people.reply(story, claim="planned", explanation="A board that shows the wait.", due="2027-03-31")

    async def change_is_shown() -> list[dict[str, Any]]:
        lines = (await people.my_story(link))["progress"]
        return [line for line in lines if line["kind"] == "change.planned"]

    (planned,) = await eventually(change_is_shown)
    judged = {"change": planned["detail"]["change"], "verdict": "no"}
    answer = await people.http.post(people.system.url("intake", "/my-story/verdicts"), json=judged, headers=link)
    assert answer.status_code == 200
    await people.kinds(story, "verdict.given")
    changes = (await people.get("tracker", f"/stories/{story}"))["changes"]
    assert [change["state"] for change in changes] == ["disputed"]


async def test_not_ours_with_a_suggestion_brings_the_story_to_the_other_team(people: People) -> None:
    story = await people.offer(services=["RXX02"])
    await people.case(story, "TRUST")
    assert await people.get("responder", f"/teams/EAST/stories/{story}") is None

    await people.post("responder", f"/teams/TRUST/stories/{story}/declines", {"suggestion": "RXX01"})

    assert await people.case(story, "EAST")


async def test_a_story_that_nobody_is_signed_up_for_says_so(people: People) -> None:
    story = await people.offer(services=["RZZ"])

    kinds = await people.kinds(story, "story.unheard")

    assert "story.routed" not in kinds


async def test_an_erased_story_is_gone_everywhere_and_the_receipt_says_so(people: People) -> None:
    story, link = await people.share(text="Words that must go.")
    await people.post("intake", f"/moderation/stories/{story}/approval", {})
    await people.case(story)

    await people.http.delete(people.system.url("intake", "/my-story"), headers=link)

    async def all_have_erased() -> bool:
        copies = (await people.my_story(link))["erased"]
        return {copy["service"] for copy in copies} == ALL_SERVICES

    await eventually(all_have_erased)
    assert (await people.my_story(link))["told"] is None
    assert await people.get("responder", f"/teams/EAST/stories/{story}") is None
    assert await people.get("tracker", f"/stories/{story}") is None


async def test_comments_reach_the_reading_list_and_the_counts(people: People) -> None:
    token = people.system.publisher_tokens["surveys"]
    comments = [
        {
            "specversion": "1.0", "id": f"c-{number}", "type": "uk.nhs.storyloop.comment.offered.v1",
            "source": "/surveys", "subject": f"comment-{number}", "time": "2026-05-04T10:00:00Z",
            "data": {"service": "RXX02", "text": "Quick and kind", "answer": 1, "given_on": "2026-05-03"},
        }
        for number in range(20)
    ]  # fmt: skip

    answer = await people.http.post(
        people.system.url("intake", "/events"),
        json=comments,
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/cloudevents-batch+json"},
    )

    assert {one["outcome"] for one in answer.json()} == {"accepted"}

    async def counted() -> bool:
        counts = await people.get("tracker", "/services/RXX02/comments")
        return bool(counts == [{"answer": 1, "comments": 20}])

    await eventually(counted)
    assert len(await people.get("responder", "/services/RXX02/comments?limit=50")) == 20
