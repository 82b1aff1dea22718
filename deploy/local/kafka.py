"""Kafka: one real broker, from the environment, from Docker or from Maven's jars on the local Java.

All three answer as the services find it in production: no topic appears by itself, and records carry the broker's time.
The session times are short so that a killed broker answers again in four seconds instead of eleven.
"""

import base64
import os
import struct
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.local.containers import Address, container
from deploy.local.kafka_jars import VERSION, jars, java
from deploy.local.ladder import Say, UnavailableError, first_of
from deploy.local.ports import LOOPBACK, exchange, free_port
from deploy.local.processes import Child, EndedError, NotReadyError
from deploy.local.servers import Foreign, Handle

IMAGE = "apache/kafka:4.3.1"
TRIES = 5
PROPERTIES = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "group.initial.rebalance.delay.ms": "0",
    "auto.create.topics.enable": "false",
    "log.message.timestamp.type": "LogAppendTime",
    "broker.session.timeout.ms": "2000",
    "broker.heartbeat.interval.ms": "500",
}
HEAP = ["-Xms128m", "-Xmx512m"]
JAVA_FLAGS = [*HEAP, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-XX:-UsePerfData"]


@dataclass(frozen=True)
class Kafka(Handle):
    """`address` is what clients call the bootstrap server, host:port."""

    address: str


@contextmanager
def kafka(folder: Path, say: Say = print) -> Iterator[Kafka]:
    """A broker that answers; data and logs go to the folder. Raises NothingOpenError."""
    if named := os.environ.get("STORYLOOP_KAFKA"):
        yield Kafka("STORYLOOP_KAFKA", Foreign(), named)
        return
    rungs = [
        ("Docker", lambda: from_docker(say)),
        (f"Apache Kafka {VERSION} on the local Java", lambda: from_jars(folder, say)),
    ]
    with first_of("Kafka", rungs, say) as broker:
        yield broker


@contextmanager
def from_docker(say: Say) -> Iterator[Kafka]:
    cluster = _new_id()

    def environment(address: Address) -> dict[str, str]:
        inside = {
            "listeners": "HOST://:9092,PLAINTEXT://:19092,CONTROLLER://:29093",
            "advertised.listeners": f"HOST://{address},PLAINTEXT://localhost:19092",
            "listener.security.protocol.map": "HOST:PLAINTEXT,PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name": "PLAINTEXT",
            "controller.quorum.voters": "1@localhost:29093",
            "log.dirs": "/tmp/kraft-combined-logs",  # noqa: S108 - a path in the container, the image's own
        }
        names = {f"KAFKA_{name.upper().replace('.', '_')}": value for name, value in (PROPERTIES | inside).items()}
        return names | {"CLUSTER_ID": cluster, "KAFKA_HEAP_OPTS": " ".join(HEAP)}

    with container(IMAGE, 9092, environment, lambda at: is_ready(at.host, at.port, cluster), say) as server:
        yield Kafka(f"Docker, {IMAGE}", server, str(server.address))


@contextmanager
def from_jars(folder: Path, say: Say) -> Iterator[Kafka]:
    command = [java(), *JAVA_FLAGS, "-cp", f"{jars(folder, say)}/*"]
    cluster = _new_id()
    home = folder / "kafka"
    home.mkdir(mode=0o700, exist_ok=True)
    properties = home / "server.properties"
    try:
        port = _configure(properties)
        format_log = ["kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(properties)]
        Child("kafka-format", [*command, *format_log], folder).run()
        port, broker = _started(port, [*command, "kafka.Kafka", str(properties)], properties, cluster)
    except (EndedError, NotReadyError) as failure:
        raise UnavailableError(failure) from failure
    try:
        yield Kafka(f"Apache Kafka {VERSION} on the local Java", broker, f"{LOOPBACK}:{port}")
    finally:
        broker.stop()


def _configure(properties: Path) -> int:
    """Writes the properties with two free ports, and returns the clients' one."""
    port, controller = free_port(), free_port()
    here = {
        "listeners": f"PLAINTEXT://{LOOPBACK}:{port},CONTROLLER://{LOOPBACK}:{controller}",
        "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "controller.quorum.voters": f"1@{LOOPBACK}:{controller}",
        "log.dirs": str(properties.parent / "data"),
    }
    properties.write_text("".join(f"{name}={value}\n" for name, value in (PROPERTIES | here).items()))
    return port


def _started(port: int, command: list[str], properties: Path, cluster: str) -> tuple[int, Child]:
    """A broker whose port somebody else took in between ends at once: then it gets another."""
    for _ in range(TRIES):
        broker = Child("kafka", command, properties.parent.parent, ready=_serves(port, cluster))
        try:
            broker.start()
        except EndedError:
            if "Address already in use" not in broker.log.read_text(errors="replace"):
                raise
            port = _configure(properties)
        else:
            return port, broker
    raise UnavailableError(f"{TRIES} free ports in a row were taken by somebody else")


def _serves(port: int, cluster: str) -> Callable[[Child], bool]:
    return lambda _: is_ready(LOOPBACK, port, cluster)


def _new_id() -> str:
    """Kafka's spelling of a UUID: 22 characters that do not begin with a dash, which would look like an option."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "a")


def is_ready(host: str, port: int, cluster: str) -> bool:
    """The broker answers for this cluster, and has let itself into it.

    Asked in Kafka's own words (Metadata version 4, no topics), because a port that is open says little: it may be
    somebody else's broker, or ours before it serves. The number of brokers comes after size, correlation and throttle.
    """
    client = b"storyloop"
    request = struct.pack(">hhih", 3, 4, 1, len(client)) + client + struct.pack(">i?", 0, False)
    answer = exchange(port, struct.pack(">i", len(request)) + request, host)
    return len(answer) > 16 and struct.unpack_from(">i", answer, 12)[0] > 0 and cluster.encode() in answer
