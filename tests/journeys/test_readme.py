"""What the README promises: its event map is the code's, and every command in it works."""

import asyncio
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from services.intake import handlers as intake
from services.intake import submissions
from services.responder import handlers as responder
from services.router import handlers as router
from services.tracker import handlers as tracker
from shared.contracts import CONTRACTS, PREFIX
from shared.topics import BY_NAME
from shared.work import hearings
from tests.journeys.people import People, offered
from tests.waiting import eventually

README = Path("README.md").read_text()
LISTENERS = {"intake": (intake, submissions), "router": (router,), "responder": (responder,), "tracker": (tracker,)}
BLOCKS = re.findall(r"^```sh(?: (?:run|ready)=(\w+))?\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
ANNOUNCED_TO_NEW_LISTENERS = {"subject.restated", "replay.ended"}


def short(type_: str) -> str:
    return type_.removeprefix(PREFIX).rpartition(".v")[0]


def event_map() -> dict[str, list[str]]:
    table = README.split("<!-- event map -->")[1].split("<!-- end of event map -->")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.strip().splitlines()[2:]]
    return {row[0].strip("`"): row[1:] for row in rows}


def heard_by() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for service, modules in LISTENERS.items():
        for module in modules:
            for contract in hearings(module):
                found.setdefault(short(contract.type), set()).add(service)
    return found


def test_the_event_map_names_every_event_of_the_catalogue() -> None:
    assert event_map().keys() == {short(type_) for type_ in CONTRACTS}


@pytest.mark.parametrize("event", sorted(event_map().keys() - ANNOUNCED_TO_NEW_LISTENERS - {"receipt.given"}))
def test_the_event_map_names_who_hears_an_event(event: str) -> None:
    listed = {name for name in re.findall(r"\w+", event_map()[event][2]) if name in LISTENERS}

    assert listed == heard_by().get(event, set())


@pytest.mark.parametrize("type_", sorted(CONTRACTS))
def test_the_event_map_names_the_topic_and_its_announcer(type_: str) -> None:
    topic, announcer, *_ = event_map()[short(type_)]
    contract = CONTRACTS[type_]

    if contract.topic is not None:
        assert topic == f"`{contract.topic.name}`"
        assert announcer == contract.topic.announcer
    for name in re.findall(r"`([^`<]+)`", topic):
        assert name in BY_NAME


def test_the_two_commands_are_targets_of_the_makefile() -> None:
    plain = [block.strip() for service, block in BLOCKS if not service]

    assert plain == ["make demo", "make test"]
    for command in plain:
        subprocess.run([*command.split(), "--dry-run"], check=True, capture_output=True)


@pytest.mark.parametrize(("service", "block"), [pair for pair in BLOCKS if pair[0]])
async def test_every_command_of_the_readme_works(people: People, service: str, block: str, tmp_path: Path) -> None:
    system = people.system
    await a_parked_submission(people)
    told = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "STORYLOOP_KAFKA": system.kafka.address,
        "STORYLOOP_POSTGRES": system.databases.dsns[service],
        "INTAKE": system.url("intake"),
        "KEYS": str(tmp_path),
        "RESPONDER": system.url("responder"),
        "STAFF_TOKEN": system.token(),
        "PUBLISHER_TOKEN": system.publisher_tokens["surveys"],
    }

    if "shared.replay" in block:  # only a listener that does not run can be made ready
        await asyncio.to_thread(system.processes[service].stop)
    done = await asyncio.to_thread(
        subprocess.run, ["bash", "-euc", block], env=os.environ | told, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    await asyncio.to_thread(system.processes[service].start)
    if "--new-token" in block:
        system.publisher_tokens["surveys"] = done.stdout.strip()


async def a_parked_submission(people: People) -> None:
    event = offered("parked-for-the-readme")
    await people.send("surveys", json.dumps(event | {"data": {}}).encode())

    async def parked() -> bool:
        return any(one["event_id"] == event["id"] for one in await people.receipts())

    await eventually(parked)
