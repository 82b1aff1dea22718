"""More is asked than there are connections: callers are told to come back, and it goes on as soon as one is free."""

from deploy.local.system import Databases
from shared.database import Database
from tests.service import STAFF, open_pages


async def test_while_every_connection_is_taken_callers_are_told_when_to_come_back(databases: Databases) -> None:
    database = await Database.connect(databases.dsns["router"], application="test", size=1)
    async with open_pages("router", database) as pages:
        async with database.connection():
            refused = await pages.get("/organisations/NOWHERE", headers=STAFF)
        answered = await pages.get("/organisations/NOWHERE", headers=STAFF)
    await database.close()

    assert (refused.status_code, refused.json()["reason"], refused.headers["retry-after"]) == (503, "try_again", "2")
    assert answered.status_code == 404
