"""The local issuer, and a browser at a service that believes it."""

from collections.abc import AsyncIterator, Iterator

import pytest

from deploy.local.issuer import LocalIssuer, issuer
from deploy.local.system import Databases
from shared.database import Database
from tests.sign_in.browser import SERVICE, Browser, browsing


@pytest.fixture(scope="session")
def local_issuer() -> Iterator[LocalIssuer]:
    """The provider of the local stack, on a port of its own."""
    with issuer() as it:
        yield it


@pytest.fixture
async def database(databases: Databases) -> AsyncIterator[Database]:
    """The service's own database."""
    database = await Database.connect(databases.dsns[SERVICE], application="test")
    yield database
    await database.close()


@pytest.fixture
async def browser(database: Database, local_issuer: LocalIssuer) -> AsyncIterator[Browser]:
    """A browser that is not signed in."""
    async with browsing(database, local_issuer) as it:
        yield it
