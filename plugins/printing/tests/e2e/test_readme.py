"""What the README shows, as it stands there, on a real OctoPrint and a real Moonraker: two printers are added to an
empty gateway, five jobs with copies and priorities go to them, and a gateway that is killed in mid-print goes on."""

from __future__ import annotations

import json
import re
import subprocess
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.mjpeg import ffmpeg_camera
from tests.support.moonraker import MoonrakerServer
from tests.support.octoprint import OCTOPRINT_MARKS, OctoPrintServer
from tests.support.printing_gateway import PrintingGateway, wait_for

pytestmark = [*OCTOPRINT_MARKS, pytest.mark.moonraker, pytest.mark.anyio]

README = Path(__file__).resolve().parents[4] / "README.md"
BLOCK = re.compile(r"```sh\nP=\S+\n(?P<lines>.*?)```", re.DOTALL)
PRINT = b"; a while\n" + b"G4 P200\n" * 15


class Shell:
    """Runs the README's lines in a folder, with the addresses and keys that there really are."""

    def __init__(self, folder: Path, api: str, really: dict[str, str]) -> None:
        self.folder = folder
        self.lines = BLOCK.search(README.read_text(encoding="utf-8"))["lines"].splitlines()  # type: ignore[index]
        self._api = api
        self._really = really

    def run(self, about: str) -> Any:
        """The answer to the one line that has `about` in it."""
        (line,) = [line for line in self.lines if about in line]
        for written, real in self._really.items():
            line = line.replace(written, real)
        done = subprocess.run(
            ["bash", "-c", line.replace("curl ", "curl --silent --show-error --fail-with-body --noproxy '*' ")],
            cwd=self.folder,
            env={"P": self._api, "PATH": "/usr/bin:/bin"},
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done
        return json.loads(done.stdout) if done.stdout else None


class Listener:
    """Keeps what `GET /events` tells, until the gateway is gone."""

    def __init__(self, gateway: PrintingGateway) -> None:
        self.seen: list[tuple[str, Any]] = []
        self._thread = threading.Thread(target=self._listen, args=(gateway.url,), daemon=True)
        self._thread.start()

    def _listen(self, url: str) -> None:
        name = ""
        try:
            with httpx.stream("GET", f"{url}/api/printing/events", timeout=60, trust_env=False) as answer:
                for line in answer.iter_lines():
                    if line.startswith("event: "):
                        name = line[7:]
                    elif line.startswith("data: "):
                        self.seen.append((name, json.loads(line[6:])))
        except httpx.TransportError:
            pass  # it was killed

    def printing(self, printer: str) -> bool:
        """Whether it was told that this printer prints."""
        told = [data for name, data in self.seen if name == "printer"]
        return any(data["name"] == printer and data["status"] == "printing" for data in told)


def took_off(gateway: PrintingGateway, shell: Shell) -> None:
    """Whoever stands at the printers takes off what is done."""
    for printer in gateway.get("/printers")["printers"]:
        if not printer["bed"]["clear"] and printer["status"] == "idle":
            if printer["name"] == "ender":
                shell.run("bed-clear")
            else:
                gateway.post(f"/printers/{printer['name']}/bed-clear")


async def test_what_the_readme_shows(
    tmp_path: Path, octoprint: OctoPrintServer, moonraker_server: MoonrakerServer
) -> None:
    moonraker_server.reset()
    (tmp_path / "first.gcode").write_bytes(PRINT)
    async with ffmpeg_camera() as camera:
        with PrintingGateway(FLUXGATE_PLUGINS__PRINTING__BED_GATE="true") as gateway:
            octo = f'"url": "{octoprint.url}", "api_key": "{octoprint.api_key}"'
            klipper = f'"url": "{moonraker_server.url}", "api_key": "{moonraker_server.api_key}"'
            written = '"url": "http://octopi.local", "api_key": "…"'
            really = {
                f'{written}, "auto_start"': f'{octo}, "camera_url": "{camera}", "auto_start"',
                written: octo,
                '"url": "http://voron.local:7125"': klipper,
            }
            shell = Shell(tmp_path, f"{gateway.url}/api/printing", really)
            tried = shell.run("printer-test")
            assert all(each["ok"] for each in tried["findings"] if each["part"] != "camera"), tried
            assert shell.run('"ender"')["default"] is True
            assert shell.run('"voron"')["inService"] is True
            wait_for(
                lambda: {each["status"] for each in gateway.get("/printers")["printers"]} == {"idle"},
                30,
                "both printers are there",
            )
            shell.run("files/upload")
            gateway.post("/queue/pause")
            asked = [(int(queue_id), 5) for queue_id in shell.run('"copies"')["queue_ids"]]
            for number, (priority, copies) in enumerate(((0, 1), (9, 1), (0, 2), (-5, 1))):
                gateway.upload(f"{number}.gcode", PRINT + b"; %d\n" % number)
                added = gateway.post("/queue", {"filename": f"{number}.gcode", "priority": priority, "copies": copies})
                asked += [(queue_id, priority) for queue_id in added["queue_ids"]]
            queue = shell.run("$P/queue  ")
            assert [item["priority"] for item in queue["items"]] == [9, 5, 5, 5, 0, 0, 0, -5]
            listener = Listener(gateway)
            gateway.post("/queue/resume")
            wait_for(lambda: listener.printing("ender") and listener.printing("voron"), 60, "both print, and tell it")
            shell.run("snapshot")
            assert (tmp_path / "ender.jpg").read_bytes().startswith(b"\xff\xd8")

            items = gateway.get("/queue")["items"]
            running = {item["id"]: item["printer"] for item in items if item["status"] == "printing"}
            assert set(running.values()) == {"ender", "voron"}
            gateway.restart()
            shell._api = f"{gateway.url}/api/printing"
            after = {item["id"]: item for item in gateway.get("/queue")["items"]}
            for queue_id, printer in running.items():
                assert queue_id not in after or after[queue_id]["printer"] == printer, "it prints on, where it was"

            def all_done() -> bool:
                took_off(gateway, shell)
                return not gateway.get("/queue")["items"]

            wait_for(all_done, 110, "all is printed")
            jobs = gateway.rows("SELECT * FROM print_jobs ORDER BY started_at")
            assert [job["status"] for job in jobs] == ["completed"] * 8
            assert sorted(job["fluxprint_queue_id"] for job in jobs) == sorted(queue_id for queue_id, _ in asked)
            assert {job["printer_name"] for job in jobs} == {"ender", "voron"}
            begun = Counter(job["priority"] for job in jobs[:4])
            assert begun == {9: 1, 5: 3}, "the most urgent first"
