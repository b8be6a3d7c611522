"""Sends an attack and reads what comes of it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tests.support.gateway import GatewayProcess
from tests.support.rawpeer import RawClient

__all__ = ["all_at_once", "strike"]

QUIET = 0.3
"""Seconds without a byte after which nothing more is expected on a connection that stays open."""
WORKERS = 24

T = TypeVar("T")


def strike(gateway: GatewayProcess, *pieces: bytes) -> bytes:
    """Send each piece in a packet of its own, and read until the gateway closes or has nothing more to say."""
    answers = bytearray()
    with RawClient(gateway.port) as client, contextlib.suppress(OSError):
        client.send(*pieces)
        client.sock.settimeout(QUIET)
        while data := client.read_some():
            answers += data
    return bytes(answers)


def all_at_once(attack: Callable[[T], None], variants: Iterable[T]) -> None:
    """Try every variant, many at a time; raises the first failure."""
    with ThreadPoolExecutor(WORKERS) as workers:
        for _ in workers.map(attack, variants):
            pass
