"""Directories to draw from: a small tree that can change its shape, and any of a few subscriptions."""

from hypothesis import strategies as st

from services.intake import store
from services.intake.rules import Publisher
from services.router import load as loading
from services.router.rules import Files, Organisation, Team
from shared.database import Database
from shared.work import on_threads
from tests.model.matcher import Tree
from tests.service import home_of

__all__ = ["SOME_SERVICES", "TREES", "Tree", "load", "register"]

ABOVE = {"TRUST1": "", "SITE1": "TRUST1", "W1": "SITE1", "W2": "SITE1", "C1": "TRUST1", "LONE": ""}
SUBSCRIPTIONS = (
    ("S0", "T2", "W1"),
    ("S1", "T1", "W1"),
    ("S2", "T2", "TRUST1"),
    ("S3", "T3", "C1"),
    ("S4", "T4", "W2"),
    ("S5", "T1", "SITE1"),
    ("S6", "T3", "W2"),
)
TEAMS = {"T1": "W1", "T2": "TRUST1", "T3": "C1", "T4": "LONE"}
SOME_SERVICES = st.lists(st.sampled_from(["W1", "W2", "C1", "LONE", "GONE"]), min_size=1, max_size=3, unique=True)
TREES = st.builds(
    lambda site, chosen: Tree(ABOVE | {"W2": site}, tuple(sorted(chosen))),
    st.sampled_from(["SITE1", "TRUST1"]),
    st.sets(st.sampled_from(SUBSCRIPTIONS), min_size=1),
)


async def load(database: Database, tree: Tree) -> None:
    """Puts a tree in place, as the command does."""
    nodes = {code: Organisation(code, f"Name of {code}", "service", up or None) for code, up in tree.parents.items()}
    teams = {code: Team(code, f"Team {code}", place) for code, place in TEAMS.items()}
    files = Files(nodes, teams, list(tree.subscriptions))
    await on_threads(home_of("router", database), ["directory/all"], lambda work: loading.load(files, work))


async def register(database: Database) -> None:
    """Two publishers: one whose stories wait for a moderator, one that moderates."""
    async with database.transaction() as connection:
        for name, trusted in (("surveys", False), ("trusted", True)):
            publisher = Publisher(name, frozenset({"/surveys/wards"}), frozenset({"*"}), trusted)
            await store.save_publisher(connection, publisher, None)
