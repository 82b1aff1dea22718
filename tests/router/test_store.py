"""What router's SQL says of the directory."""

from services.router import store
from services.router.rules import Organisation
from shared.database import Database
from tests.router.directory import ORGANISATIONS, SUBSCRIPTIONS, files, put_in_place


async def test_only_the_nodes_above_a_service_and_those_of_its_listeners_are_fetched(database: Database) -> None:
    await put_in_place(database, files(subscriptions=(*SUBSCRIPTIONS, ("S4", "T3", "W1"))))

    async with database.connection() as connection:
        directory = await store.directory_for(connection, ["W1"])

    assert set(directory.organisations) == {"W1", "SITE1", "TRUST1", "C1"}
    assert [one.code for one in directory.subscriptions if one.scope in {"W1", "SITE1", "TRUST1"}] == ["S1", "S2", "S4"]


async def test_a_first_load_announces_everything_and_closes_version_one(database: Database) -> None:
    news = await put_in_place(database, files())

    assert news == ["organisation.listed.v1"] * 6 + ["team.listed.v1"] * 3 + ["directory.released.v1"]
    async with database.connection() as connection:
        assert await store.version(connection) == 1


async def test_a_second_load_of_the_same_files_announces_nothing(database: Database) -> None:
    await put_in_place(database, files())

    assert await put_in_place(database, files()) == []
    async with database.connection() as connection:
        assert await store.version(connection) == 1


async def test_only_what_differs_is_announced(database: Database) -> None:
    await put_in_place(database, files())
    renamed = Organisation("LONE", "Lone surgery", "practice", None)
    changed = tuple(renamed if one.code == "LONE" else one for one in ORGANISATIONS)

    assert await put_in_place(database, files(organisations=changed)) == [
        "organisation.listed.v1",
        "directory.released.v1",
    ]


async def test_a_node_that_is_gone_is_announced_as_closed(database: Database) -> None:
    await put_in_place(database, files())
    left = tuple(one for one in ORGANISATIONS if one.code != "LONE")

    assert await put_in_place(database, files(organisations=left)) == [
        "organisation.closed.v1",
        "directory.released.v1",
    ]


async def test_a_subscription_alone_makes_a_version_of_its_own(database: Database) -> None:
    await put_in_place(database, files())

    news = await put_in_place(database, files(subscriptions=(*SUBSCRIPTIONS, ("S9", "T1", "LONE"))))

    assert news == ["directory.released.v1"]
    async with database.connection() as connection:
        assert await store.version(connection) == 2
