"""A small directory: a trust with one site, two wards and a clinic, and whoever listens there."""

from services.router import load
from services.router.rules import Files, Organisation, Team
from shared.database import Database
from shared.work import on_threads
from tests.service import home_of

ORGANISATIONS = (
    Organisation("TRUST1", "North Trust", "trust", None),
    Organisation("SITE1", "Hill Hospital", "site", "TRUST1"),
    Organisation("W1", "Ward 1", "service", "SITE1"),
    Organisation("W2", "Ward 2", "service", "SITE1"),
    Organisation("C1", "Clinic 1", "service", "TRUST1"),
    Organisation("LONE", "Lone practice", "practice", None),
)
TEAMS = (Team("T1", "Ward team", "W1"), Team("T2", "Patient experience", "TRUST1"), Team("T3", "Clinic team", "C1"))
SUBSCRIPTIONS = (("S1", "T1", "W1"), ("S2", "T2", "TRUST1"), ("S3", "T3", "C1"))


def files(
    organisations: tuple[Organisation, ...] = ORGANISATIONS,
    teams: tuple[Team, ...] = TEAMS,
    subscriptions: tuple[tuple[str, str, str], ...] = SUBSCRIPTIONS,
) -> Files:
    """The directory as its files would say it."""
    return Files({one.code: one for one in organisations}, {one.code: one for one in teams}, subscriptions)


async def put_in_place(database: Database, directory: Files) -> list[str]:
    """Loads a directory; the types that were announced by it."""
    home = home_of("router", database)
    news = await on_threads(home, ["directory/all"], lambda work: load.load(directory, work))
    return [event.type.split(".", 3)[3] for event in news]
