"""A sample publisher: offers one story on its topic, and waits for the receipt that says what became of it.

Needs nothing of Storyloop: any client that writes CloudEvents to Kafka can do this.
"""

import argparse
import asyncio
import json
import uuid
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer


def offer(source: str, reference: str, service: str, title: str, text: str) -> dict[str, Any]:
    """A CloudEvent in structured mode."""
    return {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "type": "uk.nhs.storyloop.story.offered.v1",
        "source": source,
        "subject": reference,
        "time": datetime.now(UTC).isoformat(),
        "data": {
            "title": title,
            "text": text,
            "services": [service],
            "author_role": "patient",
            "consent": ["show_to_staff", "publish"],
        },
    }


async def publish(kafka: str, publisher: str, event: dict[str, Any]) -> dict[str, Any]:
    """Sends the event and returns its receipt."""
    receipts = AIOKafkaConsumer(f"storyloop.receipts.{publisher}", bootstrap_servers=kafka, auto_offset_reset="latest")
    producer = AIOKafkaProducer(bootstrap_servers=kafka, enable_idempotence=True)
    async with receipts, producer:
        await receipts.seek_to_end()
        await producer.send_and_wait(
            f"storyloop.submissions.{publisher}",
            json.dumps(event).encode(),
            key=event["subject"].encode(),
            headers=[("content-type", b"application/cloudevents+json")],
        )
        async for record in receipts:
            receipt: dict[str, Any] = json.loads(record.value)
            if receipt["event_id"] == event["id"]:
                return receipt
    raise ConnectionError("the receipts topic ended")


def main() -> None:
    """Reads the command line, publishes, and prints the receipt."""
    arguments = argparse.ArgumentParser(description=main.__doc__)
    for name in ("kafka", "publisher", "source", "reference", "service"):
        arguments.add_argument(f"--{name}", required=True)
    arguments.add_argument("--title", default="They took the time to explain")
    arguments.add_argument("--text", default="The nurse drew me a picture of what would happen. I was calm after that.")
    said = arguments.parse_args()
    event = offer(said.source, said.reference, said.service, said.title, said.text)
    receipt = asyncio.run(asyncio.wait_for(publish(said.kafka, said.publisher, event), 30))
    print(json.dumps(receipt, indent=2))


if __name__ == "__main__":
    main()
