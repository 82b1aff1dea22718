"""Publishers: they offer by Kafka in both modes and by HTTP, repeat themselves, take back, and send nonsense."""

from dataclasses import dataclass, field
from random import Random
from typing import Any
from uuid import UUID

from aiokafka import AIOKafkaProducer

from shared.ids import comment_of, story_of
from tests.chaos import words
from tests.chaos.asking import Asking
from tests.chaos.ledger import Ledger, digest

SUBMISSIONS = "storyloop.submissions."
COMMENTS = "storyloop.comment-submissions."


@dataclass
class Publishers:
    """What two publishers do; `surveys` moderates its stories itself, `kiosks` does not."""

    ledger: Ledger
    producer: AIOKafkaProducer
    asking: Asking
    rng: Random
    tokens: dict[str, str]
    count: int = 0
    said: list[tuple[str, dict[str, Any], int]] = field(default_factory=list)
    """What was offered by Kafka, to be said again: (publisher, event, partition)."""
    offered: list[UUID] = field(default_factory=list)
    """Stories that are published as soon as they are here."""
    waiting: list[UUID] = field(default_factory=list)
    """Stories that wait for a moderator."""

    def _next(self) -> int:
        self.count += 1
        return self.count

    def _story(self) -> tuple[str, dict[str, Any], UUID]:
        number = self._next()
        publisher = "kiosks" if self.rng.random() < 0.2 else "surveys"
        told = words.story(number, self.rng)
        if publisher == "kiosks":
            told["services"] = ["RXX01"]
        reference = f"visit-{number}"
        story = story_of(publisher, reference)
        return publisher, words.event("story.offered", reference, publisher, told), story

    async def offer(self) -> None:
        """A story by Kafka."""
        publisher, event, story = self._story()
        await self._offer(publisher, event, story)

    async def offer_plainly(self) -> UUID:
        """A story that must reach both teams; our id of it."""
        number = self._next()
        told = words.story(number, self.rng, services=["RXX01"])
        reference = f"visit-{number}"
        story = story_of("surveys", reference)
        event = words.event("story.offered", reference, "surveys", told)
        await self._send("offer", f"{SUBMISSIONS}surveys", event, "surveys", story)
        return story

    async def _offer(self, publisher: str, event: dict[str, Any], story: UUID) -> None:
        partition = await self._send("offer", SUBMISSIONS + publisher, event, publisher, story)
        if partition is not None:
            self.said.append((publisher, event, partition))
            (self.offered if publisher == "surveys" else self.waiting).append(story)

    async def offer_by_http(self) -> None:
        """A story over HTTP; an answer that says neither yes nor no is asked for again."""
        publisher, event, story = self._story()
        key = f"http {event['id']}"
        sha = digest(event["data"]["title"], event["data"]["text"])
        await self.ledger.tried("offer_by_http", key, story=story, sha=sha, event=event["id"], publisher=publisher)
        answer = await self.asking.ask(
            "POST",
            "intake",
            "/events",
            json=event,
            headers={
                "Authorization": f"Bearer {self.tokens[publisher]}",
                "Content-Type": "application/cloudevents+json",
            },
        )
        if answer is not None and answer.status_code == 202:
            await self.ledger.told(key, outcome=answer.json()["outcome"])
            (self.offered if publisher == "surveys" else self.waiting).append(story)

    async def comment(self) -> None:
        """A short answer, in bulk."""
        number = self._next()
        said = words.event("comment.offered", f"comment-{number}", "surveys", words.comment(number, self.rng))
        await self._send("comment", f"{COMMENTS}surveys", said, "surveys", comment_of("surveys", f"comment-{number}"))

    async def repeat(self) -> None:
        """The same event again, perhaps long afterwards and on another partition; sometimes with another body."""
        if not self.said:
            return
        publisher, event, partition = self.rng.choice(self.said[-300:])
        story = story_of(publisher, event["subject"])
        if self.rng.random() < 0.8:
            await self._send("repeat", SUBMISSIONS + publisher, event, publisher, story)
            return
        other = event | {"data": event["data"] | {"text": "Another body under the same id."}}
        await self._send("reused", SUBMISSIONS + publisher, other, publisher, story, partition=partition)

    async def recall(self) -> None:
        """A story is taken back; one in three is taken back before it is offered."""
        if self.rng.random() < 0.3:
            publisher, event, story = self._story()
            await self._recall(publisher, event["subject"], story)
            await self._offer(publisher, event, story)
        elif self.said:
            publisher, event, _ = self.rng.choice(self.said)
            await self._recall(publisher, event["subject"], story_of(publisher, event["subject"]))

    async def _recall(self, publisher: str, reference: str, story: UUID) -> None:
        said = words.event("story.recalled", reference, publisher, {})
        await self._send("recall", SUBMISSIONS + publisher, said, publisher, story)

    async def poison(self) -> None:
        """A record that must be parked, byte for byte."""
        number = self._next()
        good = words.event("story.offered", f"bad-{number}", "surveys", words.story(number, self.rng))
        reason, value, headers = words.poison(good, self.rng)
        key = f"poison {number}"
        await self.ledger.tried("poison", key, reason=reason)
        await self._put(key, f"{SUBMISSIONS}surveys", value, headers)

    async def noise(self) -> None:
        """Somebody writes nonsense on a topic inside the system: it holds nothing up."""
        key = f"noise {self._next()}"
        topic = self.rng.choice(("storyloop.stories", "storyloop.routes", "storyloop.replies"))
        await self.ledger.tried("noise", key, reason="unreadable")
        await self._put(key, topic, b"\x00nonsense", [("content-type", b"text/plain")])

    async def _send(
        self, kind: str, topic: str, event: dict[str, Any], publisher: str, about: UUID, partition: int | None = None
    ) -> int | None:
        key = f"{kind} {event['id']} {self._next()}"
        sha = digest(event["data"].get("title"), event["data"].get("text"))
        await self.ledger.tried(kind, key, story=about, sha=sha, event=event["id"], publisher=publisher)
        value, headers = words.as_record(event, binary=self.rng.random() < 0.5)
        name = event["subject"].encode() if self.rng.random() < 0.5 else None
        return await self._put(key, topic, value, headers, name, partition)

    async def _put(
        self,
        key: str,
        topic: str,
        value: bytes | None,
        headers: words.Headers,
        name: bytes | None = None,
        partition: int | None = None,
    ) -> int | None:
        """On a topic; the ledger has its place as soon as the broker has said that it is kept."""
        at = await self.producer.send_and_wait(topic, value, key=name, partition=partition, headers=headers)
        await self.ledger.told(key, topic=topic, partition=at.partition, offset=at.offset)
        return int(at.partition)
