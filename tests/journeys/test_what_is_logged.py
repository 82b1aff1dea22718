"""The logs that an operator lives with: JSON, known names, one line per event."""

import json
from typing import Any

import pytest

from shared.log_names import CATALOGUE
from tests.journeys.people import People


def lines(people: People, service: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in people.system.processes[service].log.read_text().splitlines()]


@pytest.mark.parametrize("service", ["intake", "router", "responder", "tracker"])
async def test_every_line_is_json_with_a_known_name(people: People, service: str) -> None:
    story = await people.offer()
    await people.kinds(story, "story.routed")

    found = lines(people, service)

    assert {line["event"] for line in found} <= CATALOGUE.keys()
    assert all({"time", "level", "service", "version"} <= line.keys() for line in found)
    assert {line["service"] for line in found} == {service}
    assert {"service.started", "consumer.heartbeat", "erasures.read"} <= {line["event"] for line in found}


async def test_a_story_can_be_followed_through_all_services_by_its_correlation(people: People) -> None:
    story = await people.offer()
    await people.kinds(story, "story.routed")

    heard = {
        service: [line for line in lines(people, service) if line.get("correlation") == str(story)]
        for service in ("intake", "router", "responder", "tracker")
    }

    assert all(heard.values())
    assert {line["type"].rpartition("storyloop.")[2] for line in heard["responder"]} == {
        "story.received.v1",
        "story.published.v1",
        "story.routed.v1",
    }
    assert all(line["event"] == "event.heard" for service in heard.values() for line in service)
