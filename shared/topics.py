"""The one table of Kafka topics: the local stack and the cluster's resources are both made from it."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Lane(StrEnum):
    """Which outbox rows wait for each other: no patient's story waits behind a backlog of comments."""

    LIVE = "live"
    BULK = "bulk"
    """Comments and replays."""
    RECEIPTS = "receipts"
    """What publishers are told: one whose topic is gone holds up nobody's story."""


WEEK = timedelta(days=7)
QUARTER = timedelta(days=90)
MAX_RECORD_BYTES = 1_000_000
"""No announcement may be larger: a row that the broker refuses would block the relay for ever."""


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic. `announcer` is the only service that writes it; None where publishers do."""

    name: str
    announcer: str | None = None
    sequenced: bool = False
    """Its records number each subject's facts 1, 2, 3 …; a missing number means loss."""
    partitions: int = 12
    retention: timedelta | None = WEEK
    """None keeps the last record of each key for ever (compacted)."""
    lane: Lane = Lane.LIVE

    @property
    def config(self) -> dict[str, str]:
        """The broker's settings; its own clock, or records with an old sender's time are deleted unread."""
        settings = {"message.timestamp.type": "LogAppendTime", "max.message.bytes": str(MAX_RECORD_BYTES + 100_000)}
        if self.retention is None:
            return settings | {"cleanup.policy": "compact"}
        segment = min(self.retention, timedelta(days=1))
        return settings | {"retention.ms": _ms(self.retention), "segment.ms": _ms(segment)}


def _ms(period: timedelta) -> str:
    return str(int(period.total_seconds() * 1000))


STORIES = Topic("storyloop.stories", "intake", sequenced=True)
ERASURES = Topic("storyloop.erasures", "intake", retention=None)
COMMENTS = Topic("storyloop.comments", "intake", lane=Lane.BULK)
ROUTES = Topic("storyloop.routes", "router", sequenced=True)
DIRECTORY = Topic("storyloop.directory", "router", sequenced=True, partitions=1, retention=QUARTER)
REPLIES = Topic("storyloop.replies", "responder", sequenced=True)
MEMBERS = Topic("storyloop.members", "responder", sequenced=True, retention=QUARTER)
OUTCOMES = Topic("storyloop.outcomes", "tracker", sequenced=True)

FACTS = (STORIES, ERASURES, COMMENTS, ROUTES, DIRECTORY, REPLIES, MEMBERS, OUTCOMES)
OF_STORIES = {topic.announcer: topic for topic in (STORIES, ROUTES, REPLIES, OUTCOMES)}
"""Where each service says what it has to say of stories."""
BY_NAME = {topic.name: topic for topic in FACTS}

SUBMISSIONS = "storyloop.submissions."
COMMENT_SUBMISSIONS = "storyloop.comment-submissions."
RECEIPTS = "storyloop.receipts."
REPLAY = "storyloop.replay."
LISTENERS = ("intake", "router", "responder", "tracker")


def of_publisher(publisher: str) -> tuple[Topic, ...]:
    """The three topics of one publisher: what it offers, in two lanes, and what became of it."""
    return (
        Topic(SUBMISSIONS + publisher),
        Topic(COMMENT_SUBMISSIONS + publisher, lane=Lane.BULK),
        Topic(RECEIPTS + publisher, "intake", partitions=3),
    )


def replay_to(listener: str) -> Topic:
    """Where announcers restate what they know for a new or long-absent listener."""
    return Topic(REPLAY + listener, lane=Lane.BULK)


def all_topics(publishers: tuple[str, ...]) -> tuple[Topic, ...]:
    """Every topic that a system with these publishers has."""
    offered = tuple(topic for publisher in publishers for topic in of_publisher(publisher))
    return FACTS + tuple(map(replay_to, LISTENERS)) + offered
