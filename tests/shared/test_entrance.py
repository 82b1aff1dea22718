"""The entrance: each fact counts once and in order, and what cannot be accepted is parked as it came."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from shared import parking
from shared.database import Database
from shared.hearing import Arrival, Outcome
from shared.ids import new_id
from shared.parking import ParkedRecord
from tests.factories import story_erased, story_published, story_received, story_withdrawn
from tests.records import told
from tests.service import column, fetch
from tests.shared.keeper import TOPIC, Keeper, published

A, B = new_id(), new_id()


@pytest.fixture
async def keeper(router_database: Database) -> AsyncIterator[Keeper]:
    """The small service on a fresh database."""
    one = Keeper(router_database)
    await one.prepare()
    yield one


def outcomes(arrivals: list[Arrival]) -> list[str]:
    return [str(one.outcome) for one in arrivals]


async def heard(keeper: Keeper) -> dict[str, Any]:
    """What threads say was heard, by subject."""
    return {row["subject"]: row["heard"] for row in await fetch(keeper.database, "SELECT subject, heard FROM thread")}


def names(lines: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """(name, level) of log lines but the one for each event."""
    return [(line["event"], line["log_level"]) for line in lines if line["event"] != "event.heard"]


# --- once, in order -------------------------------------------------------------------------------


async def test_a_fact_told_twice_is_handled_once(keeper: Keeper) -> None:
    fact = published(A, "one", 1)
    again = replace(fact, offset=fact.offset + 1)

    assert outcomes(await keeper.hear(fact)) == ["handled"]
    assert outcomes(await keeper.hear(again)) == ["repeated"]

    assert await keeper.kept() == ["one"]


async def test_a_repeat_inside_the_batch_is_dropped_too(keeper: Keeper) -> None:
    first, second = published(A, "one", 1), published(A, "two", 2)
    repeats = [replace(first, offset=second.offset + 1), replace(second, offset=second.offset + 2)]

    arrivals = await keeper.hear(first, second, *repeats)

    assert outcomes(arrivals) == ["handled", "handled", "repeated", "repeated"]
    assert await keeper.kept() == ["one", "two"]


async def test_a_gap_is_handled_and_logged_loudly(keeper: Keeper) -> None:
    await keeper.hear(published(A, "one", 1))

    lines = await keeper.hear_logged(published(A, "three", 3))

    assert names(lines) == [("sequence.gap", "warning")]
    assert [(line["subject"], line["sequence"]) for line in lines] == [(f"story/{A}", 3)] * 2
    assert await keeper.kept() == ["one", "three"]


async def test_an_older_number_is_dropped(keeper: Keeper) -> None:
    await keeper.hear(published(A, "three", 3))

    assert outcomes(await keeper.hear(published(A, "two", 2), published(B, "other", 1))) == ["repeated", "handled"]

    assert await keeper.kept() == ["three", "other"]


async def test_a_higher_term_is_taken_even_with_a_lower_number(keeper: Keeper) -> None:
    await keeper.hear(published(A, "one", 1), published(A, "two", 2))

    lines = await keeper.hear_logged(published(A, "set back", 1, term=2))

    assert names(lines) == [("announcer.went_back", "warning")]
    assert await keeper.kept() == ["one", "two", "set back"]
    assert await heard(keeper) == {f"story/{A}": {"/storyloop/intake": [2, 1]}}


async def test_whatever_becomes_of_a_fact_it_counts_as_heard(keeper: Keeper) -> None:
    of_no_interest = told(story_received(A), "intake", number=(1, 1))
    broken = replace(published(A, "two", 2), value=b"{}")
    unknown = told(story_published(A), "intake", number=(1, 3), type="uk.nhs.storyloop.story.sung.v1")

    lines = await keeper.hear_logged(of_no_interest, broken, unknown, published(A, "four", 4))

    assert names(lines) == [("event.parked", "warning")]
    assert [line["outcome"] for line in lines if "outcome" in line] == ["skipped", "parked", "skipped", "handled"]
    assert await heard(keeper) == {f"story/{A}": {"/storyloop/intake": [1, 4]}}


async def test_neighbours_are_handled_in_one_call(keeper: Keeper) -> None:
    records = [published(new_id(), f"story {number}", 1) for number in range(20)]

    await keeper.hear(*records, published(A, "last", 1), told(story_withdrawn(A), "intake", number=(1, 2)))

    assert keeper.calls == [("keep", 21), ("withdraw", 1)]


# --- parked as it came ----------------------------------------------------------------------------


BAD = {
    "contract_broken": replace(published(A, "bad", 1), value=b'{"title": "\xff"}'),
    "no_value": replace(published(A, "bad", 1), value=None),
    "unknown_version": told(story_published(A), "intake", number=(1, 1), type="uk.nhs.storyloop.story.published.v2"),
    "unreadable": ParkedRecord(TOPIC, 0, 0, 5, None, None, [("ce_id", None), ("ce_id", b"\xff"), ("", b"")]),
    "bad_name": replace(published(A, "bad", 1), headers=[("x-\udcff\udcfe", b"\x00"), ("ä", None)]),
    "nhs_number": told(story_published(A), "intake", id_="9990000018"),
}


@pytest.mark.parametrize("name", BAD)
async def test_what_cannot_be_accepted_is_parked_byte_for_byte_and_the_rest_goes_on(keeper: Keeper, name: str) -> None:
    good = published(B, "good", 1)
    bad = replace(BAD[name], offset=good.offset - 1, headers=[*BAD[name].headers, ("x-null", None), ("x", b"\x00\xff")])

    arrivals = await keeper.hear(bad, good)

    assert outcomes(arrivals) == ["parked", "handled"]
    assert await keeper.kept() == ["good"]
    assert await stored(keeper) == [(bad, arrivals[0].reason)]
    assert arrivals[0].reason == {"no_value": "contract_broken", "bad_name": "unreadable"}.get(
        name, "unreadable" if name == "nhs_number" else name
    )


async def stored(keeper: Keeper) -> list[tuple[ParkedRecord, str]]:
    """Parked rows as records again."""
    rows = await fetch(keeper.database, 'SELECT * FROM parked ORDER BY topic, partition, "offset"')
    return [
        (
            ParkedRecord(
                row["topic"],
                row["partition"],
                row["offset"],
                row["timestamp"],
                row["key"],
                row["value"],
                parking.unpack(row["headers"]),
            ),
            row["reason"],
        )
        for row in rows
    ]


async def test_a_parked_fact_says_what_is_wrong_and_no_word_of_what_stood_there(keeper: Keeper) -> None:
    words = "Mrs Invented of 1 High Street"
    value = story_published(A).model_dump_json().replace('"revision":1', f'"revision":"{words}"').encode()

    lines = await keeper.hear_logged(replace(published(A, "bad", 1), value=value))

    assert [reason for reason, _ in await keeper.parked()] == ["contract_broken"]
    assert (await keeper.parked())[0][1].startswith("revision: ")
    assert words not in str(lines)


# --- erasure --------------------------------------------------------------------------------------


async def test_an_erased_storys_facts_reach_no_handler_also_in_the_same_batch(keeper: Keeper) -> None:
    before, after = published(A, "before", 1), published(A, "after", 2)
    erasure = told(story_erased(A), "intake", offset=before.offset)

    arrivals = await keeper.hear(before, erasure, after)
    later = await keeper.hear(published(A, "later", 3))

    assert outcomes([*arrivals, *later]) == ["handled", "handled", "erased", "erased"]
    assert await keeper.kept() == []
    assert keeper.calls == [("keep", 1), ("forget", 1)]
    assert await column(keeper.database, "SELECT subject FROM thread WHERE erased_at IS NOT NULL") == [f"story/{A}"]


async def test_a_broken_fact_of_an_erased_story_is_not_even_parked(keeper: Keeper) -> None:
    await keeper.hear(told(story_erased(A), "intake"))

    assert outcomes(await keeper.hear(replace(published(A, "bad", 1), value=b"{}"))) == ["erased"]

    assert await keeper.parked() == []


async def test_an_erasure_that_comes_again_is_a_repeat_and_keeps_the_first_moment(keeper: Keeper) -> None:
    moment = "SELECT erased_at FROM thread"
    await keeper.hear(told(story_erased(A), "intake"))
    first = await column(keeper.database, moment)

    again = await keeper.hear(told(story_erased(A), "intake"))

    assert again[0].outcome is Outcome.REPEATED
    assert await column(keeper.database, moment) == first
