"""The dashboard's client is made from the gateway's own OpenAPI document."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

UI = Path(__file__).parents[2] / "ui"


def test_it_knows_the_routes_as_they_are_now(tmp_path: Path) -> None:
    environment = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    document = subprocess.run(
        [sys.executable, "-m", "fluxgate", "openapi"], cwd=tmp_path, env=environment, capture_output=True, check=True
    )
    (tmp_path / "openapi.json").write_bytes(document.stdout)
    made = tmp_path / "schema.ts"
    program = UI / "node_modules/.bin/openapi-typescript"
    command = [program, tmp_path / "openapi.json", "--output", made, "--alphabetize"]
    subprocess.run(command, cwd=UI, env=environment, capture_output=True, check=True)
    assert made.read_text() == (UI / "src/api/schema.ts").read_text(), "make docs writes it anew"
