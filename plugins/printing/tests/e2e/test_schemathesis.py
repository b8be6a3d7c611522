"""Schemathesis over the whole OpenAPI document of a running gateway: what it says is what is served."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from plugins.printing.tests.e2e.backends import NATIVE
from tests.support.fluxprint import running_fluxprint
from tests.support.printing_gateway import PrintingGateway

CONFIG = Path(__file__).with_name("schemathesis.toml")
EXAMPLES = 20
ENDLESS = "camera/stream|events"
"""Answers that never end can't be read whole; they have tests of their own."""


UNLIMITED = """
[limits.rates]
read = "unlimited"
write = "unlimited"
upload = "unlimited"
"""


@pytest.fixture(params=["native", "fluxprint"])
def gateway(request: pytest.FixtureRequest) -> Iterator[PrintingGateway]:
    if request.param == "native":
        with PrintingGateway(NATIVE + UNLIMITED) as running:
            yield running
    else:
        with (
            running_fluxprint() as service,
            PrintingGateway(f'[plugins.printing.fluxprint]\nurl = "{service.url}"\n{UNLIMITED}') as running,
        ):
            yield running


def excluded(backend: str) -> str:
    """Whether FluxPrint takes what it should and refuses what it should isn't the gateway's business."""
    return "positive_data_acceptance,negative_data_rejection" if backend == "fluxprint" else ""


def test_every_operation_does_what_the_document_says(
    gateway: PrintingGateway, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    command = [
        str(Path(sys.executable).with_name("st")),
        f"--config-file={CONFIG}",
        "run",
        f"{gateway.url}/-/openapi.json",
        f"--max-examples={EXAMPLES}",
        f"--exclude-path-regex={ENDLESS}",
        "--request-timeout=10",
        "--seed=1",
        "--no-color",
    ]
    if checks := excluded(request.node.callspec.params["gateway"]):
        command.append(f"--exclude-checks={checks}")
    finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=110)
    assert finished.returncode == 0, finished.stdout[-6000:] + finished.stderr[-2000:]
    passed = re.search(r"(\d+) generated, (\d+) passed", finished.stdout)
    assert passed is not None, finished.stdout[-3000:]
    assert int(passed[1]) == int(passed[2]) > 350
