"""What each announcer restates: its rows as facts, with the times at which they came about."""

import asyncio
from collections.abc import Sequence
from datetime import date
from types import ModuleType

import pytest
import typer
from aiokafka import TopicPartition
from typer.testing import CliRunner

from services.intake import handlers as intake_handlers
from services.intake import restate as intake_restate
from services.responder import restate as responder_restate
from services.router import handlers as router_handlers
from services.router import restate as router_restate
from services.tracker import restate as tracker_restate
from services.tracker.rules import claimed_change
from shared import positions, restating
from shared.database import Database
from shared.entrance import Entrance
from shared.events import Claim, RouteDeclined, StoryHeard, SubjectRestated, Verdict
from shared.positions import Step
from shared.restating import Fact
from shared.sign_in.members import grants_of
from shared.sign_in.principal import Grant, MemberRole
from shared.streams import Stream
from shared.work import hearings
from tests.factories import (
    comment_offered,
    reply_published,
    story_offered,
    story_published,
    story_routed,
    team_listed,
    verdict_given,
)
from tests.records import told
from tests.responder.administrators import ALEX, MEMBERS, ROBIN, SAM, add, id_of, principal_of, signed_in
from tests.service import STAFF, announced, column, execute, hear, home_of, open_pages, submitted, time_passes

RESTATES = {
    "intake": intake_restate,
    "router": router_restate,
    "responder": responder_restate,
    "tracker": tracker_restate,
}


async def facts(service: ModuleType, database: Database, *subjects: str) -> Sequence[Fact]:
    async with database.transaction() as connection:
        said: Sequence[Fact] = await service.restate(connection, subjects)
    return said


def names(said: Sequence[Fact]) -> list[str]:
    return [fact.event.type.removeprefix("uk.nhs.storyloop.").removesuffix(".v1") for fact in said]


async def test_intake_says_that_a_story_came_and_where_it_stands(intake: Database) -> None:
    await execute(intake, "INSERT INTO intake.publisher VALUES ('surveys', '{/surveys/wards}', '{*}', false)")
    for reference in ("waiting", "published", "rejected", "withdrawn", "erased"):
        await hear("intake", intake, submitted(story_offered(), reference=reference))
    await execute(
        intake,
        """
        UPDATE intake.story
           SET state = CASE reference WHEN 'erased' THEN 'withdrawn' ELSE reference END, decided_at = now(),
               withdrawn_at = now(), reason = 'legal', told = CASE WHEN reference <> 'erased' THEN told END
        """,
    )

    said = {
        reference: names(await facts(intake_restate, intake, f"story/{story}"))
        for reference, story in [
            (name, (await column(intake, "SELECT story FROM intake.story WHERE reference = $1", name))[0])
            for name in ("waiting", "published", "rejected", "withdrawn", "erased")
        ]
    }

    assert said == {
        "waiting": ["story.received"],
        "published": ["story.received", "story.published"],
        "rejected": ["story.received", "story.rejected"],
        "withdrawn": ["story.received", "story.withdrawn"],
        "erased": ["story.withdrawn"],
    }


async def test_comments_come_in_pages_that_one_record_can_hold(intake: Database) -> None:
    await execute(intake, "INSERT INTO intake.publisher VALUES ('surveys', '{/surveys/wards}', '{*}', false)")
    for number in range(6):
        offer = submitted(comment_offered(text="x" * 60_000), reference=f"c{number}")
        await hear("intake", intake, offer)

    pages, after = [], ""
    async with intake.transaction() as connection:
        while page := await intake_restate.restate_comments(connection, after):
            pages.append(len(page))
            after = page[-1].event.subject

    assert pages == [2, 2, 2]


async def test_router_says_its_tree_its_routes_and_what_is_closed(router: Database) -> None:
    await execute(router, "INSERT INTO router.release (version) VALUES (1)")
    await execute(router, "INSERT INTO router.organisation VALUES ('W1', 'Ward 1', 'service', NULL)")
    await execute(router, "INSERT INTO router.team VALUES ('T1', 'Team 1', 'W1')")
    await execute(router, "INSERT INTO router.subscription VALUES ('S1', 'T1', 'W1')")
    routed, unheard = story_published(), story_published(services=["W2"])
    await hear("router", router, routed, unheard)

    said = await facts(
        router_restate, router, "organisation/W1", "organisation/GONE", "team/T1", "directory/all", routed.subject,
        unheard.subject,
    )  # fmt: skip

    assert sorted(names(said)) == [
        "directory.released",
        "organisation.closed",
        "organisation.listed",
        "story.routed",
        "story.unheard",
        "team.listed",
    ]


async def test_responder_says_who_heard_replied_and_handed_back(responder: Database) -> None:
    story = story_published()
    await hear("responder", responder, story, story_routed(story.story, teams=["T1", "T2"]))
    await execute(
        responder,
        """
        UPDATE responder.team_case
           SET heard_at = now() - interval '2 hours', heard_role = 'Ward manager', suggestion = 'W9',
               answered_at = CASE team WHEN 'T1' THEN now() END,
               declined_at = CASE team WHEN 'T2' THEN now() + interval '1 hour' END
        """,
    )
    await execute(
        responder,
        "INSERT INTO responder.reply (reply, story, team, text, signed_name, signed_role, claim)"
        " VALUES (gen_random_uuid(), $1, 'T1', 'Thank you.', 'Robin Example', 'Ward manager', 'none')",
        story.story,
    )

    said = await facts(responder_restate, responder, story.subject)

    assert names(said) == ["story.heard", "story.heard", "reply.published", "route.declined"]
    assert {fact.event.role for fact in said if isinstance(fact.event, StoryHeard)} == {"Ward manager"}
    assert [fact.event.suggestion for fact in said if isinstance(fact.event, RouteDeclined)] == ["W9"]
    assert [fact.at for fact in said] == sorted(fact.at for fact in said)


async def test_a_team_that_was_said_to_be_late_is_said_to_be_late_again(responder: Database) -> None:
    story = story_published()
    await hear("responder", responder, story, story_routed(story.story, teams=["T1"]))
    await execute(
        responder,
        "UPDATE responder.team_case SET opened_at = opened_at - interval '9 days', due_at = due_at - interval '9 days'",
    )
    await time_passes("responder", responder)

    assert names(await facts(responder_restate, responder, story.subject)) == ["reply.overdue"]


async def test_responder_says_how_its_members_stand_and_which_teams_are_staffed(responder: Database) -> None:
    await hear("responder", responder, team_listed("T1"), team_listed("T2"))
    async with signed_in(responder) as pages:
        for person, team in ((ROBIN, "T1"), (SAM, "T2"), (ALEX, None)):
            await add(pages, person, team=team)
        await pages.post(f"{MEMBERS}/{id_of(ROBIN, 'T1')}/freeze")
        await pages.delete(f"{MEMBERS}/{id_of(ALEX)}")
    told_before = await announced(responder)
    ids = [id_of(ROBIN, "T1"), id_of(SAM, "T2"), id_of(ALEX)]

    said = await facts(responder_restate, responder, *(f"member/{one}" for one in ids), "team/T1", "team/T2")

    assert sorted(names(said)) == [
        "member.listed",
        "member.listed",
        "member.removed",
        "team.staffed",
        "team.unstaffed",
    ]
    last_told = {data.get("member") or data["team"]: (type_, data) for type_, data in told_before}
    restated = {
        fact.event.subject.partition("/")[2]: (fact.event.type, fact.event.model_dump(mode="json")) for fact in said
    }
    assert restated == last_told


async def test_a_new_listener_knows_members_and_staffing_from_a_replay_alone(
    responder: Database, router: Database
) -> None:
    await hear("responder", responder, team_listed("T1"))
    async with signed_in(responder) as pages:
        await add(pages, ROBIN, team="T1")
        await add(pages, SAM)
        await pages.delete(f"{MEMBERS}/{id_of(ROBIN, 'T1')}")
    await restating.restate("responder", responder, "router", responder_restate.restate)
    restated = await column(
        responder, "SELECT value FROM outbox WHERE topic = 'storyloop.replay.router' AND subject ~ '^(member|team)/'"
    )

    await hear_again("router", router, router_handlers, restated)

    async with router.connection() as connection:
        given = {person: await grants_of(connection, principal_of(person)) for person in (ROBIN, SAM)}
    assert given == {ROBIN: frozenset(), SAM: {Grant(MemberRole.RESPONDER, "TRUST1")}}
    assert await column(router, "SELECT staffed FROM router.staffing WHERE team = 'T1'") == [False]


async def hear_again(service: str, database: Database, handlers: ModuleType, values: Sequence[bytes]) -> None:
    """Lets a service hear what responder restated for it."""
    events = [SubjectRestated.model_validate_json(value) for value in values]
    records = [told(event, "responder", number=(1, 9)) for event in events]
    place = TopicPartition(records[0].topic, records[0].partition)
    async with database.transaction() as connection:
        await positions.stored(connection, {place: records[0].offset})
    entrance = Entrance(home_of(service, database), Stream("test", hearings(handlers), (place.topic,)))
    await entrance.take(records, [Step(place, records[0].offset, records[-1].offset + 1)])


async def test_a_plan_keeps_its_own_words_beside_those_of_what_was_made(tracker: Database) -> None:
    planned = reply_published(claim=Claim.PLANNED, explanation="A sign.", due=date(2999, 1, 1))
    change = claimed_change(planned)
    assert change is not None
    await hear("tracker", tracker, planned)
    async with open_pages("tracker", tracker) as pages:
        path = f"/stories/{planned.story}/changes/{change.change}/made"
        await pages.post(path, json={"what": "It hangs."}, headers=STAFF)

    said = await facts(tracker_restate, tracker, planned.subject)

    assert [(fact.event.short_type, fact.event.model_dump()["what"]) for fact in said] == [
        ("change.planned", "A sign."),
        ("change.made", "It hangs."),
    ]


async def test_tracker_says_each_changes_way(tracker: Database) -> None:
    planned = reply_published(claim=Claim.PLANNED, due=date(2999, 1, 1))
    judged = reply_published(claim=Claim.MADE)
    change = claimed_change(judged)
    assert change is not None
    await hear("tracker", tracker, planned, judged, verdict_given(judged.story, change.change, Verdict.NO))

    assert names(await facts(tracker_restate, tracker, planned.subject)) == ["change.planned"]
    assert names(await facts(tracker_restate, tracker, judged.subject)) == ["change.made", "change.disputed"]


async def test_no_letter_is_written_about_what_was_restated(intake: Database) -> None:
    await execute(intake, "INSERT INTO intake.publisher VALUES ('surveys', '{/surveys/wards}', '{*}', true)")
    consent = ["show_to_staff", "publish", "write_to_me"]
    await hear("intake", intake, submitted(story_offered(email="robin@example.org", consent=consent)))
    story = (await column(intake, "SELECT story FROM intake.story"))[0]
    routed = story_routed(story)
    restated = SubjectRestated(
        about=routed.subject,
        listener="intake",
        facts=[{"type": routed.type, "time": "2026-01-02T03:04:05Z", "data": routed.model_dump(mode="json")}],
    )
    record = told(restated, "router", number=(1, 1))
    place = TopicPartition(record.topic, record.partition)
    async with intake.transaction() as connection:
        await positions.stored(connection, {place: record.offset})

    entrance = Entrance(home_of("intake", intake), Stream("test", hearings(intake_handlers), (record.topic,)))
    await entrance.take([record], [Step(place, record.offset, record.offset + 1)])

    assert await column(intake, "SELECT kind || ' ' || at::date FROM intake.progress") == ["story.routed 2026-01-02"]
    assert await column(intake, "SELECT kind FROM delivery") == ["received"]


@pytest.mark.parametrize("service", RESTATES)
async def test_the_command_is_the_same_for_all_four(service: str, databases_of: dict[str, str]) -> None:
    app = typer.Typer()
    app.command()(RESTATES[service].main)
    words = ["--postgres", databases_of[service]]

    good = await asyncio.to_thread(CliRunner().invoke, app, ["tracker", *words])
    bad = await asyncio.to_thread(CliRunner().invoke, app, ["nobody", *words])

    assert (good.exit_code, good.stdout.splitlines()[-1]) == (0, f"{service}: 0 subjects restated for tracker.")
    assert bad.exit_code == 2
