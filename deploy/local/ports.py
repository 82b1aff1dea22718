"""Ports: free ones on the loopback, from below the range that the system hands to outgoing connections.

A port from that range could be taken by anybody's connection while a server is down for a chaos test, and a client
that knocks on it again and again may even be connected to itself. Freedom is only likely, never certain: who starts a
server still has to be ready to choose another port.
"""

import random
import socket

LOOPBACK = "127.0.0.1"
_CHOICE = random.SystemRandom()


def free_port() -> int:
    for _ in range(1000):
        port = _CHOICE.randrange(20_000, 30_000)
        if is_free(port):
            return port
    raise OSError("no free port between 20000 and 30000")


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def exchange(port: int, question: bytes, host: str = LOOPBACK) -> bytes:
    """The first kilobytes that a server answers to the question; empty when it does not answer within a second."""
    try:
        with socket.create_connection((host, port), timeout=1) as connection:
            connection.sendall(question)
            return connection.recv(4096)
    except OSError:
        return b""
