"""With any one service down the others go on, and what it missed is caught up."""

import asyncio
from uuid import UUID

import pytest

from tests.journeys.people import People
from tests.waiting import eventually


async def down(people: People, service: str) -> None:
    await asyncio.to_thread(people.system.processes[service].stop)


async def up(people: People, service: str) -> None:
    await asyncio.to_thread(people.system.processes[service].start)


async def answered(people: People, story: UUID) -> None:
    await people.case(story)
    reply = await people.reply(story, claim="made", explanation="We changed the rota.")
    assert reply.status_code == 201


async def test_without_intake_staff_still_answer_and_the_author_sees_it_later(people: People) -> None:
    story, link = await people.share()
    await people.post("intake", f"/moderation/stories/{story}/approval", {})
    await people.case(story)

    await down(people, "intake")
    await answered(people, story)
    await people.kinds(story, "reply.published")
    await up(people, "intake")

    async def author_sees_the_reply() -> bool:
        return "change.made" in [line["kind"] for line in (await people.my_story(link))["progress"]]

    await eventually(author_sees_the_reply)


async def test_without_router_stories_are_still_published_and_routed_later(people: People) -> None:
    await down(people, "router")
    story = await people.offer()
    kinds = await people.kinds(story, "story.published")
    assert "story.routed" not in kinds

    await up(people, "router")

    await answered(people, story)


async def test_without_responder_stories_are_still_routed_and_reach_the_inbox_later(people: People) -> None:
    await down(people, "responder")
    story = await people.offer()
    await people.kinds(story, "story.routed")

    await up(people, "responder")

    await answered(people, story)


async def test_without_tracker_staff_still_answer_and_the_timeline_is_complete_later(people: People) -> None:
    await down(people, "tracker")
    story = await people.offer()
    await answered(people, story)

    await up(people, "tracker")

    kinds = await people.kinds(story, "story.received", "story.published", "story.routed", "reply.published")
    assert len(kinds) == len(set(kinds)) + 1  # two teams were told, everything else stands once


@pytest.mark.parametrize("service", ["intake", "router", "responder", "tracker"])
async def test_a_killed_service_goes_on_where_it_was(people: People, service: str) -> None:
    before = [await people.offer() for _ in range(20)]
    await asyncio.to_thread(people.system.processes[service].kill)
    after = [await people.offer() for _ in range(5)]
    await up(people, service)

    for story in before + after:
        kinds = await people.kinds(story, "story.received", "story.published", "story.routed")
        assert sorted(kinds) == ["story.published", "story.received", "story.routed", "story.routed"]


@pytest.mark.parametrize("service", ["intake", "router", "responder", "tracker"])
async def test_a_stop_is_orderly_and_ends_in_time(people: People, service: str) -> None:
    child = people.system.processes[service]

    await down(people, service)

    assert child.exit_code == 0
    assert '"event":"service.stopped"' in child.last_line
    await up(people, service)
