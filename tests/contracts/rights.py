"""The table of rights: every endpoint of every service, and who may do it to what is whose.

What stands here is what the services promise; `test_rights.py` walks it. The tree is REGION > TRUST1 > SITE1 > W1 >
BAY1, beside it FAR; the team is T1 of TRUST1, the story is about W1.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PLACES = {
    "everywhere": "*",
    "above": "REGION",
    "own": "TRUST1",
    "its team": "TRUST1/T1",
    "another team": "TRUST1/T9",
    "same team elsewhere": "FAR/T1",
    "below": "W1",
    "below the service": "BAY1",
    "foreign": "FAR",
}
"""Where a role is held, seen from the team's organisation."""
OF_THE_TEAM = frozenset({"everywhere", "above", "own", "its team"})
OF_THE_ORGANISATION = OF_THE_TEAM - {"its team"}
OF_THE_SERVICE = frozenset({"everywhere", "above", "own", "below"})
UNCONCERNED = frozenset({"everywhere", "foreign", "same team elsewhere"})
ANYWHERE = frozenset(PLACES)

READERS = frozenset({"subscriber", "responder", "administrator"})
REPLIERS = READERS - {"subscriber"}
KEEPERS = frozenset({"administrator"})
MODERATORS = frozenset({"moderator", "senior_moderator"})
LOOKERS = READERS | MODERATORS | {"listener", "auditor"}
EVERY_ROLE = LOOKERS | {"safeguarding", "information_governance"}


@dataclass(frozen=True)
class Right:
    """Who may use an endpoint, and where they must hold their role for it to be theirs."""

    roles: frozenset[str]
    places: frozenset[str]
    body: Mapping[str, Any] | str | None = None
    """JSON, or a file of CSV."""
    shows: str | None = None
    """A list: never refused, but this stands in it only for those whose it is."""
    missing: Mapping[str, str] = field(default_factory=dict)
    """Path parameters of something that does not exist."""
    others: int = 403
    """What other roles are answered; 404 where anybody may do it to what is their own."""


OPEN = "open to all"
BY_LINK = "by the author's private link"
BY_PUBLISHER = "by a publisher's token or signature"
ON_PAGES = "for whoever keeps members; `tests/responder/test_members_pages.py` has who that is"

AN_ASSET = {"fingerprint": "0", "name": "storyloop.css"}
NO_STORY = {"story": "01a20000-0000-7000-8000-000000000001"}
NO_ORGANISATION = {"organisation": "NOWHERE"}
NO_MEMBER = {"member": "01a20000-0000-7000-8000-000000000002"}
MEMBER = {"person": "sam@example.org", "name": "Sam", "role": "subscriber"}
REPLY = {"text": "Thank you.", "signed_name": "Robin", "signed_role": "Nurse"}
SHARED: dict[str, Right | str] = {
    "GET /": OPEN,
    "GET /assets/{fingerprint}/{name}": OPEN,
    "GET /openapi.json": OPEN,
    "GET /sign-in": OPEN,
    "GET /sign-in/back": OPEN,
    "POST /sign-out": OPEN,
    "POST /sign-out/back-channel": OPEN,
    "GET /health/live": OPEN,
    "GET /health/ready": OPEN,
}

TABLE: dict[str, dict[str, Right | str]] = {
    "intake": SHARED
    | {
        "POST /stories": OPEN,
        "GET /my-story": BY_LINK,
        "DELETE /my-story": BY_LINK,
        "POST /my-story/withdrawal": BY_LINK,
        "POST /my-story/verdicts": BY_LINK,
        "POST /events": BY_PUBLISHER,
        "POST /token": BY_PUBLISHER,
        "GET /moderation/stories": Right(MODERATORS, UNCONCERNED, shows="{story}"),
        "POST /moderation/stories/{story}/approval": Right(MODERATORS, UNCONCERNED, {}, missing=NO_STORY),
        "POST /moderation/stories/{story}/rejection": Right(
            MODERATORS, UNCONCERNED, {"reason": "advertising"}, missing=NO_STORY
        ),
    },
    "router": SHARED
    | {
        "GET /stories/{story}/routes": Right(LOOKERS, OF_THE_TEAM, missing=NO_STORY),
        "GET /organisations/{code}": Right(EVERY_ROLE, ANYWHERE),
    },
    "responder": SHARED
    | {
        "GET /teams": Right(READERS | {"listener"}, OF_THE_TEAM, shows='"T1"'),
        "GET /teams/{team}/stories": Right(READERS | {"listener"}, OF_THE_TEAM, missing={"team": "NOWHERE"}),
        "GET /teams/{team}/stories/{story}": Right(READERS | {"listener"}, OF_THE_TEAM, missing=NO_STORY),
        "POST /teams/{team}/stories/{story}/heard": Right(READERS, OF_THE_TEAM, {"role": "Nurse"}, missing=NO_STORY),
        "POST /teams/{team}/stories/{story}/replies": Right(REPLIERS, OF_THE_TEAM, REPLY, missing=NO_STORY),
        "POST /teams/{team}/stories/{story}/declines": Right(REPLIERS, OF_THE_TEAM, {}, missing=NO_STORY),
        "GET /services/{service}/comments": Right(
            READERS | {"listener"}, OF_THE_SERVICE, missing={"service": "NOWHERE"}
        ),
        "GET /organisations/{organisation}/members": Right(KEEPERS, OF_THE_ORGANISATION, missing=NO_ORGANISATION),
        "POST /organisations/{organisation}/members": Right(
            KEEPERS, OF_THE_ORGANISATION, MEMBER, missing=NO_ORGANISATION
        ),
        "GET /organisations/{organisation}/members.csv": Right(KEEPERS, OF_THE_ORGANISATION, missing=NO_ORGANISATION),
        "POST /organisations/{organisation}/members.csv": Right(
            KEEPERS, OF_THE_ORGANISATION, "person,name,role\n", missing=NO_ORGANISATION
        ),
        "GET /organisations/{organisation}/members/{member}": Right(KEEPERS, OF_THE_ORGANISATION, missing=NO_MEMBER),
        "PATCH /organisations/{organisation}/members/{member}": Right(
            KEEPERS, OF_THE_ORGANISATION, {"name": "Robin"}, missing=NO_MEMBER
        ),
        "POST /organisations/{organisation}/members/{member}/freeze": Right(
            KEEPERS, OF_THE_ORGANISATION, missing=NO_MEMBER
        ),
        "GET /members/{organisation}/file": ON_PAGES,
        "POST /members/{organisation}/file/report": ON_PAGES,
        "POST /members/{organisation}/file": ON_PAGES,
        "GET /members": ON_PAGES,
        "GET /members/{organisation}": ON_PAGES,
        "GET /members/{organisation}/new": ON_PAGES,
        "POST /members/{organisation}/new": ON_PAGES,
        "GET /members/{organisation}/{member}": ON_PAGES,
        "GET /members/{organisation}/{member}/change": ON_PAGES,
        "POST /members/{organisation}/{member}/change": ON_PAGES,
        "GET /members/{organisation}/{member}/{what}": ON_PAGES,
        "POST /members/{organisation}/{member}/{what}": ON_PAGES,
        "POST /organisations/{organisation}/members/{member}/unfreeze": Right(
            KEEPERS, OF_THE_ORGANISATION, missing=NO_MEMBER
        ),
        "DELETE /organisations/{organisation}/members/{member}": Right(
            KEEPERS, OF_THE_ORGANISATION, missing=NO_MEMBER, others=404
        ),
    },
    "tracker": SHARED
    | {
        "GET /stories/{story}": Right(LOOKERS, OF_THE_TEAM, missing=NO_STORY),
        "GET /changes": Right(LOOKERS, OF_THE_TEAM, shows="{change}"),
        "POST /stories/{story}/changes/{change}/made": Right(
            REPLIERS, OF_THE_TEAM, {"what": "A sign."}, missing=NO_STORY
        ),
        "GET /services/{service}/comments": Right(LOOKERS, OF_THE_SERVICE, missing={"service": "NOWHERE"}),
    },
}
