"""A service's real pages on a real port, in a thread of their own, with something to find behind every address."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module

import uvicorn

from deploy.local.issuer import LocalIssuer, issuer
from shared.database import Database
from shared.events import Claim
from shared.http import Desk, make_app
from shared.service import Server
from tests.factories import comment_received, reply_published, story_published, story_received, team_listed
from tests.intake.register import TOKENS, moderate, register, share
from tests.responder.cases import open_case
from tests.router.directory import files, put_in_place
from tests.service import STAFF, believing, hear, home_of, open_pages
from tests.tracker.changes import change_of


@dataclass
class Served:
    """Where the pages are, what they promise, and what is there."""

    address: str
    document: dict[str, object]
    staff: str
    """A token for every role, everywhere."""
    there: dict[str, str]
    """Path parameters that lead to something."""
    tokens: dict[str, str] = field(default_factory=dict)
    """Path -> the bearer token that opens it; all others are opened by staff's."""

    def sign_in(self, path: str) -> dict[str, str]:
        """The header that opens an address."""
        token = next((token for start, token in self.tokens.items() if path.startswith(start)), None)
        return {"Authorization": f"Bearer {token or self.staff}"}


@contextmanager
def served(service: str, dsn: str) -> Iterator[Served]:
    """The service's application under uvicorn until the block ends."""
    up: list[Served] = []
    started, stop = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    def ready(it: Served) -> None:
        up.append(it)
        started.set()

    def run() -> None:
        try:
            with issuer() as it:
                loop.run_until_complete(_serve(service, dsn, it, stop, ready))
        finally:
            started.set()
            loop.close()

    thread = threading.Thread(target=run, name=f"{service} pages")
    thread.start()
    try:
        assert started.wait(60)
        assert up, f"the pages of {service} did not start"
        yield up[0]
    finally:
        if not loop.is_closed():
            loop.call_soon_threadsafe(stop.set)
        thread.join(20)


async def _serve(service: str, dsn: str, it: LocalIssuer, stop: asyncio.Event, ready: Callable[[Served], None]) -> None:
    database = await Database.connect(dsn, application="fuzz", size=4)
    home = home_of(service, database, **believing(it, it.register(service, f"https://{service}.storyloop.test")))
    app = make_app(Desk(home, ready=True), import_module(f"services.{service}.web").pages)
    there, tokens = await FILLED[service](database)
    server = Server(uvicorn.Config(app, "127.0.0.1", 0, log_config=None, access_log=False, lifespan="off"))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    ready(Served(f"http://127.0.0.1:{port}", app.openapi(), it.access_token("everybody"), there, tokens))
    await stop.wait()
    server.should_exit = True
    await serving
    await database.close()


Filled = tuple[dict[str, str], dict[str, str]]


async def _intake(database: Database) -> Filled:
    """A story that waits, one that is published, and their publisher."""
    await register(database)
    async with open_pages("intake", database) as pages:
        waiting, _ = await share(pages)
        published, link = await share(pages)
        await moderate(pages, published, "approval")
    token = link["Authorization"].removeprefix("Bearer ")
    return {"story": str(waiting)}, {"/my-story": token, "/events": TOKENS["trusted"]}


async def _router(database: Database) -> Filled:
    await put_in_place(database, files())
    story = story_published()
    await hear("router", database, story)
    return {"story": str(story.story), "code": "SITE1"}, {}


async def _responder(database: Database) -> Filled:
    story = await open_case(database)
    await hear("responder", database, comment_received(), team_listed("T1"))
    async with open_pages("responder", database) as pages:
        robin = {"person": "robin@example.org", "name": "Robin Example", "role": "responder", "team": "T1"}
        added = await pages.post("/organisations/TRUST1/members", json=robin, headers=STAFF)
    there = {"story": str(story), "team": "T1", "service": "W1"}
    return there | {"organisation": "TRUST1", "member": added.json()["id"]}, {}


async def _tracker(database: Database) -> Filled:
    reply = reply_published(claim=Claim.PLANNED)
    await hear("tracker", database, story_received(reply.story), reply, comment_received())
    return {"story": str(reply.story), "change": str(change_of(reply)), "service": "W1"}, {}


FILLED: dict[str, Callable[[Database], Awaitable[Filled]]] = {
    "intake": _intake,
    "router": _router,
    "responder": _responder,
    "tracker": _tracker,
}
