"""Kafka's jars: fetched once per user through Maven, then found in the cache.

They are put in place by one rename, so a folder that exists is complete; the lock only saves a second download when two
runs start side by side.
"""

import fcntl
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from deploy.local.ladder import Say, UnavailableError
from deploy.local.processes import Child, EndedError, NotReadyError

VERSION = "4.4.0"
OLDEST_JAVA = 17
POM = Path(__file__).with_name("kafka-pom.xml")


def java() -> str:
    """The path of a Java that can run Kafka. Raises UnavailableError."""
    found = shutil.which("java")
    if not found:
        raise UnavailableError("no java on the PATH")
    try:
        told = subprocess.run([found, "-version"], check=False, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired) as failure:
        raise UnavailableError(f"java does not run: {failure}") from failure
    version = re.search(r'version "(\d+)', told.stderr)
    if not version or int(version[1]) < OLDEST_JAVA:
        raise UnavailableError(f"Java {OLDEST_JAVA} is needed, found: {told.stderr.strip() or 'nothing'}")
    return found


def cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "storyloop"


def jars(folder: Path, say: Say) -> Path:
    """The folder of jars, fetched when it is not there; Maven logs to the given folder. Raises UnavailableError."""
    place = cache() / f"kafka-{VERSION}"
    if place.is_dir():
        return place
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.with_name(f"{place.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not place.is_dir():
                say(f"Kafka: fetching {VERSION} through Maven, once")
                _fetch(place, folder)
    except OSError as failure:
        raise UnavailableError(f"no room for the jars: {failure}") from failure
    return place


def _fetch(place: Path, folder: Path) -> None:
    maven = shutil.which("mvn")
    if not maven:
        raise UnavailableError("no mvn on the PATH to fetch the jars with")
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=place.parent) as beside:
        fetched = Path(beside) / "jars"
        goal = ["dependency:copy-dependencies", f"-DoutputDirectory={fetched}", "-DincludeScope=runtime"]
        command = [maven, "-q", "-B", "-f", str(POM), f"-Dkafka.version={VERSION}", *goal]
        child = Child("maven", command, folder, within=600)
        try:
            child.run()
        except (EndedError, NotReadyError) as failure:
            raise UnavailableError(f"Maven could not fetch the jars: {_first_error(child.log) or failure}") from failure
        fetched.rename(place)


def _first_error(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    return next((line for line in lines if line.startswith("[ERROR] ")), "")
