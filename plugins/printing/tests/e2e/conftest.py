"""Fixtures of the end-to-end tests: gateways in processes of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from plugins.printing.tests.e2e.backends import BACKENDS, Backend, running_backend


@pytest.fixture(scope="package", params=BACKENDS)
def running(request: pytest.FixtureRequest) -> Iterator[Backend]:
    with running_backend(request, request.param) as backend:
        yield backend


@pytest.fixture
def backend(running: Backend) -> Backend:
    """A backend with nothing in it."""
    running.clean()
    return running
