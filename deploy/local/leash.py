"""Leash: runs one command so that nothing of it outlives the process that asked for it.

The asker keeps one end of a socket that is our standard input and never writes to it, so its end, however it comes, is
an end of file here. Then, and also when the command ends by itself, everything below us is killed: as a subreaper we
inherit grandchildren whose parent is gone, and SIGKILL ends frozen ones too. Should we be killed ourselves, the kernel
kills the command (PR_SET_PDEATHSIG). That signal is why this is a process of one thread instead of a few lines before
exec: it fires when the *thread* that forked ends, and the asker may have been a short-lived one.

Run as a file, with no import from outside the standard library: `python -I -S leash.py ACCOUNT COMMAND…`, an empty
account meaning our own. Elsewhere than on Linux only the command's process group is killed.
"""

import ctypes
import os
import pwd
import select
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

ASKER = 0
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


def main() -> NoReturn:
    account, *command = sys.argv[1:]
    tell_kernel(PR_SET_CHILD_SUBREAPER, 1)
    ended = wake_when_a_child_ends()
    leash = os.getpid()
    child = os.fork()
    if child == 0:
        become(account, command, leash)
    with suppress(OSError):
        os.write(ASKER, str(child).encode())
    code = hold(child, ended)
    sweep(child)
    sys.exit(code if code >= 0 else 128 - code)


def tell_kernel(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def wake_when_a_child_ends() -> int:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return reader


def become(account: str, command: list[str], leash: int) -> NoReturn:
    """Turn this fork into the command."""
    try:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY), ASKER)
        for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        if account:
            step_down(account)
        tell_kernel(PR_SET_PDEATHSIG, signal.SIGKILL)  # after stepping down: a change of user clears it
        if os.getppid() == leash:
            os.execvp(command[0], command)  # noqa: S606 - the asker's own words, and no shell wanted
    except OSError as failure:
        os.write(2, f"{command[0]}: {failure}\n".encode())
    os._exit(127)


def step_down(account: str) -> None:
    entry = pwd.getpwnam(account)
    os.initgroups(account, entry.pw_gid)
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)


def hold(child: int, ended: int) -> int:
    """Wait until the command ends or the asker is gone; returns the command's exit code."""
    while True:
        readable, _, _ = select.select([ASKER, ended], [], [])
        if ASKER in readable:
            os.kill(child, signal.SIGKILL)
            return -signal.SIGKILL
        os.read(ended, 1024)
        code = reap(child)
        if code is not None:
            return code


def reap(child: int) -> int | None:
    while True:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return None
        if pid == child:
            return os.waitstatus_to_exitcode(status)


def sweep(group: int) -> None:
    """Kill whatever is below us, generation by generation: who loses a parent becomes our child."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
    with suppress(ChildProcessError):
        while True:
            for pid in our_children():
                os.kill(pid, signal.SIGKILL)
            os.waitpid(-1, 0)


def our_children() -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            name, _, rest = stat.read_text(errors="replace").rpartition(")")
            if int(rest.split()[1]) == os.getpid():
                found.append(int(name.split()[0]))
    return found


if __name__ == "__main__":
    main()
