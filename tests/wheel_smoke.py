"""The wheels as their users meet them: built, installed into a new environment, run in an empty folder, stopped.

`make smoke`, or `python tests/wheel_smoke.py FOLDER_OF_WHEELS`. Not in the test suite, because it builds and installs.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

START_TIMEOUT = 60.0
STOP_TIMEOUT = 30.0
GCODE = b"G28\nG1 X10 Y10 F3000\nM104 S0\n"
LISTENING = re.compile(r"listening on (http://127\.0\.0\.1:\d+)")
JPEG = b"\xff\xd8\xff"


def main() -> None:
    wheels = sorted(Path(sys.argv[1]).glob("*.whl"))
    with tempfile.TemporaryDirectory(prefix="fluxgate-smoke-") as name:
        folder = Path(name)
        program = install(wheels, folder / "venv")
        home = folder / "empty"
        home.mkdir()
        with running(program, home) as (base, process):
            exercise(base)
            process.send_signal(signal.SIGTERM)
            expect(process.wait(STOP_TIMEOUT) == 0, f"exit status {process.returncode} after SIGTERM")
        expect([path.name for path in home.iterdir()] == ["fluxgate-data"], "only fluxgate-data is left in the folder")
        other_commands(program, home)
    say("the wheels work")


def install(wheels: list[Path], venv: Path) -> Path:
    expect(len(wheels) == 2, f"two wheels, not {[wheel.name for wheel in wheels]}")
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    pip = (venv / "bin/python", "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
    subprocess.run([*pip, *wheels], check=True)
    return venv / "bin/fluxgate"


@contextmanager
def running(program: Path, home: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """`fluxgate run` in `home` with nothing but a free port set; its URL as it prints it."""
    output = home.with_name("output.log")
    environment = {"PATH": os.defpath, "HOME": str(home), "FLUXGATE_PORT": "0", "PYTHONUNBUFFERED": "1"}
    with output.open("wb") as log:
        process = subprocess.Popen(
            [program, "run"], cwd=home, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        deadline = time.monotonic() + START_TIMEOUT
        while not (found := LISTENING.search(output.read_text(errors="replace"))):
            expect(process.poll() is None and time.monotonic() < deadline, "the gateway starts")
            time.sleep(0.05)
        yield found[1], process
    except BaseException:
        sys.stderr.write(output.read_text(errors="replace"))
        raise
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def exercise(base: str) -> None:
    """Health, and the eight routes on the virtual printer."""
    with httpx.Client(base_url=base, timeout=10) as client:
        ready = client.get("/-/health/ready")
        expect(ready.status_code == 200 and ready.json()["status"] == "ok", f"ready: {ready.text}")
        printing = "/api/printing"
        upload = client.post(f"{printing}/files/upload", files={"file": ("smoke.gcode", GCODE)})
        expect(upload.is_success, f"upload: {upload.status_code} {upload.text}")
        queued = client.post(f"{printing}/queue", json={"filename": "smoke.gcode", "print": True})
        expect(queued.is_success, f"queue: {queued.status_code} {queued.text}")
        for path in ("status", "job", "queue", "files", "temperature"):
            answer = client.get(f"{printing}/{path}")
            expect(answer.status_code == 200, f"GET {path}: {answer.status_code} {answer.text}")
            answer.json()
        expect("smoke.gcode" in client.get(f"{printing}/files").text, "the uploaded file is listed")
        page = client.get("/printing")
        script = re.search(r'src="(/printing/assets/[^"]+\.js)"', page.text)
        expect(page.status_code == 200 and script is not None, f"the dashboard: {page.status_code} {page.text[:300]}")
        expect(script is not None and client.get(script[1]).is_success, "the dashboard's script is there")
        with client.stream("GET", f"{printing}/camera/stream") as stream:
            expect("multipart/x-mixed-replace" in stream.headers["content-type"], "the camera streams MJPEG")
            seen = b""
            for chunk in stream.iter_bytes():
                seen += chunk
                if seen.count(JPEG) > 2:
                    break


def other_commands(program: Path, home: Path) -> None:
    environment = {"PATH": os.defpath, "HOME": str(home)}
    for command in ("init", "check", "plugins", "routes", "openapi"):
        result = subprocess.run(
            [program, command], cwd=home, env=environment, capture_output=True, text=True, check=False
        )
        expect(result.returncode == 0, f"fluxgate {command}: {result.stdout}{result.stderr}")
    expect((home / "fluxgate.toml").is_file(), "fluxgate init writes fluxgate.toml")


def expect(holds: bool, what: str) -> None:
    if not holds:
        raise SystemExit(f"wheel smoke test failed: {what}")


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    main()
