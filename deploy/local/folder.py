"""Folder: a place for one run, gone at its end, also after a failure, Ctrl-C or SIGTERM.

SIGKILL leaves a folder behind. So each run holds a lock in its folder, and the next run removes those whose lock nobody
holds. `STORYLOOP_KEEP=1` keeps a folder and takes its lock file away.
"""

import fcntl
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import IO, NoReturn

from deploy.local.ladder import Say

PREFIX = "storyloop-"
LOCK = "in-use"


@contextmanager
def run_folder(say: Say = print) -> Iterator[Path]:
    """An empty folder that others may pass through (Postgres under root is another account) but not list."""
    _remove_leftovers()
    with signals_unwind():
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        folder.chmod(0o711)
        with (folder / f"{LOCK}.new").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            Path(lock.name).rename(folder / LOCK)  # a lock file that nobody holds yet would look like a leftover
            try:
                yield folder
            finally:
                _close(folder, say)


def _close(folder: Path, say: Say) -> None:
    """Still under the lock, or a run that starts now would remove the folder as a leftover at the same time."""
    if os.environ.get("STORYLOOP_KEEP") == "1":
        (folder / LOCK).unlink(missing_ok=True)
        say(f"kept for you: {folder}")
        return
    try:
        _remove(folder)
    except OSError as failure:
        say(f"could not be removed: {failure}")


def _remove(folder: Path) -> None:
    """The lock file goes last: a removal that is cut short leaves a leftover that the next run knows as one."""
    for entry in folder.iterdir():
        if entry.name != LOCK:
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
    (folder / LOCK).unlink()
    folder.rmdir()


def _remove_leftovers() -> None:
    for lock_file in Path(tempfile.gettempdir()).glob(f"{PREFIX}*/{LOCK}"):
        with suppress(OSError), lock_file.open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(lock_file.parent)


@contextmanager
def signals_unwind() -> Iterator[None]:
    """The first SIGINT or SIGTERM leaves every `with` block in order; later ones cannot disturb that."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: dict[signal.Signals, IO[str] | object] = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        before[number] = signal.signal(number, _unwind)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)  # type: ignore[arg-type] # what signal.signal() itself returned


def _unwind(number: int, _: FrameType | None) -> NoReturn:
    for later in (signal.SIGINT, signal.SIGTERM):
        signal.signal(later, signal.SIG_IGN)
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + number)
