"""People who use the running system, through nothing but its topics and its APIs."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from deploy.local.stack import Stack
from shared.ids import story_of
from shared.topics import RECEIPTS, SUBMISSIONS
from tests.factories import what_was_told
from tests.waiting import eventually

SERVICE = "RXX01"


@dataclass(frozen=True)
class People:
    """Everybody who acts in a journey."""

    system: Stack
    producer: AIOKafkaProducer
    http: httpx.AsyncClient

    @classmethod
    @asynccontextmanager
    async def of(cls, system: Stack, producer: AIOKafkaProducer) -> AsyncIterator["People"]:
        """People with the staff's token."""
        headers = {"Authorization": f"Bearer {system.token()}"}
        async with httpx.AsyncClient(headers=headers, timeout=10) as http:
            yield cls(system, producer, http)

    # --- publishers ------------------------------------------------------------------------------

    async def offer(self, reference: str = "", *, publisher: str = "surveys", event_id: str = "", **told: Any) -> UUID:
        """A publisher offers a story on its topic; our id of it."""
        reference = reference or uuid4().hex
        event = offered(reference, publisher, event_id, **told)
        await self.send(publisher, json.dumps(event).encode())
        return story_of(publisher, reference)

    async def send(
        self,
        publisher: str,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes | None]] | None = None,
        key: bytes | None = None,
    ) -> None:
        """Whatever a publisher may put on its topic."""
        if headers is None:
            headers = [("content-type", b"application/cloudevents+json")]
        await self.producer.send_and_wait(SUBMISSIONS + publisher, value, key=key, headers=headers)

    async def receipts(self, publisher: str = "surveys") -> list[dict[str, Any]]:
        """All receipts of a publisher so far."""
        topic = RECEIPTS + publisher
        consumer = AIOKafkaConsumer(topic, bootstrap_servers=self.system.kafka.address, auto_offset_reset="earliest")
        await consumer.start()
        try:
            ends = await consumer.end_offsets(consumer.assignment())
            found = []
            while any([await consumer.position(at) < end for at, end in ends.items()]):
                batches = await consumer.getmany(timeout_ms=200)
                found += [json.loads(record.value) for records in batches.values() for record in records]
            return found
        finally:
            await consumer.stop()

    # --- staff -----------------------------------------------------------------------------------

    async def get(self, service: str, path: str) -> Any:
        """What an API answers, or None where there is nothing (yet)."""
        response = await self.http.get(self.system.url(service, path))
        return response.json() if response.status_code == httpx.codes.OK else None

    async def post(self, service: str, path: str, body: Any, **headers: str) -> httpx.Response:
        """A write over HTTP."""
        return await self.http.post(self.system.url(service, path), json=body, headers=headers)

    async def case(self, story: UUID, team: str = "EAST") -> Any:
        """The story in a team's inbox, once it is there."""
        return await eventually(lambda: self.get("responder", f"/teams/{team}/stories/{story}"))

    async def reply(self, story: UUID, team: str = "EAST", **said: Any) -> httpx.Response:
        """Staff answer."""
        body = {"text": "Thank you for telling us.", "signed_name": "Asha", "signed_role": "Ward manager"} | said
        return await self.post("responder", f"/teams/{team}/stories/{story}/replies", body)

    async def kinds(self, story: UUID, *wanted: str, within: float = 20) -> list[str]:
        """The kinds of lines of a story's timeline, once all that are wanted stand there."""

        async def there() -> list[str]:
            timeline = await self.get("tracker", f"/stories/{story}")
            kinds = [entry["kind"] for entry in timeline["entries"]] if timeline else []
            return kinds if set(wanted) <= set(kinds) else []

        return await eventually(there, within, what=f"{wanted} of {story}")

    # --- authors ---------------------------------------------------------------------------------

    async def share(self, **told: Any) -> tuple[UUID, dict[str, str]]:
        """A person tells a story over HTTP; its id and the headers that show the private link."""
        answer = await self.post("intake", "/stories", what_was_told(services=[SERVICE]) | told)
        assert answer.status_code == httpx.codes.CREATED, answer.text
        return UUID(answer.json()["story"]), {"Authorization": f"Bearer {answer.json()['link']}"}

    async def my_story(self, link: dict[str, str]) -> Any:
        """What the author sees."""
        return (await self.http.get(self.system.url("intake", "/my-story"), headers=link)).json()


def offered(reference: str, publisher: str = "surveys", event_id: str = "", **told: Any) -> dict[str, Any]:
    """A structured CloudEvent that offers a story."""
    return {
        "specversion": "1.0",
        "id": event_id or uuid4().hex,
        "type": "uk.nhs.storyloop.story.offered.v1",
        "source": f"/{publisher}",
        "subject": reference,
        "time": "2026-05-04T10:00:00Z",
        "data": what_was_told(services=[SERVICE]) | told,
    }
