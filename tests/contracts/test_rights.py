"""Every endpoint, role and place: nobody gets what is not theirs, nor can tell it from what is not there."""

from collections.abc import Awaitable, Callable, Iterator
from importlib import import_module
from itertools import product

import httpx
import pytest
from fastapi.routing import RouteContext, iter_route_contexts

from deploy.local.system import SERVICES, Databases
from services.router.rules import Organisation, Team
from shared.database import Database
from shared.events import Claim, OrganisationClosed, OrganisationKind, OrganisationListed
from shared.http import Desk, make_app
from shared.sign_in.principal import Grant, MemberRole, Principal
from shared.sign_in.rights import Action, Thing, may, might, reach
from tests.contracts.rights import AN_ASSET, BY_LINK, BY_PUBLISHER, EVERY_ROLE, OPEN, PLACES, TABLE, Right
from tests.factories import (
    comment_received,
    reply_published,
    story_published,
    story_received,
    story_routed,
    team_listed,
)
from tests.intake.register import share
from tests.responder.cases import open_case
from tests.router.directory import files, put_in_place
from tests.service import column, hear, home_of, open_pages, sign_in_as
from tests.tracker.changes import change_of

TREE = (("REGION", None), ("TRUST1", "REGION"), ("SITE1", "TRUST1"), ("W1", "SITE1"), ("BAY1", "W1"), ("FAR", None))
There = dict[str, str]


def listed(code: str, parent: str | None) -> OrganisationListed:
    """A node of the tree."""
    return OrganisationListed(organisation=code, name=code, kind=OrganisationKind.TRUST, parent=parent)


async def _intake(database: Database) -> There:
    await hear("intake", database, *(listed(*one) for one in TREE))
    async with open_pages("intake", database) as pages:
        story, _ = await share(pages)
    return {"story": str(story)}


async def _router(database: Database) -> There:
    nodes = tuple(Organisation(code, code, "trust", parent) for code, parent in TREE)
    await put_in_place(database, files(nodes, (Team("T1", "Ward team", "TRUST1"),), (("S1", "T1", "W1"),)))
    story = story_published()
    await hear("router", database, story)
    return {"story": str(story.story), "code": "SITE1"}


async def _responder(database: Database) -> There:
    await hear("responder", database, *(listed(*one) for one in TREE), team_listed(), comment_received())
    async with open_pages("responder", database) as pages:
        written = {"person": "robin@example.org", "name": "Robin", "role": "responder"}
        added = await pages.post("/organisations/TRUST1/members", json=written, headers=sign_in_as("administrator@*"))
    story = str(await open_case(database))
    return {
        "story": story,
        "team": "T1",
        "service": "W1",
        "organisation": "TRUST1",
        "member": added.json()["id"],
        "what": "freeze",
    }


async def _tracker(database: Database) -> There:
    await hear("tracker", database, *(listed(*one) for one in TREE), comment_received())
    reply = reply_published(claim=Claim.PLANNED)
    await hear("tracker", database, story_received(reply.story), story_routed(reply.story), reply)
    return {"story": str(reply.story), "change": str(change_of(reply)), "service": "W1"}


FILLED: dict[str, Callable[[Database], Awaitable[There]]] = {
    "intake": _intake,
    "router": _router,
    "responder": _responder,
    "tracker": _tracker,
}


@pytest.mark.parametrize("service", SERVICES)
async def test_the_table_names_every_endpoint_of_the_service_and_no_other(service: str, databases: Databases) -> None:
    database = await Database.connect(databases.dsns[service], application="test")
    app = make_app(Desk(home_of(service, database)), import_module(f"services.{service}.web").pages)
    await database.close()

    served = {f"{method} {route.path_format}" for route in iter_route_contexts(app.routes) for method in methods(route)}

    assert set(TABLE[service]) == served


def methods(route: RouteContext) -> set[str]:
    """What a route answers to; one that has no methods (a mount, a socket) is named as such, and stands in no table."""
    return (route.methods or {f"ANY ({type(route.route).__name__})"}) - {"HEAD"}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("service", SERVICES)
async def test_nobody_gets_what_is_not_theirs_nor_learns_that_it_is_there(service: str, databases: Databases) -> None:
    database = await Database.connect(databases.dsns[service], application="test")
    there = await FILLED[service](database)
    wrong = []
    async with open_pages(service, database) as pages:
        for endpoint, right in TABLE[service].items():
            if isinstance(right, Right):
                for role, place in product(sorted(EVERY_ROLE), PLACES):
                    said = await judge(pages, endpoint, right, there, role, place)
                    wrong += [f"{endpoint} as {role} {place}: {said}"] if said else []
    refused = await column(database, "SELECT count(*) FROM audit WHERE event = 'authz_fail'")
    await database.close()

    assert wrong == []
    assert refused > [10], "every refusal is written down"


async def judge(
    pages: httpx.AsyncClient, endpoint: str, right: Right, there: There, role: str, place: str
) -> str | None:
    """What is wrong with the answer to this role held there; None if nothing is."""
    answer = await ask(pages, endpoint, right, there, role, place)
    if role not in right.roles:
        return None if answer.status_code == right.others else f"{answer.status_code}, not {right.others}"
    theirs = place in right.places
    if right.shows:
        shown = right.shows.format(**there) in answer.text
        return None if (answer.status_code, shown) == (200, theirs) else f"{answer.status_code}, shown: {shown}"
    if theirs:
        return None if answer.status_code in {200, 201, 409, 412} else f"{answer.status_code}, not allowed"
    nothing = await ask(pages, endpoint, right, there | dict(right.missing), role, place)
    same = (answer.status_code, answer.content) == (nothing.status_code, nothing.content)
    return None if answer.status_code == 404 and same else f"{answer.status_code} {answer.text}, or {nothing.text}"


async def ask(
    pages: httpx.AsyncClient, endpoint: str, right: Right, there: There, role: str, place: str
) -> httpx.Response:
    """One request by somebody who holds this role there."""
    method, _, path = endpoint.partition(" ")
    who = sign_in_as(f"{role}@{PLACES[place]}", sub=f"{role} {place}")
    return await send(pages, method, path.format(**there), right.body, who)


async def send(
    pages: httpx.AsyncClient, method: str, path: str, body: object, headers: dict[str, str]
) -> httpx.Response:
    """One request with JSON or with a file of CSV, as if what it changes was read before."""
    told = {"If-Match": '"as it was"'} | headers
    if isinstance(body, str):
        return await pages.request(method, path, content=body, headers=told | {"Content-Type": "text/csv"})
    return await pages.request(method, path, json=body, headers=told)


@pytest.mark.parametrize("service", SERVICES)
async def test_without_signing_in_only_what_is_open_is_open(service: str, databases: Databases) -> None:
    database = await Database.connect(databases.dsns[service], application="test")
    there = await FILLED[service](database)
    async with open_pages(service, database) as pages:
        for endpoint, right in TABLE[service].items():
            method, _, path = endpoint.partition(" ")
            body = right.body if isinstance(right, Right) else {}
            answer = await send(pages, method, path.format(**there, **AN_ASSET), body, {})
            kept = {OPEN: False, BY_LINK: True, BY_PUBLISHER: endpoint != "POST /token"}.get(str(right), True)
            assert (answer.status_code == 401) == kept, (endpoint, answer.status_code)
    await database.close()


async def test_who_is_refused_a_whole_area_or_a_single_thing_is_written_down(databases: Databases) -> None:
    database = await Database.connect(databases.dsns["responder"], application="test")
    there = await FILLED["responder"](database)
    async with open_pages("responder", database) as pages:
        for who, path in (("moderator@*", "/teams"), ("responder@FAR", f"/teams/T1/stories/{there['story']}")):
            await pages.get(path, headers=sign_in_as(who))
    written = await column(database, "SELECT detail FROM audit WHERE event = 'authz_fail' ORDER BY id")
    await database.close()

    assert written == [{"action": "read_inbox", "status": "403"}, {"action": "read_inbox", "status": "404"}]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("service", SERVICES)
async def test_the_audit_says_of_what_is_not_there_exactly_what_it_says_of_what_is_not_theirs(
    service: str, databases: Databases
) -> None:
    database = await Database.connect(databases.dsns[service], application="test")
    there = await FILLED[service](database)
    async with open_pages(service, database) as pages:
        for endpoint, right in TABLE[service].items():
            if isinstance(right, Right) and right.missing:
                role, elsewhere = sorted(right.roles)[0], "foreign" if "foreign" not in right.places else "below"
                nothing = there | dict(right.missing)
                asked = ((there, elsewhere), (nothing, elsewhere), (nothing, "everywhere"))
                written = [await written_of(pages, database, endpoint, right, role, *one) for one in asked]
                a_list = not {"story", "member"} & set(right.missing)  # of nothing it is empty, for who may see all
                assert written == [written[0], written[0], [] if a_list else written[0]], endpoint
                assert len(written[0]) == 1, endpoint
    await database.close()


async def written_of(
    pages: httpx.AsyncClient, database: Database, endpoint: str, right: Right, role: str, where: There, place: str
) -> list[object]:
    """What the audit says of one request more than before, whoever asked."""
    before = await column(database, "SELECT detail FROM audit WHERE event = 'authz_fail' ORDER BY id")
    await ask(pages, endpoint, right, where, role, place)
    return (await column(database, "SELECT detail FROM audit WHERE event = 'authz_fail' ORDER BY id"))[len(before) :]


async def test_an_auditors_grant_in_one_organisation_is_not_one_everywhere(databases: Databases) -> None:
    """Moderators' grants without a place hold everywhere; with one they do not open what is elsewhere."""
    database = await Database.connect(databases.dsns["tracker"], application="test")
    there = await FILLED["tracker"](database)
    async with open_pages("tracker", database) as pages:
        statuses = [
            (await pages.get(f"/stories/{there['story']}", headers=sign_in_as(f"auditor@{place}"))).status_code
            for place in ("*", "FAR")
        ]
    await database.close()

    assert statuses == [200, 404]


async def test_a_closed_organisation_still_belongs_to_those_above_it_and_an_older_fact_changes_nothing(
    databases: Databases,
) -> None:
    database = await Database.connect(databases.dsns["responder"], application="test")
    there = await FILLED["responder"](database)
    await hear("responder", database, OrganisationClosed(organisation="SITE1"))
    async with open_pages("responder", database) as pages:
        path = f"/services/{there['service']}/comments"
        answers = [
            (await pages.get(path, headers=sign_in_as(f"subscriber@{at}"))).status_code for at in ("TRUST1", "FAR")
        ]
    await database.close()

    assert answers == [200, 404]


# --- the pure part ----------------------------------------------------------------------------------


def principals() -> Iterator[Principal]:
    """Everybody with one grant."""
    for role, organisation, team in product(MemberRole, (None, "REGION", "TRUST1", "FAR"), (None, "T1", "T9")):
        if organisation or not team:
            yield Principal("somebody", frozenset({Grant(role, organisation, team)}))


def test_who_may_might_and_lists_agree_with_rights() -> None:
    thing = Thing(within=frozenset({"REGION", "TRUST1"}), team="T1")
    for action, who in product(set(Action) - {Action.MODERATE, Action.READ_DIRECTORY}, principals()):
        where = reach(who, action)
        of_organisation = bool(where.organisations & thing.within)
        of_team = any(organisation in thing.within and team == "T1" for organisation, team in where.teams)
        assert may(who, action, thing) == (where.everywhere or of_organisation or of_team), (action, who)
        assert might(who, action) or not may(who, action, thing)


def test_somebody_without_any_grant_may_nothing() -> None:
    assert [action for action in Action if may(Principal("nobody"), action) or might(Principal("nobody"), action)] == []
