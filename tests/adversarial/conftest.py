"""The targets: a gateway process over a scripted upstream; and the ledger that each test writes its attacks into."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from tests.adversarial.ledger import PROPERTY, Ledger
from tests.support.gateway import GatewayProcess
from tests.support.rawpeer import RawUpstream

_numbers = itertools.count()


@pytest.fixture
def ledger(request: pytest.FixtureRequest) -> Iterator[Ledger]:
    """Named after the module: `test_smuggling.py` is `smuggling`."""
    ledger = Ledger(request.module.__name__.rpartition(".test_")[2].replace("_", " "))
    yield ledger
    request.node.user_properties.append((PROPERTY, (ledger.category, ledger.tried, len(ledger.through))))
    assert ledger.tried, "nothing was tried"
    assert not ledger.through, "\n".join(ledger.through)


@pytest.fixture(scope="session")
def upstream() -> Iterator[RawUpstream]:
    server = RawUpstream()
    yield server
    server.close()


@pytest.fixture(scope="session")
def gateway(upstream: RawUpstream) -> Iterator[GatewayProcess]:
    with GatewayProcess(upstream.url) as process:
        yield process


@pytest.fixture
def key() -> str:
    """A path segment that no other test uses."""
    return f"a{next(_numbers)}"
