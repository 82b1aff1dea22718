"""Publishing: stories and comments as other services offer them, on their Kafka topics and by `POST /events`."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from aiokafka import AIOKafkaProducer

from deploy.local.demo.apis import Apis
from deploy.local.demo.samples import Comment, Story, Way, publishers
from shared import topics
from shared.events import CommentOffered, StoryOffered

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"


@dataclass(frozen=True, slots=True)
class Offer:
    """A CloudEvent of a publisher; the subject is the publisher's own reference."""

    publisher: str
    attributes: dict[str, str]
    data: dict[str, Any]

    @property
    def id(self) -> str:
        return self.attributes["id"]

    @property
    def event(self) -> dict[str, Any]:
        """Attributes and data in one, as structured mode has them."""
        return {**self.attributes, "datacontenttype": "application/json", "data": self.data}


def offer(publisher: str, kind: str, reference: str, data: dict[str, Any]) -> Offer:
    """An event with an id of its own and the publisher's first source."""
    source = min(next(one.sources for one in publishers() if one.name == publisher))
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    attributes = {"specversion": "1.0", "id": str(uuid4()), "type": kind, "source": source, "time": now}
    return Offer(publisher, attributes | {"subject": reference}, data)


def story_offer(story: Story) -> Offer:
    """The story as its publisher offers it."""
    return offer(story.publisher or "", StoryOffered.type, story.reference, story.told)


def comment_offer(comment: Comment) -> Offer:
    """The comment, given today."""
    data = {"service": comment.service, "answer": comment.answer, "text": comment.text}
    today = datetime.now(UTC).date().isoformat()
    return offer(publishers()[0].name, CommentOffered.type, comment.reference, data | {"given_on": today})


async def on_topic(producer: AIOKafkaProducer, offer_: Offer, way: Way) -> None:
    """One record in binary or structured mode; returns when the broker has it."""
    bulk = offer_.attributes["type"] == CommentOffered.type
    topic = (topics.COMMENT_SUBMISSIONS if bulk else topics.SUBMISSIONS) + offer_.publisher
    key = offer_.attributes["subject"].encode()
    if way is Way.KAFKA_STRUCTURED:
        headers = [("content-type", STRUCTURED.encode())]
        await producer.send_and_wait(topic, _json(offer_.event), key=key, headers=headers)
    else:
        headers = [(f"ce_{name}", value.encode()) for name, value in offer_.attributes.items()]
        headers.append(("content-type", b"application/json"))
        await producer.send_and_wait(topic, _json(offer_.data), key=key, headers=headers)


async def by_http(apis: Apis, offers: Sequence[Offer], way: Way) -> Iterable[tuple[Offer, dict[str, Any]]]:
    """One event alone or some of one publisher in a batch, each with its answer."""
    if way is Way.HTTP_EVENT:
        return [(one, await apis.post_events(one.publisher, _json(one.event), STRUCTURED)) for one in offers]
    answers = await apis.post_events(offers[0].publisher, _json([one.event for one in offers]), BATCH)
    return zip(offers, answers, strict=True)


def _json(data: Any) -> bytes:
    return json.dumps(data, ensure_ascii=False).encode()
