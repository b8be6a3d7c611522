"""The serial side of an Original Prusa MK3S on a pseudo-terminal, for PrusaLink to print with.

It answers what PrusaLink 0.8.1 asks, one line at a time as the firmware does, and carries out no more of a print than
its waiting: `G4 P100` takes 0.1 s, a move takes none.
"""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import threading
import time
import tty
from pathlib import Path

FIRMWARE = "3.14.1-8237"
MODEL = "302"
SERIAL_NUMBER = "CZPX4720X004XC00001"

READ_EEPROM = re.compile(r"D3 Ax([0-9A-Fa-f]+) C(\d+)")
WRITE_EEPROM = re.compile(r"D3 Ax([0-9A-Fa-f]+) X([0-9A-Fa-f ]+)")
NUMBERED = re.compile(r"N\d+ (.*?) ?\*\d+")
REPORT_EVERY = 1.0
LATENCY = 0.003  # seconds that the line and the firmware take for a command
PLANNED = 0.25
"""Seconds that moves take which `M400` waits for. PrusaLink's sender dies of an answer that comes before it has noted
which file it is printing, and so can't be tested with a printer that is faster than any."""


class MarlinSerial:
    """The printer. `port`: the path to open, which stays the same over `unplug` and `plug`; `messages`: what it was
    told to show (`M117`)."""

    def __init__(self, port: Path) -> None:
        self.port = port
        self.targets = {"tool0": 0.0, "bed": 0.0}
        self.messages: list[str] = []
        self._eeprom = bytearray(0x1000)
        self._progress = {"P": -1, "R": -1, "Q": -1, "S": -1}
        self._master = self._slave = -1
        self._thread: threading.Thread | None = None
        self._unplugged = threading.Event()
        self._writing = threading.Lock()
        self._waiting_for: str | None = None

    def plug(self) -> None:
        """Connect the cable."""
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.port.unlink(missing_ok=True)
        self.port.symlink_to(os.ttyname(self._slave))
        self._unplugged.clear()
        self._thread = threading.Thread(target=self._run, name="MK3S", daemon=True)
        self._thread.start()

    def unplug(self) -> None:
        """Pull the cable: whoever has the port open gets an error."""
        if self._thread is None:
            return
        self._unplugged.set()
        self._thread.join()
        self._thread = None
        os.close(self._slave)
        os.close(self._master)
        self.port.unlink(missing_ok=True)

    def say(self, *lines: str) -> None:
        """Send lines, as answers or by itself. What nobody reads is lost when the line's buffer is full."""
        with self._writing, contextlib.suppress(BlockingIOError):
            os.write(self._master, "".join(f"{line}\n" for line in lines).encode("ascii"))

    def stall(self, line: str) -> None:
        """Carry out nothing more, and say `line` every half second instead, until `go_on`."""
        self._waiting_for = line

    def go_on(self) -> None:
        """Go on with what it was told meanwhile."""
        self._waiting_for = None

    def _run(self) -> None:
        pending = b""
        reported = 0.0
        while not self._unplugged.is_set():
            if time.monotonic() - reported > REPORT_EVERY:
                self.say(*self._reports())
                reported = time.monotonic()
            if not select.select([self._master], [], [], 0.05)[0]:
                continue
            pending += os.read(self._master, 4096)
            *lines, pending = pending.split(b"\n")
            for line in lines:
                command = line.decode("ascii", "replace").strip()
                if command:
                    self._carry_out(command)

    def _carry_out(self, command: str) -> None:
        if numbered := NUMBERED.fullmatch(command):
            command = numbered[1].strip()
        code, *parameters = command.split()
        values = {parameter[0]: parameter[1:] for parameter in parameters}
        if code == "G4":
            self._unplugged.wait(float(values.get("S", 0)) + float(values.get("P", 0)) / 1000)
        elif code == "M117":
            self.messages.append(" ".join(parameters))
        elif code == "M400":
            self._unplugged.wait(PLANNED)
        elif code in {"M104", "M109"}:
            self.targets["tool0"] = float(values["S"])
        elif code in {"M140", "M190"}:
            self.targets["bed"] = float(values["S"])
        elif code == "M73":
            self._progress |= {name: int(value) for name, value in values.items() if name in self._progress}
        self._unplugged.wait(LATENCY)
        while (line := self._waiting_for) is not None and not self._unplugged.wait(0.5):
            self.say(line)
        if not self._unplugged.is_set():
            self.say(*self._answer(command, code), "ok")

    def _answer(self, command: str, code: str) -> list[str]:
        if found := READ_EEPROM.fullmatch(command):
            return self._read_eeprom(int(found[1], 16), int(found[2]))
        if found := WRITE_EEPROM.fullmatch(command):
            address, data = int(found[1], 16), bytes.fromhex(found[2])
            self._eeprom[address : address + len(data)] = data
            return []
        if code == "M73":
            return [
                f"{mode} MODE: Percent done: {self._progress[done]}; "
                f"print time remaining in mins: {self._progress[left]}; Change in mins: -1"
                for mode, done, left in (("NORMAL", "P", "R"), ("SILENT", "Q", "S"))
            ]
        return {
            "PRUSA Fir": [FIRMWARE],
            "PRUSA SN": [SERIAL_NUMBER],
            "M862.1 Q": ["0.40"],
            "M862.2 Q": [MODEL],
            "M20 LT": ["Begin file list", "End file list"],
            "M21": ["echo:SD init fail"],
            "M27 P": ["Not SD printing"],
            "M220": ["100%"],
            "M221": ["100%"],
            "M420": ["Num X,Y: 2,2", "  0.00000  0.00000", "  0.00000  0.00000"],
            "M601": ["// action:paused"],
            "M602": ["// action:resumed"],
            "M603": ["// action:cancel"],
        }.get(command, [])

    def _read_eeprom(self, address: int, count: int) -> list[str]:
        data = self._eeprom[address : address + count]
        return [f"{address + at:04x}  {data[at : at + 16].hex(' ')}" for at in range(0, count, 16)]

    def _reports(self) -> list[str]:
        tool, bed = (f"{self.targets[name] or 21.0:.1f} /{self.targets[name]:.1f}" for name in ("tool0", "bed"))
        return [
            f"T:{tool} B:{bed} T0:{tool} @:0 B@:0 P:0.0 A:24.0",
            "X:0.00 Y:0.00 Z:0.20 E:0.00 Count X: 0.00 Y:0.00 Z:0.20 E:0.00",
            "E0:0 RPM PRN1:0 RPM E0@:0 PRN1@:0",
        ]
