"""Parked events through the command line: found, shown, marked, and taken up again by the running service."""

import asyncio
import sys
from typing import Any
from uuid import UUID

import orjson
from structlog.testing import capture_logs
from typer.testing import CliRunner

from shared import parked
from shared.database import Database
from shared.parking import ParkedRecord
from tests.factories import STORY_TEXT, story_erased, story_published, story_routed
from tests.records import record
from tests.service import column, execute, fetch, hear, jobs, said

WHO = ("--by", "On call", "--reason", "mended in 1.4.2")
BUG = "CHECK (published ->> 'revision' IS DISTINCT FROM '1')"


class Answer:
    """What a command ended with."""

    def __init__(self, code: int, stdout: str, stderr: str) -> None:
        self.code, self.stdout, self.stderr = code, stdout, stderr

    @property
    def json(self) -> Any:
        return orjson.loads(self.stdout)


async def command(database: Database | str, *words: object) -> Answer:
    """Runs the command line in a thread of its own: it starts its own loop."""
    dsn = database if isinstance(database, str) else database.dsn
    invoke = CliRunner().invoke
    result = await asyncio.to_thread(invoke, parked.app, [str(one) for one in words], env={"STORYLOOP_POSTGRES": dsn})
    return Answer(result.exit_code, result.stdout, result.stderr)


async def deploy_bug(database: Database) -> None:
    """From now on stories of revision 1 make the handler fail."""
    await execute(database, f"ALTER TABLE responder.story ADD CONSTRAINT bug {BUG} NOT VALID")


async def deploy_fix(database: Database) -> None:
    """The handler works again."""
    await execute(database, "ALTER TABLE responder.story DROP CONSTRAINT bug")


def broken() -> ParkedRecord:
    """A fact that breaks its contract."""
    fact = said(story_published())
    return ParkedRecord(
        fact.topic,
        fact.partition,
        fact.offset,
        fact.timestamp,
        fact.key,
        b'{"story": "' + STORY_TEXT.encode() + b'"}',
        fact.headers,
    )


def unreadable() -> ParkedRecord:
    """A record without an envelope."""
    return record("storyloop.stories", b"\xff\x00", {})


async def marks(database: Database) -> list[str | None]:
    return await column(database, 'SELECT mark FROM parked ORDER BY "offset"')


# --- list and show --------------------------------------------------------------------------------


async def test_what_is_parked_is_listed_with_its_reason_and_without_what_stands_in_it(responder: Database) -> None:
    fact = broken()
    await hear("responder", responder, fact)

    as_json = await command(responder, "list", "--json")
    as_table = await command(responder, "list")

    assert (as_json.code, as_table.code) == (0, 0)
    row = as_json.json[0]
    assert (row["topic"], row["partition"], row["offset"]) == (fact.topic, fact.partition, fact.offset)
    assert (row["reason"], row["type"]) == ("contract_broken", "uk.nhs.storyloop.story.published.v1")
    assert "contract_broken" in as_table.stdout
    assert STORY_TEXT not in as_json.stdout + as_table.stdout


async def test_each_filter_leaves_out_what_does_not_fit(responder: Database) -> None:
    fact = broken()
    await hear("responder", responder, fact, unreadable())
    subject = (fact.key or b"").decode()

    found = {
        words: [row["reason"] for row in (await command(responder, "list", "--json", *words)).json]
        for words in (
            ("--topic", "storyloop.stories"),
            ("--topic", "storyloop.routes"),
            ("--reason", "unreadable"),
            ("--type", "uk.nhs.storyloop.story.published.v1"),
            ("--subject", subject),
            ("--since", "1h"),
            ("--since", "2999-01-01"),
            ("--limit", "1"),
        )
    }

    assert found == {
        ("--topic", "storyloop.stories"): ["contract_broken", "unreadable"],
        ("--topic", "storyloop.routes"): [],
        ("--reason", "unreadable"): ["unreadable"],
        ("--type", "uk.nhs.storyloop.story.published.v1"): ["contract_broken"],
        ("--subject", subject): ["contract_broken"],
        ("--since", "1h"): ["contract_broken", "unreadable"],
        ("--since", "2999-01-01"): [],
        ("--limit", "1"): ["contract_broken"],
    }


async def test_peoples_words_are_shown_only_when_they_are_asked_for_and_that_is_logged(responder: Database) -> None:
    fact = broken()
    await hear("responder", responder, fact)
    place = (fact.topic, fact.partition, fact.offset)

    with capture_logs() as lines:
        closed, closed_json = (
            await command(responder, "show", *place),
            await command(responder, "show", *place, "--json"),
        )
        unseen = [line["event"] for line in lines]
        opened = await command(responder, "show", *place, "--reveal", "--json")

    assert STORY_TEXT not in closed.stdout + closed_json.stdout
    assert "ce_type" in closed.stdout
    assert opened.json[0]["value"] == '{"story": "' + STORY_TEXT + '"}'
    assert ["ce_type", "uk.nhs.storyloop.story.published.v1"] in opened.json[0]["headers"]
    assert (unseen, [line["event"] for line in lines]) == ([], ["parked.revealed"])


async def test_bytes_that_are_not_text_are_shown_as_base64_and_never_steer_the_terminal(responder: Database) -> None:
    binary, steering = unreadable(), record("storyloop.stories", b"\x1b[2Jgone", {})
    await hear("responder", responder, binary, steering)

    with capture_logs():
        as_json = await command(responder, "show", binary.topic, 0, binary.offset, "--reveal", "--json")
        as_table = await command(responder, "show", steering.topic, 0, steering.offset, "--reveal")

    assert as_json.json[0]["value"] == {"base64": "/wA="}
    assert "\x1b" not in as_table.stdout
    assert r"\x1b[2Jgone" in as_table.stdout


# --- marking --------------------------------------------------------------------------------------


async def test_a_mark_keeps_who_and_why_and_leaves_an_audit_line(responder: Database) -> None:
    fact = broken()
    await hear("responder", responder, fact)

    with capture_logs() as lines:
        answer = await command(responder, "redrive", "--parked-for", "contract_broken", *WHO, "--json")

    rows = await fetch(responder, "SELECT mark, marked_by, mark_reason, marked_at IS NOT NULL AS dated FROM parked")
    assert (answer.code, [tuple(row) for row in rows]) == (0, [("redrive", "On call", "mended in 1.4.2", True)])
    assert [(line["event"], line["by"], line["why"], line["rows"]) for line in lines] == [
        ("parked.marked", "On call", "mended in 1.4.2", 1)
    ]


async def test_a_dry_run_shows_the_rows_and_marks_none(responder: Database) -> None:
    await hear("responder", responder, broken())

    with capture_logs() as lines:
        answer = await command(responder, "discard", "--topic", "storyloop.stories", *WHO, "--dry-run", "--json")

    assert (answer.code, len(answer.json), await marks(responder), lines) == (0, 1, [None], [])


async def test_a_limit_marks_the_oldest(responder: Database) -> None:
    await hear("responder", responder, broken())
    await hear("responder", responder, broken())

    await command(responder, "redrive", "--topic", "storyloop.stories", *WHO, "--limit", 1)

    assert await marks(responder) == ["redrive", None]


async def test_filters_leave_discarded_rows_alone_and_a_place_brings_one_back(responder: Database) -> None:
    fact = broken()
    await hear("responder", responder, fact)
    await command(responder, "discard", "--topic", fact.topic, *WHO)

    by_filter = await command(responder, "redrive", "--topic", fact.topic, *WHO)
    discarded = await marks(responder)
    by_place = await command(responder, "redrive", fact.topic, fact.partition, fact.offset, *WHO)

    assert (by_filter.code, discarded) == (1, ["discarded"])
    assert (by_place.code, await marks(responder)) == (0, ["redrive"])


async def test_a_discarded_row_keeps_its_bytes_and_is_not_taken_up_again(responder: Database) -> None:
    fact = broken()
    await hear("responder", responder, fact)

    await command(responder, "discard", fact.topic, fact.partition, fact.offset, *WHO)
    await jobs("responder", responder).redrive()

    rows = await fetch(responder, "SELECT mark, value FROM parked")
    assert [tuple(row) for row in rows] == [("discarded", fact.value)]


# --- exit codes -----------------------------------------------------------------------------------


async def test_exit_codes_tell_scripts_what_happened(responder: Database) -> None:
    away = "postgresql://nobody@127.0.0.1:9/none"

    codes = {
        words: (await command(database, *words)).code
        for database, *words_ in (
            (responder, "list", "--json"),
            (responder, "show", "storyloop.stories", "0", "1"),
            (responder, "redrive", "--topic", "storyloop.stories", *WHO),
            (responder, "redrive", *WHO),
            (responder, "redrive", "storyloop.stories", *WHO),
            (responder, "redrive", "--topic", "storyloop.stories"),
            (responder, "discard", "--topic", "a", "--by", " ", "--reason", "b"),
            (responder, "list", "--since", "yesterday"),
            (away, "list"),
        )
        for words in [tuple(words_)]
    }

    assert list(codes.values()) == [1, 1, 1, 2, 2, 2, 2, 2, 3]


async def test_as_a_program_it_keeps_its_audit_line_out_of_its_json(responder: Database) -> None:
    fact = broken()
    await hear("responder", responder, fact)
    words = ("-m", "shared.parked", "redrive", "--topic", fact.topic, *WHO, "--json", "--postgres", responder.dsn)

    process = await asyncio.create_subprocess_exec(
        sys.executable, *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    stdout, stderr = await process.communicate()

    assert (process.returncode, orjson.loads(stdout)[0]["mark"]) == (0, "redrive")
    assert orjson.loads(stderr)["event"] == "parked.marked"


# --- what the running service then does -----------------------------------------------------------


async def state_of(database: Database, story: UUID) -> list[tuple[Any, ...]]:
    """What is kept of a story, without what differs between any two stories."""
    rows = await fetch(
        database,
        """
        SELECT state, published - 'story', story.term, story.sequence, team, opened_at IS NOT NULL,
               (SELECT count(*) FROM timer WHERE subject = 'story/' || story.story)
          FROM responder.story LEFT JOIN responder.team_case USING (story)
         WHERE story.story = $1
        """,
        story,
    )
    return [tuple(row) for row in rows]


async def test_after_a_fix_a_redriven_event_gives_the_state_of_a_healthy_run(responder: Database) -> None:
    healthy, late = story_published(), story_published()
    await hear("responder", responder, healthy, story_routed(healthy.story))
    await deploy_bug(responder)
    await hear("responder", responder, late, story_routed(late.story))
    reasons = await column(responder, "SELECT reason FROM parked")
    await deploy_fix(responder)

    await command(responder, "redrive", "--parked-for", "handler_failed", *WHO)
    await jobs("responder", responder).redrive()

    assert reasons == ["handler_failed"]
    assert await state_of(responder, late.story) == await state_of(responder, healthy.story)
    assert await marks(responder) == []


async def test_every_other_row_of_the_same_event_goes_with_a_redriven_one(responder: Database) -> None:
    story = story_published()
    await deploy_bug(responder)
    first = said(story, id_="same-event", number=None)
    second = said(story, id_="same-event", number=None)
    await hear("responder", responder, first, second)
    parked_before = await marks(responder)
    await deploy_fix(responder)

    await command(responder, "redrive", first.topic, first.partition, first.offset, *WHO)
    await jobs("responder", responder).redrive()

    assert (parked_before, await marks(responder)) == ([None, None], [])


async def test_parked_rows_of_an_erased_story_go_with_the_erasure(responder: Database) -> None:
    erased, other = story_published(), story_published()
    await deploy_bug(responder)
    await hear("responder", responder, erased, other)

    await hear("responder", responder, story_erased(erased.story))

    assert await column(responder, "SELECT subject FROM parked") == [other.subject]


async def test_an_event_redriven_after_a_newer_one_was_heard_does_not_overwrite_it(responder: Database) -> None:
    first = story_published()
    await deploy_bug(responder)
    await hear("responder", responder, first)
    await deploy_fix(responder)
    await hear("responder", responder, story_published(first.story, revision=2))

    await command(responder, "redrive", "--subject", first.subject, *WHO)
    await jobs("responder", responder).redrive()

    assert await column(responder, "SELECT published ->> 'revision' FROM responder.story") == ["2"]
    assert await marks(responder) == []


async def test_a_redriven_record_that_is_still_unreadable_stays_parked_with_its_mark_off(responder: Database) -> None:
    await hear("responder", responder, unreadable())

    await command(responder, "redrive", "--parked-for", "unreadable", *WHO)
    await jobs("responder", responder).redrive()

    rows = await fetch(responder, "SELECT reason, mark, marked_by, value FROM parked")
    assert [tuple(row) for row in rows] == [("unreadable", None, None, b"\xff\x00")]
