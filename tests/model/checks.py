"""The invariants, as questions to the real tables and topics; each names those of reliability.md that it stands for."""

from collections import Counter, defaultdict
from collections.abc import MutableMapping, Sequence
from typing import Any
from uuid import UUID

from aiokafka import TopicPartition

from deploy.local.system import SERVICES
from shared import topics
from shared.cloudevents import Envelope, read
from shared.streams import Stream
from tests.model.expected import Expected, Story, change_of
from tests.model.topics import Log
from tests.model.world import World
from tests.service import fetch, tables_with

Line = tuple[str, str]


def facts_are_in_order(log: Log) -> None:
    """I4, I10: the first telling of each number is in order and without a gap; told again it is the same fact."""
    for topic in topics.FACTS:
        numbers: dict[str, list[tuple[int, int]]] = defaultdict(list)
        ids: dict[tuple[str, int], str] = {}
        for envelope in map(read, log.of(topic.name) if topic.sequenced else ()):
            same = ids.setdefault((envelope.subject, envelope.sequence), envelope.id)
            assert same == envelope.id, f"{envelope.subject} has two facts with number {envelope.number}"
            if envelope.number not in numbers[envelope.subject]:
                numbers[envelope.subject].append(envelope.number)
        for subject, told in numbers.items():
            assert [number for _, number in told] == list(range(1, len(told) + 1)), (topic.name, subject, told)
            assert told == sorted(told), f"{subject} was told in a lower term"


async def everything(world: World, expected: Expected) -> None:
    """All that must hold once nothing moves any more."""
    facts_are_in_order(world.log)
    await nothing_waits(world)
    await everything_was_heard(world)
    await only_what_was_refused_is_parked(world, expected)
    told = facts_told(world.log)
    for id_, story in expected.stories.items():
        what = Asked(world, expected, id_, story)
        assert told[id_] == facts_expected(expected, id_, story), id_
        await intake_agrees(what)
        await router_agrees(what)
        if story.erased:
            await it_is_forgotten(what)
        else:
            await responder_agrees(what)
            await tracker_agrees(what)
            await author_sees(what)
    await nothing_was_invented(world, expected)


class Asked:
    """One story, and what is needed to ask about it."""

    def __init__(self, world: World, expected: Expected, id_: UUID, story: Story) -> None:
        self.world, self.expected, self.id, self.story = world, expected, id_, story
        self.routes = expected.routes[id_]

    async def rows(self, service: str, columns: str, table: str, where: str = "true") -> list[tuple[Any, ...]]:
        """Sorted rows of this story."""
        statement = f"SELECT {columns} FROM {service}.{table} WHERE story = $1 AND {where}"  # noqa: S608 - constants
        rows = [tuple(row) for row in await fetch(self.world.databases[service], statement, self.id)]
        return sorted(rows, key=str)


# --- the plumbing -----------------------------------------------------------------------------------


async def nothing_waits(world: World) -> None:
    """I9, I10: outboxes are sent, positions are at the ends of the topics and where the consumers think."""
    for service, database in world.databases.items():
        assert await fetch(database, "SELECT 1 FROM outbox") == []
        rows = await fetch(database, "SELECT topic, partition, next_offset FROM position")
        stored = {TopicPartition(row[0], row[1]): row[2] for row in rows}
        assert stored == {place: at for (who, place), at in world.places.items() if who == service}
        assert stored == {place: len(world.log.records[place]) for place in stored}


async def everything_was_heard(world: World) -> None:
    """I1, I4: who listens to a topic has heard the last number of every subject; who announced gave no other."""
    for service, database in world.databases.items():
        threads = {row["subject"]: row for row in await fetch(database, "SELECT * FROM thread")}
        given = {subject: row["announced"] for subject, row in threads.items() if row["announced"]}
        assert given == {subject: last for subject, (_, last) in last_numbers(world.log, service).items()}, service
        for announcer in SERVICES:
            heard = {subject: row["heard"].get(f"/storyloop/{announcer}", ()) for subject, row in threads.items()}
            for subject, last in last_numbers(world.log, announcer, world.streams[service]).items():
                assert tuple(heard.get(subject, ())) == last, (service, announcer, subject)


def last_numbers(log: Log, announcer: str, heard_by: Sequence[Stream] | None = None) -> dict[str, tuple[int, int]]:
    """The highest number that a service has told of each subject, perhaps only where some streams hear it."""
    last: dict[str, tuple[int, int]] = {}
    for topic in (topic for topic in topics.FACTS if topic.sequenced and topic.announcer == announcer):
        if heard_by is None or any(stream.reads(topic.name) for stream in heard_by):
            for envelope in map(read, log.of(topic.name)):
                last[envelope.subject] = max(last.get(envelope.subject, (0, 0)), envelope.number)
    return last


def logs_are_clean(lines: Sequence[MutableMapping[str, Any]], expected: Expected) -> None:
    """I4, I16: no gap and no set-back was seen, and no log line holds a word of a story or a private link."""
    assert not {line["event"] for line in lines} & {"sequence.gap", "announcer.went_back", "relay.failed"}
    said = str(lines)
    assert "canary-" not in said
    assert [one for one in expected.stories.values() if one.link and one.link["Authorization"][7:] in said] == []


async def only_what_was_refused_is_parked(world: World, expected: Expected) -> None:
    """I1, I7: a parked row stands for a refused submission, and each of those has one."""
    for service in SERVICES:
        places = {(row["topic"], row["partition"], row["offset"]) for row in await world.parked(service)}
        refused = {place for place, fate in expected.fates.items() if fate == "refused"}
        assert places == (refused if service == "intake" else set()), service


async def nothing_was_invented(world: World, expected: Expected) -> None:
    """I2: no service knows of a story that nobody told."""
    for service, table in {"intake": "story", "router": "route", "responder": "reply", "tracker": "entry"}.items():
        rows = await fetch(world.databases[service], f"SELECT DISTINCT story FROM {service}.{table}")  # noqa: S608
        assert {row["story"] for row in rows} <= expected.stories.keys(), service


# --- facts ------------------------------------------------------------------------------------------

COUNTED = ("story.", "reply.", "route.", "verdict.", "change.")
OF_ROUTER = ("story.routed", "story.unheard")


def facts_told(log: Log) -> dict[UUID, Counter[str]]:
    """How often each kind of fact was told of a story, repeats left out; router's own are compared as rows."""
    once: dict[str, Envelope] = {}
    for topic in (topics.STORIES, topics.REPLIES, topics.OUTCOMES):
        once |= {envelope.id: envelope for envelope in map(read, log.of(topic.name))}
    told: dict[UUID, Counter[str]] = defaultdict(Counter)
    for envelope in once.values():
        kind = envelope.type.removeprefix("uk.nhs.storyloop.").removesuffix(".v1")
        if kind.startswith(COUNTED):
            told[UUID(envelope.subject.removeprefix("story/"))][kind] += 1
    return told


def facts_told_in_all(log: Log) -> Counter[str]:
    """The same for all stories together."""
    return sum(facts_told(log).values(), Counter())


def facts_expected(expected: Expected, id_: UUID, story: Story) -> Counter[str]:
    """I3: each effect is told exactly once."""
    said = Counter(
        {
            "story.received": 1,
            "story.published": story.revision,
            "story.withdrawn": int(story.state == "withdrawn"),
            "story.heard": len(story.heard),
            "reply.published": len(story.replies),
            "route.declined": len(story.declined),
            "verdict.given": len(story.verdicts),
        }
    )
    said.update(f"change.{state}" for one in expected.changes.values() if one.story == id_ for state in one.said)
    return +said


# --- the services -----------------------------------------------------------------------------------


async def intake_agrees(what: Asked) -> None:
    """I1: the story is there once, and stands where people have put it; letters were written once each."""
    ((state, revision, told),) = await what.rows("intake", "state, revision, told ->> 'text'", "story")
    text = None if what.story.erased else what.story.text
    assert (state, revision, told) == (what.story.state, what.story.revision, text)


async def router_agrees(what: Asked) -> None:
    """I5, I6: the routes are those of a naive scan of the directory that stood when the story was heard."""
    found = await what.rows("router", "team, rule, subscription, directory_version, declined_at IS NOT NULL", "route")
    routes = what.routes
    assert found == sorted((team, *how, team in routes.declined) for team, how in routes.teams.items())
    assert len(await what.rows("router", "story", "unheard")) == int(routes.unheard)


async def responder_agrees(what: Asked) -> None:
    """I3: a case for each route, open exactly while the story is out; every reply once."""
    story, opened = what.story, what.story.state == "published"
    columns = "team, heard_at IS NOT NULL, answered_at IS NOT NULL, declined_at IS NOT NULL"
    cases = {
        team: (heard, replied, declined)
        for team, heard, replied, declined in await what.rows("responder", columns, "team_case")
    }
    replied = {team for _, team in await what.rows("responder", "reply, team", "reply")}
    assert cases == {
        team: (team in story.heard or team in replied, team in replied, team in story.declined)
        for team in what.routes.teams
    }
    running = await what.rows("responder", "team", "team_case", "opened_at IS NOT NULL AND closed_at IS NULL")
    assert running == (sorted((team,) for team in cases) if opened else [])
    texts = await what.rows("responder", "published ->> 'text'", "story")
    assert [text for (text,) in texts if text] == ([story.text] if opened else [])
    assert await what.rows("responder", "reply", "reply") == sorted((reply,) for reply in story.replies)


def changes_of(what: Asked) -> dict[UUID, list[str]]:
    """Every state that each change of the story was in."""
    return {change_of(reply): one.said for reply, one in what.expected.changes.items() if one.story == what.id}


def router_lines(what: Asked) -> set[Line]:
    """What router said of a story, as lines."""
    routed = {("story.routed", team) for team in what.routes.teams}
    return routed | ({("story.unheard", "")} if what.routes.unheard else set())


def staff_lines(story: Story) -> set[Line]:
    """What teams said that authors and staff see."""
    return {("story.heard", team) for team in story.heard} | {("reply.published", str(id_)) for id_ in story.replies}


async def tracker_agrees(what: Asked) -> None:
    """I3: one line for each fact, one change for each claim, in the state that the last word gave it."""
    story = what.story
    lines = {("story.received", "")} | router_lines(what) | staff_lines(story)
    lines |= {("story.published", "")} if story.revision else set()
    lines |= {("story.withdrawn", "")} if story.state == "withdrawn" else set()
    lines |= {("route.declined", team) for team in story.declined}
    lines |= {("verdict.given", str(change)) for change in story.verdicts}
    assert await what.rows("tracker", "kind, target", "entry") == sorted(lines, key=str)
    states = {id_: said[-1] for id_, said in changes_of(what).items()}
    assert dict(await what.rows("tracker", "change, state", "change")) == states
    assert len(states) == sum(claim != "none" for claim in story.replies.values())


async def author_sees(what: Asked) -> None:
    """I3: what has happened, and nothing else; a letter for each thing that authors are written about."""
    lines = router_lines(what) | staff_lines(what.story)
    lines |= {(f"change.{state}", str(id_)) for id_, said in changes_of(what).items() for state in said}
    assert await what.rows("intake", "kind, target", "progress") == sorted(lines, key=str)
    letters = await fetch(
        what.world.databases["intake"], "SELECT kind FROM delivery WHERE subject = $1", f"story/{what.id}"
    )
    kinds, possible = {row["kind"] for row in letters}, letters_possible(what) if what.story.email else set()
    assert kinds <= possible, (kinds, possible)
    assert kinds == possible or what.story.state == "withdrawn"


def letters_possible(what: Asked) -> set[str]:
    """The kinds of letters that an author who wants them gets, unless the story is taken back before."""
    kinds = {"received"} | {f"reply {reply}" for reply in what.story.replies}
    kinds |= {f"routed {' '.join(teams)}" for teams in what.routes.told}
    return kinds | {
        f"{state} {id_}" for id_, said in changes_of(what).items() for state in said if state in {"planned", "made"}
    }


async def it_is_forgotten(what: Asked) -> None:
    """I17: no table of any service holds a word, every service keeps the tombstone, and the receipt names all four."""
    for service, database in what.world.databases.items():
        assert await tables_with(database, what.story.text.split(" ", maxsplit=1)[0] + " ") == [], service
        rows = await fetch(database, "SELECT erased_at FROM thread WHERE subject = $1", f"story/{what.id}")
        assert [row["erased_at"] is not None for row in rows] == [True], service
    receipt = await what.rows("intake", "service", "erasure")
    assert receipt == [("intake",), ("responder",), ("router",), ("tracker",)]
