"""What the entrance announces: numbered 1, 2, 3 … for each subject, in the connection's term, for what survived."""

from collections.abc import AsyncIterator

import pytest

from deploy.local.system import Databases
from shared.database import Database, term_of
from shared.ids import new_id
from shared.topics import Lane
from tests.factories import story_erased
from tests.records import told
from tests.service import column, execute
from tests.shared.keeper import Keeper, published

A, B = new_id(), new_id()


@pytest.fixture
async def keeper(databases: Databases) -> AsyncIterator[Keeper]:
    """The small service on a fresh database, with one connection, whose term is known."""
    database = await Database.connect(databases.dsns["router"], application="test", size=1)
    one = Keeper(database)
    await one.prepare()
    yield one
    await database.close()


async def term(keeper: Keeper) -> int:
    """The term of the one connection."""
    async with keeper.database.connection() as connection:
        return term_of(connection)


async def test_announcements_are_numbered_for_each_subject_in_the_connections_term(keeper: Keeper) -> None:
    now = await term(keeper)

    await keeper.hear(published(A, "one", 1), published(B, "one", 1), published(A, "two", 2))
    await keeper.hear(published(A, "three", 3))

    assert await keeper.announced() == [
        ("unheard", f"story/{A}", now, 1),
        ("unheard", f"story/{B}", now, 1),
        ("unheard", f"story/{A}", now, 2),
        ("unheard", f"story/{A}", now, 3),
    ]


async def test_a_term_is_the_second_at_which_the_database_opened_the_connection(keeper: Keeper) -> None:
    [opened] = await column(
        keeper.database, "SELECT extract(epoch FROM backend_start) FROM pg_stat_activity WHERE pid = pg_backend_pid()"
    )

    assert 0 <= await term(keeper) - int(opened) <= 2


async def test_a_threads_term_is_never_lowered(keeper: Keeper) -> None:
    later = await term(keeper) + 1_000
    await execute(
        keeper.database, "INSERT INTO thread (subject, term, announced) VALUES ($1, $2, 7)", f"story/{A}", later
    )

    await keeper.hear(published(A, "one", 1), published(B, "one", 1))

    assert [(term, number) for *_, term, number in await keeper.announced()] == [(later, 8), (await term(keeper), 1)]


async def test_a_new_connection_speaks_in_a_higher_term_and_goes_on_counting(keeper: Keeper) -> None:
    await execute(keeper.database, "INSERT INTO thread (subject, term, announced) VALUES ($1, 1000, 7)", f"story/{A}")

    await keeper.hear(published(A, "one", 1))

    assert await keeper.announced() == [("unheard", f"story/{A}", await term(keeper), 8)]


async def test_numbers_have_no_hole_where_an_announcement_was_dropped(keeper: Keeper) -> None:
    await keeper.hear(published(A, "one", 1), published(A, "bug", 2), published(A, "three", 3))

    assert await keeper.about() == [(f"story/{A}", 1), (f"story/{A}", 2)]
    assert await keeper.kept() == ["one", "three"]


async def test_who_speaks_of_another_subject_begins_again_with_its_thread(keeper: Keeper) -> None:
    await keeper.hear(published(A, "first", 1), published(A, f"about {B}", 2))

    assert keeper.calls == [("keep", 2), ("keep", 2)]
    assert await keeper.kept() == ["first", f"about {B}"]
    assert await keeper.about() == [(f"story/{A}", 1), (f"story/{A}", 2), (f"story/{B}", 1)]


async def test_an_announcement_that_is_too_large_parks_only_its_own_cause(keeper: Keeper) -> None:
    await keeper.hear(published(A, "one", 1), published(B, "too large", 1), published(A, "two", 2))

    assert await keeper.kept() == ["one", "two"]
    assert [reason for reason, _ in await keeper.parked()] == ["handler_failed"]
    assert await keeper.about() == [(f"story/{A}", 1), (f"story/{A}", 2)]


async def test_an_announcement_carries_its_cause_and_the_journey(keeper: Keeper) -> None:
    trace = f"00-{'a' * 32}-{'b' * 16}-01"

    await keeper.hear(published(A, "one", 1, id_="cause-1", correlationid="journey-1", traceparent=trace))

    [headers] = await keeper.headers()
    assert {name: headers[f"ce_{name}"] for name in ("causationid", "correlationid", "traceparent", "source")} == {
        "causationid": "cause-1",
        "correlationid": "journey-1",
        "traceparent": trace,
        "source": "/storyloop/router",
    }


async def test_a_commit_wakes_the_relay_and_a_batch_that_failed_does_not(keeper: Keeper) -> None:
    woken = []
    keeper.home.committed = lambda lanes: woken.append(set(lanes))

    keeper.troubles = 1
    with pytest.raises(Exception, match="deadlock"):
        await keeper.hear(published(A, "one", 1))
    assert woken == []

    await keeper.hear(published(A, "one", 1))
    assert woken == [{Lane.LIVE}]


async def test_the_answer_to_an_erasure_is_announced_in_the_erased_thread(keeper: Keeper) -> None:
    await keeper.hear(published(A, "one", 1), told(story_erased(A), "intake", offset=0))

    assert await keeper.announced() == [
        ("unheard", f"story/{A}", await term(keeper), 1),
        ("erased", f"story/{A}", await term(keeper), 2),
    ]
