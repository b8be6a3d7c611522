"""One gateway process, one scripted upstream and one WebSocket server for all proxy tests of a run (each xdist worker
has its own)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from tests.support.gateway import GatewayProcess
from tests.support.rawpeer import RawUpstream, unanswering_port
from tests.support.websocket_server import WebSocketServer

_numbers = itertools.count()


@pytest.fixture(scope="session")
def upstream() -> Iterator[RawUpstream]:
    server = RawUpstream()
    yield server
    server.close()


@pytest.fixture(scope="session")
def sockets() -> Iterator[WebSocketServer]:
    with WebSocketServer() as server:
        yield server


@pytest.fixture(scope="session")
def gateway(upstream: RawUpstream, sockets: WebSocketServer) -> Iterator[GatewayProcess]:
    with unanswering_port() as unanswering, GatewayProcess(upstream.url, unanswering, sockets.url) as process:
        yield process


@pytest.fixture
def key() -> str:
    """A path segment that no other test uses."""
    return f"k{next(_numbers)}"
