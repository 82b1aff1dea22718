"""The demo, as a person starts it: what it says, what can be looked at, and that it leaves nothing behind.

These are the slow ones: each starts Kafka, Postgres and the four services anew.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx
import psutil
import pytest

from deploy.local.demo.samples import stories
from deploy.local.system import SERVICES
from tests.waiting import eventually

pytestmark = pytest.mark.timeout(900)
LONG = 400
MARK = "STORYLOOP_TEST_MARK"


@dataclass
class Demo:
    """One run in a temporary folder of its own; all that it starts carries its mark in the environment."""

    process: subprocess.Popen[bytes]
    place: Path
    mark: str

    @property
    def said(self) -> str:
        return (self.place / "said.txt").read_text(encoding="utf-8")

    @property
    def left(self) -> list[str]:
        """Processes and files that are still there."""
        processes = [" ".join(one.cmdline()[-2:]) for one in self.processes()]
        return processes + [str(path) for path in (self.place / "tmp").iterdir()]

    def processes(self) -> list[psutil.Process]:
        return [one for one in psutil.process_iter() if _mark_of(one) == self.mark]

    async def says(self, words: str) -> None:
        async def is_said() -> bool:
            assert self.process.poll() is None or words in self.said, self.said
            return words in self.said

        await eventually(is_said, LONG, words)


def _mark_of(process: psutil.Process) -> str | None:
    with suppress(psutil.Error):
        return str(process.environ().get(MARK))
    return None


@contextmanager
def demo(*options: str, **environment: str) -> Iterator[Demo]:
    place, mark = Path(tempfile.mkdtemp(prefix="demo-test-")), uuid4().hex
    place.chmod(0o711)  # Postgres under root is another account, which must pass through
    (place / "tmp").mkdir(mode=0o711)
    told = os.environ | {MARK: mark, "TMPDIR": str(place / "tmp"), **environment}
    told.pop("STORYLOOP_KEEP", None)
    with (place / "said.txt").open("wb") as said:
        command = [sys.executable, "-m", "deploy.local", *options]
        process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT, env=told)
    try:
        yield Demo(process, place, mark)
    finally:
        process.kill()  # the leashes end the rest
        process.wait()
        shutil.rmtree(place, ignore_errors=True)


def test_once_all_stories_go_round_and_nothing_is_left() -> None:
    with demo(ONCE="1") as run:
        code = run.process.wait(LONG)

        said = run.said
        assert code == 0, said
        assert [one.title for one in stories() if said.count(one.title) < 1] == []
        assert f"{len(stories())} of {len(stories())} stories are where they should be." in said
        assert "receipt: refused, contract_broken (data: consent must hold show_to_staff)" in said
        assert "receipt: repeated" in said
        assert re.search(r"receipt: erased at intake \S+, responder \S+, router \S+, tracker \S+", said)
        assert "nobody is signed up for RZY01-PTS" in said
        assert "PX-OUTPATIENTS said “not ours” and suggested RZX01-320" in said
        assert re.findall(r"[\x00-\x09\x0b-\x1f\x7f]", said) == []
        assert run.left == []


async def test_it_stays_up_to_be_looked_at_until_it_is_interrupted() -> None:
    with demo() as run:
        await run.says("It stays up until Ctrl-C.")
        addresses = re.findall(r"(http://\S+) {2,}(\S+)", run.said)
        async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
            pages = {what: await client.get(address) for address, what in addresses}
            index = pages["stories,"]
            documents = [await client.get(one) for one in re.findall(r'"(http://\S+/openapi.json)"', index.text)]
            timelines = [await client.get(index.url.join(one)) for one in re.findall(r'"(/stories/\S+)"', index.text)]

        assert {page.status_code for page in [*pages.values(), *documents, *timelines]} == {200}
        assert [one.json()["info"]["title"] for one in documents] == [f"Storyloop {service}" for service in SERVICES]
        assert len(timelines) == len(stories()) - 1, "all but the refused one"
        assert sum("story.received" in one.text for one in timelines) == len(timelines) - 1, "all but the erased one"
        assert "Staff answered your story" in pages["mails"].text
        assert "contract_broken" in pages["parked"].text
        assert pages["receipts"].text.count("repeated") == 1

        run.process.send_signal(signal.SIGINT)
        assert run.process.wait(60) == 0, run.said
        assert run.left == []


async def test_interrupted_half_way_it_leaves_nothing() -> None:
    with demo("--once") as run:
        await run.says("The stories are shared")
        run.process.send_signal(signal.SIGINT)

        assert run.process.wait(60) == 130, run.said
        assert "Traceback" not in run.said
        assert run.said.rstrip().endswith("Stopped half-way; nothing is left behind.")
        assert run.left == []


@pytest.mark.prove
async def test_it_says_honestly_what_did_not_come_to_its_end() -> None:
    with demo("--once") as run:
        await run.says("The directory is loaded")
        tracker = next(one for one in run.processes() if one.cmdline()[-1:] == ["services.tracker"])
        tracker.kill()

        assert run.process.wait(LONG) == 1
        assert "✗" in run.said
        assert f"{len(stories())} of {len(stories())} stories" not in run.said
        assert run.left == []


@pytest.mark.prove
def test_two_side_by_side_do_not_meet() -> None:
    with demo("--once") as one, demo("--once") as other:
        codes = [one.process.wait(LONG), other.process.wait(LONG)]

        assert codes == [0, 0], one.said + other.said
        assert one.left + other.left == []
