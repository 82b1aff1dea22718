"""What the tables of the four services must say of each story, and how often each fact must have been told."""

from collections import Counter, defaultdict
from hashlib import sha256
from typing import Any
from uuid import UUID

from shared import topics
from shared.cloudevents import Envelope, read
from tests.model.expected import Change, Expected, Story, change_of
from tests.model.topics import Log
from tests.model.world import World
from tests.service import fetch, tables_with

Line = tuple[str, str]


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


async def all_agree(what: Asked) -> None:
    """The four services, and the author's page, say the same as the model."""
    await intake_agrees(what)
    await router_agrees(what)
    if what.story.erased:
        await it_is_forgotten(what)
    else:
        await responder_agrees(what)
        await tracker_agrees(what)
        await author_sees(what)


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
    assert cases == {team: (team in story.heard, team in replied, team in story.declined) for team in what.routes.teams}
    running = await what.rows("responder", "team", "team_case", "opened_at IS NOT NULL AND closed_at IS NULL")
    assert running == (sorted((team,) for team in cases) if opened else [])
    texts = await what.rows("responder", "published ->> 'text'", "story")
    assert [text for (text,) in texts if text] == ([story.text] if opened else [])
    assert await what.rows("responder", "reply", "reply") == sorted((reply,) for reply in story.replies)


def changes_of(what: Asked) -> dict[UUID, Change]:
    """The changes of the story by the ids that tracker gives them."""
    return {change_of(reply): one for reply, one in what.expected.changes.items() if one.story == what.id}


def router_lines(what: Asked) -> set[Line]:
    """What router said of a story, as lines."""
    routed = {("story.routed", team) for team in what.routes.teams}
    return routed | ({("story.unheard", "")} if what.routes.said_unheard else set())


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
    states = {id_: change.state for id_, change in changes_of(what).items()}
    assert dict(await what.rows("tracker", "change, state", "change")) == states
    assert len(states) == sum(claim != "none" for _, claim in story.replies.values())


async def author_sees(what: Asked) -> None:
    """I3: what has happened, and nothing else; a letter for each thing that authors are written about."""
    lines = router_lines(what) | staff_lines(what.story)
    lines |= {
        (f"change.{state}", f"{id_}.{step}")
        for id_, change in changes_of(what).items()
        for step, state in enumerate(change.said, 1)
    }
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
    kinds |= {f"routed {sha256(' '.join(teams).encode()).hexdigest()[:16]}" for teams in what.routes.told}
    named = {"planned": "planned {0}", "made": "made {0}.{1}"}
    return kinds | {
        named[state].format(id_, step)
        for id_, change in changes_of(what).items()
        for step, state in enumerate(change.said, 1)
        if state in named
    }


async def it_is_forgotten(what: Asked) -> None:
    """I17: no table of any service holds a word, every service keeps the tombstone, and the receipt names all four."""
    for service, database in what.world.databases.items():
        assert await tables_with(database, what.story.text.split(" ", maxsplit=1)[0] + " ") == [], service
        rows = await fetch(database, "SELECT erased_at FROM thread WHERE subject = $1", f"story/{what.id}")
        assert [row["erased_at"] is not None for row in rows] == [True], service
    receipt = await what.rows("intake", "service", "erasure")
    assert receipt == [("intake",), ("responder",), ("router",), ("tracker",)]
