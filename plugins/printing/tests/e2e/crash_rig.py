"""A gateway that is killed at a step of a dispatch and started again, and printers that tell what they really began to
print.
"""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from plugins.printing.tests.e2e.backends import moonraker_config, octoprint_config, prusalink_config, virtual
from tests.support.moonraker import MOONRAKER_MARKS, MoonrakerServer
from tests.support.octoprint import OCTOPRINT_MARKS, OctoPrintServer
from tests.support.printing_gateway import PrintingGateway, wait_for
from tests.support.prusalink import PrusaLinkServer, prusalink_marks

LAUNCHER = Path(__file__).parents[4] / "tests" / "support" / "crashing_gateway.py"
SHORT, LONG, NEXT = "short.gcode", "long.gcode", "next.gcode"
SECONDS = {SHORT: 1.2, LONG: 600.0, NEXT: 0.4}

MARKS = {
    "virtual": (),
    "octoprint": OCTOPRINT_MARKS,
    "moonraker": MOONRAKER_MARKS,
    "prusalink": prusalink_marks("prusalink-crashes"),
}
"""What tests of a driver carry."""


def gcode(name: str, seconds: float) -> bytes:
    """Nothing but waiting, after the printer was told to show the file's name. It says how far it is, as slicers' files
    do."""
    count = round(seconds * 10)
    lines = [f"M117 {name}", "M73 P0 R9"]
    for done in range(1, count + 1):
        lines.append("G4 P100")
        if done * 100 // count != (done - 1) * 100 // count:
            lines.append(f"M73 P{done * 100 // count} R9")
    return "\n".join([*lines, ""]).encode()


class Printer(Protocol):
    """A printer that outlives the gateway, or doesn't.

    `name`: in `config`; `remembers_end`: it still shows a print's end when the gateway is back; `outlives`: its print
    goes on without the gateway.
    """

    name: str
    config: str
    remembers_end: bool
    outlives: bool

    def begun(self, file: str) -> int:
        """How often it really began to print this file."""
        ...

    def is_over(self) -> bool:
        """Whether it says that it prints nothing."""
        ...


class Virtual:
    """The simulated printer lives in the gateway's process, and its print ends with it: what it began to print is what
    it was told."""

    name, config = "virtual", virtual()
    remembers_end = outlives = False

    def __init__(self, journal: Path) -> None:
        self._journal = journal

    def begun(self, file: str) -> int:
        return read_journal(self._journal).count(("start", file))

    def is_over(self) -> bool:
        return True


class Octo:
    """It keeps a history of each file's prints, once they are over, and shows a print at its end until the next."""

    name = "octo"
    remembers_end = outlives = True

    def __init__(self, server: OctoPrintServer) -> None:
        self.server = server
        self.config = octoprint_config(server.url, server.api_key)

    def begun(self, file: str) -> int:
        answer = self.server.request("GET", f"/api/files/local/{file}")
        history = answer.json().get("prints", {}) if answer.is_success else {}
        job = self.server.request("GET", "/api/job").json()
        now = job["job"]["file"]["path"] == file and not self.is_over()
        return int(history.get("success", 0)) + int(history.get("failure", 0)) + now

    def is_over(self) -> bool:
        return bool(self.server.request("GET", "/api/job").json()["state"] == "Operational")


class Klipper:
    """The stand-in counts what it began; a print's end is shown until the next."""

    name = "klipper"
    remembers_end = outlives = True

    def __init__(self, server: MoonrakerServer) -> None:
        self.server = server
        self.config = moonraker_config(server.url, server.api_key)

    def begun(self, file: str) -> int:
        return self.server.prints().count(file)

    def is_over(self) -> bool:
        return self.server.objects("print_stats")["print_stats"]["state"] not in {"printing", "paused"}


class Prusa:
    """PrusaLink forgets a print when it is over; its printer was told to show each file's name."""

    name = "prusa"
    remembers_end, outlives = False, True

    def __init__(self, server: PrusaLinkServer) -> None:
        self.server = server
        self.config = prusalink_config(server.url, server.api_key)
        server.printer.messages.clear()

    def begun(self, file: str) -> int:
        return self.server.printer.messages.count(file)

    def is_over(self) -> bool:
        return self.server.state() == "IDLE"


def read_journal(journal: Path) -> list[tuple[str, str]]:
    """Each step and its first argument, in their order, over all lives."""
    lines = journal.read_text().splitlines() if journal.exists() else []
    return [(step, argument) for step, argument in map(json.loads, lines)]


def make_template(folder: Path) -> None:
    """What a gateway leaves that was shut down with a job of each file in its queue, two of them held."""
    with PrintingGateway(virtual()) as gateway:
        for name, seconds in SECONDS.items():
            gateway.upload(name, gcode(name, seconds))
            gateway.enqueue(name, on_hold=name != NEXT)
        gateway.stop()
        shutil.copytree(gateway.folder / "fluxgate-data", folder)


class Crashing(PrintingGateway):
    """A gateway over one printer that takes jobs by itself, with the jobs `file` and NEXT to be printed. Of its own
    accord it dies where it is told to."""

    program = (LAUNCHER,)

    def __init__(self, template: Path, printer: Printer, file: str, journal: Path) -> None:
        super().__init__(
            printer.config,
            FLUXGATE_PLUGINS__PRINTING__BED_GATE="true",
            FLUXGATE_PLUGINS__PRINTING__AUTO_START="true",
            CRASH_JOURNAL=str(journal),
        )
        shutil.copytree(template, self.folder / "fluxgate-data")
        self.write(f"UPDATE print_jobs SET on_hold = 0, hold_reason = NULL WHERE file_name = '{file}'")
        self.printer = printer
        self.file = file
        self._journal = journal
        self._accepted = {str(row["id"]) for row in self.rows("SELECT id FROM print_jobs")}

    def die(self, at: str) -> None:
        """Start it, and wait until it has killed itself there."""
        with self.deadly(at):
            self.launch()
            self.wait_dead(at)

    @contextmanager
    def deadly(self, at: str) -> Iterator[None]:
        """What is started here dies there."""
        self.env["CRASH_AT"] = at
        yield
        del self.env["CRASH_AT"]

    def wait_dead(self, at: str) -> None:
        """Wait until it has killed itself."""
        process, self.process = self.process, None
        assert process is not None
        try:
            code = process.wait(60)
        finally:
            process.kill()
            process.wait()
        assert code == -signal.SIGKILL, f"{at} wasn't reached: it ended with {code}"

    @property
    def steps(self) -> list[tuple[str, str]]:
        """Each step and its first argument, in their order, over all lives."""
        return read_journal(self._journal)

    def job_of(self, file: str) -> dict[str, Any]:
        """The one job of this file, from the database."""
        [row] = self.rows(f"SELECT * FROM print_jobs WHERE file_name = '{file}'")
        return row

    def wait_job(self, status: str, *, unknown: bool = False, timeout: float = 30) -> dict[str, Any]:
        """The row of the job of `file`, once it is so."""

        def so() -> dict[str, Any] | None:
            row = self.job_of(self.file)
            return row if (row["status"], bool(row["outcome_unknown"])) == (status, unknown) else None

        row = wait_for(so, timeout, f"the job is {status}{', its outcome unknown' if unknown else ''}")
        assert row is not None
        return row

    def wait_printer(self, status: str) -> None:
        """Wait until it sees the printer so."""
        wait_for(lambda: self.get(f"/printers/{self.printer.name}")["status"] == status, 30, f"the printer is {status}")

    @property
    def bed(self) -> Any:
        return self.get(f"/printers/{self.printer.name}")["bed"]

    def next_reason(self) -> str:
        """Why the next job isn't printing."""
        job = self.job_of(NEXT)
        assert job["status"] == "queued"
        [waiting] = self.get(f"/queue/{job['fluxprint_queue_id']}/waiting")["printers"]
        return str(waiting["code"])

    def settle(self) -> None:
        """A person says that the job of `file`, whose outcome isn't known, is over."""
        self.delete(f"/queue/{self.job_of(self.file)['fluxprint_queue_id']}")

    def cancel(self) -> None:
        """A person cancels what prints."""
        self.post(f"/printers/{self.printer.name}/job/cancel")
        self.wait_job("canceled")

    def clear_bed(self) -> None:
        """A person says that the bed is clear."""
        self.post(f"/printers/{self.printer.name}/bed-clear")

    def check(self, begun: int) -> None:
        """The job of `file` is over, having been begun so often: its print lies on the bed until a person takes it off,
        and only then the next job prints. All jobs that were accepted are there."""
        job = self.job_of(self.file)
        bed = self.bed
        assert (bed["clear"], bed["jobId"]) == (False, job["id"])
        wait_for(lambda: self.next_reason() == "bed_not_clear", 30, "the next job waits for the bed")
        self.clear_bed()
        following = wait_for(lambda: (row := self.job_of(NEXT))["status"] == "completed" and row, 30, "the next job")
        [floor] = self.rows(f"SELECT * FROM print_printers WHERE name = '{self.printer.name}'")
        assert following["started_at"] > floor["cleared_at"] > job["completed_at"]
        assert (self.printer.begun(self.file), self.printer.begun(NEXT)) == (begun, 1)
        commands = [argument for step, argument in self.steps if step == "start"]
        assert (commands.count(self.file), commands.count(NEXT)) == (begun, 1)
        assert self.job_of(self.file) == job
        rows = self.rows("SELECT id, file_name, status FROM print_jobs")
        assert {str(row["id"]) for row in rows} == self._accepted
        assert len(rows) == len(self._accepted)
