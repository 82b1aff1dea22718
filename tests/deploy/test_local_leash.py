"""Whatever ends the process that started them, its children end too, and so does its folder."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from deploy.local.folder import run_folder
from deploy.local.ports import LOOPBACK, free_port
from deploy.local.processes import Child, EndedError, NotReadyError, answers

SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)",
]
FAMILY = [  # a parent whose child is a session of its own, as Postgres' backends are
    sys.executable,
    "-c",
    "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'],"
    " start_new_session=True); time.sleep(600)",
]
RUN = """
import sys, threading, time
from pathlib import Path
from deploy.local.folder import run_folder
from deploy.local.processes import Child
with run_folder() as folder:
    child = Child("child", {command!r}, folder)
    starter = threading.Thread(target=child.start)  # its end must not end the child
    starter.start()
    starter.join()
    try:
        while len(child._leader.children()) < {children}:
            time.sleep(0.01)
        if {frozen}:
            child.freeze()
        print(folder, child.pid, *(grandchild.pid for grandchild in child._leader.children()), flush=True)
        time.sleep(600)
    finally:
        child.stop()
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    with run_folder() as folder:
        yield folder


def eventually(true: Callable[[], bool], within: float) -> bool:
    deadline = time.monotonic() + within
    while not true() and time.monotonic() < deadline:
        time.sleep(0.01)
    return true()


def lives(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@contextmanager
def a_run(command: list[str], children: int = 0, frozen: bool = False) -> Iterator[tuple[int, Path, list[int]]]:
    """Another Python that holds a run folder and a leashed child: its pid, its folder and the pids of its family."""
    code = RUN.format(command=command, children=children, frozen=frozen)
    run = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    with run:
        assert run.stdout
        where, *pids = run.stdout.readline().split()
        try:
            yield run.pid, Path(where), [int(pid) for pid in pids]
        finally:
            run.kill()


@pytest.mark.parametrize("frozen", [False, True])
def test_when_the_parent_is_killed_the_whole_family_is_gone_within_a_second(frozen: bool) -> None:
    with a_run(FAMILY, children=1, frozen=frozen) as (parent, _, family):
        os.kill(parent, signal.SIGKILL)

        assert len(family) == 2
        assert eventually(lambda: not any(map(lives, family)), within=1)


def test_when_the_leash_is_killed_its_child_is_gone_too(folder: Path) -> None:
    with Child("sleeper", SLEEPER, folder) as child:
        assert child.pid
        psutil.Process(child.pid).parent().kill()

        assert eventually(lambda: not lives(child.pid or 0), within=1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_the_parent_leaves_no_process_and_no_folder(number: signal.Signals) -> None:
    with a_run(FAMILY, children=1) as (parent, where, family):
        assert where.is_dir()

        os.kill(parent, number)

        assert eventually(lambda: not where.exists(), within=5)
        assert not any(map(lives, family))


def test_the_folder_of_a_killed_run_goes_with_the_next_one_and_a_living_run_keeps_its_own() -> None:
    with a_run(SLEEPER) as (dead, left_behind, _), a_run(SLEEPER) as (_, in_use, _):
        os.kill(dead, signal.SIGKILL)
        assert eventually(lambda: not lives(dead), within=5)
        assert left_behind.is_dir()

        with run_folder():
            assert (left_behind.exists(), in_use.exists()) == (False, True)


def test_a_folder_is_kept_when_asked_for_and_its_place_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    said: list[str] = []
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("STORYLOOP_KEEP", "1")

    with run_folder(said.append) as kept:
        pass
    with run_folder(said.append):
        pass

    assert kept.is_dir()
    assert said[0] == f"kept for you: {kept}"


def test_a_failure_inside_removes_the_folder() -> None:
    with pytest.raises(LookupError), run_folder() as folder:
        raise LookupError

    assert not folder.exists()


def test_a_child_that_is_deaf_to_the_polite_signal_is_killed_after_its_grace(folder: Path) -> None:
    child = Child("stubborn", STUBBORN, folder, ready=lambda child: "deaf" in child.log.read_text(), grace=0.3)

    child.start()
    child.stop()

    assert child.exit_code == 128 + signal.SIGKILL


def test_a_child_that_ends_before_it_is_ready_says_its_last_words(folder: Path) -> None:
    child = Child("hasty", [sys.executable, "-c", "raise SystemExit('no settings')"], folder, ready=lambda _: False)

    with pytest.raises(EndedError, match="hasty ended with 1: no settings"):
        child.start()


def test_a_child_that_is_never_ready_is_ended(folder: Path) -> None:
    child = Child("shy", SLEEPER, folder, ready=lambda _: False, within=0.2)

    with pytest.raises(NotReadyError, match="shy was not ready"):
        child.start()

    assert not child.running


def test_a_command_that_does_not_exist_is_named(folder: Path) -> None:
    with pytest.raises(EndedError, match="failed with 127: no-such-program: "):
        Child("missing", ["no-such-program"], folder).run()


def test_a_child_is_ready_when_its_address_answers(folder: Path) -> None:
    port = free_port()
    pages = [sys.executable, "-m", "http.server", str(port), "--bind", LOOPBACK]

    with Child("pages", pages, folder, ready=answers(f"http://{LOOPBACK}:{port}/")) as child:
        assert answers(f"http://{LOOPBACK}:{port}/")(child)
