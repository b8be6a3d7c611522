"""A stand-in for Klipper's host process, without a microcontroller, for a real Moonraker to talk to:

    python klippy.py SOCKET FOLDER [--broken MESSAGE]

It speaks Klipper's API on the unix socket SOCKET (JSON messages, each ended by 0x03) and prints the G-code files in
FOLDER: `G4` takes its time, moves are bounded, heaters heat. What it answers, refuses and remembers is modelled on
Klipper's own objects `webhooks`, `virtual_sdcard`, `print_stats`, `pause_resume`, `gcode_move` and `heaters`, whose
oddities are the point: a paused print is begun anew by a start, idle pauses and cancels succeed, a line of a script
waits for the one before it, whoever sent it.

Faults are Klipper's own: `M112` shuts it down, `RESTART` closes every connection and starts anew, and the process can
be killed. With `--broken` it comes up as with a mistake in its configuration.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

END = b"\x03"
TICK = 0.25
STARTUP = 0.3
ROOM = 200.0
AMBIENT = 21.0
COLDEST_EXTRUSION = 170.0
HEATERS = {"extruder": 300.0, "heater_bed": 130.0}
EXTENSIONS = {"gcode", "g", "gco"}
EXTENDED = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]+)(?:\s+|$)([^#*;]*?)\s*(?:[#*;].*)?$")
TRADITIONAL = re.compile(r"\s*(?:N\d+\s*)?([A-Za-z]\d+(?:\.\d+)?)(.*)$")
WORD = re.compile(r"([A-Za-z])\s*([-+0-9.]+)?")
ALWAYS = {"M112", "M115", "RESTART", "FIRMWARE_RESTART", "ECHO", "STATUS", "HELP"}
READY = "Printer is ready"
SHUT_DOWN = (
    '{reason}\nOnce the underlying issue is corrected, use the\n"FIRMWARE_RESTART" command to reset the firmware, '
    "reload the\nconfig, and restart the host software.\nPrinter is shutdown\n"
)

Params = dict[str, str]


class CommandError(Exception):
    """Klipper refuses a line; what follows it isn't carried out."""


class Heater:
    """Warms up in a second or so, and cools as fast."""

    def __init__(self, hottest: float) -> None:
        self.hottest = hottest
        self.actual = AMBIENT
        self.target = 0.0

    def set(self, target: float) -> None:
        if not 0 <= target <= self.hottest:
            raise CommandError(f"Requested temperature ({target:.1f}) out of range (0.0:{self.hottest:.1f})")
        self.target = target

    def advance(self, seconds: float) -> None:
        self.actual += (max(self.target, AMBIENT) - self.actual) * min(seconds * 4, 1)

    @property
    def status(self) -> dict[str, Any]:
        return {"temperature": round(self.actual, 2), "target": self.target, "power": float(self.target > 0)}


class Stats:
    """`print_stats`."""

    def __init__(self) -> None:
        self.reset()

    def reset(self, filename: str = "") -> None:
        self.filename = filename
        self.state = "standby"
        self.message = ""
        self.filament = 0.0
        self.began: float | None = None
        self.paused_at: float | None = None
        self.paused_for = 0.0
        self.before_extrusion = 0.0
        self.total = 0.0

    def start(self) -> None:
        now = time.monotonic()
        if self.began is None:
            self.began = now
        elif self.paused_at is not None:
            self.paused_for += now - self.paused_at
            self.paused_at = None
        self.state, self.message = "printing", ""

    def pause(self) -> None:
        if self.paused_at is None:
            self.paused_at = time.monotonic()
        if self.state != "error":
            self.state = "paused"

    def finish(self, state: str, message: str = "") -> None:
        if self.began is None:
            return
        self.status()
        self.began = None
        self.state, self.message = state, message

    def status(self) -> dict[str, Any]:
        now = time.monotonic()
        paused = self.paused_for
        if self.began is not None:
            if self.paused_at is not None:
                paused += now - self.paused_at
            self.total = now - self.began
            if not self.filament:
                self.before_extrusion = self.total - paused
        return {
            "filename": self.filename,
            "total_duration": self.total,
            "print_duration": self.total - self.before_extrusion - paused,
            "filament_used": self.filament,
            "state": self.state,
            "message": self.message,
            "info": {"total_layer": None, "current_layer": None},
        }


class SdCard:
    """`virtual_sdcard`: the file that is printed, and the task that prints it."""

    def __init__(self, klippy: Klippy) -> None:
        self._klippy = klippy
        self.file: Any = None
        self.position = self.size = 0
        self.must_pause = False
        self.work: asyncio.Task[None] | None = None

    @property
    def status(self) -> dict[str, Any]:
        return {
            "file_path": self.file.name if self.file else None,
            "progress": self.position / self.size if self.size else 0.0,
            "is_active": self.work is not None,
            "file_position": self.position,
            "file_size": self.size,
        }

    def load(self, filename: str) -> None:
        root = self._klippy.folder
        names = [
            str(path.relative_to(root))
            for path in root.rglob("*")
            if path.is_file() and path.name[path.name.rfind(".") + 1 :] in EXTENSIONS
        ]
        name = filename if filename in names else {name.lower(): name for name in names}.get(filename.lower())
        if name is None:
            raise CommandError("Unable to open file")
        self.file = (root / name).open("rb")
        self.position, self.size = 0, (root / name).stat().st_size
        self._klippy.stats.reset(filename)

    def resume(self) -> None:
        if self.work is not None:
            raise CommandError("SD busy")
        self.must_pause = False
        self.work = asyncio.create_task(self._print())

    async def pause(self) -> None:
        if self.work is not None:
            self.must_pause = True
            await asyncio.wait([self.work])

    async def reset(self) -> None:
        await self.pause()
        self._close()
        self.position = self.size = 0
        self._klippy.stats.reset()

    async def cancel(self) -> None:
        if self.file is not None:
            await self.pause()
            self._close()
            self._klippy.stats.finish("cancelled")
        self.position = self.size = 0

    async def _print(self) -> None:
        klippy, error = self._klippy, None
        klippy.stats.start()
        self.file.seek(self.position)
        while not self.must_pause:
            if klippy.gcode.locked() or klippy.waiting:  # somebody's script comes first
                await asyncio.sleep(0.01)
                continue
            line = self.file.readline()
            if not line:
                self._close()
                break
            try:
                await klippy.run_script(line.decode("utf-8", "replace"))
            except CommandError as exc:
                error = str(exc)
                break
            self.position += len(line)
        self.work = None
        if error is not None:
            klippy.stats.finish("error", error)
        elif self.file is not None:
            klippy.stats.pause()
        else:
            klippy.stats.finish("complete")

    def _close(self) -> None:
        if self.file is not None:
            self.file.close()
            self.file = None


class Client:
    """One connection, which is Moonraker's."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self.wanted: dict[str, list[str] | None] = {}
        self.template: dict[str, Any] = {}
        self.last: dict[str, dict[str, Any]] = {}

    def send(self, message: dict[str, Any]) -> None:
        self._writer.write(json.dumps(message).encode() + END)

    def close(self) -> None:
        self._writer.close()


class Klippy:
    """The printer and its API."""

    def __init__(self, folder: Path, broken: str | None) -> None:
        self.folder = folder
        self._broken = broken
        self.prints: list[str] = []  # the files that were begun, over all restarts; Klipper itself doesn't tell
        self._clients: set[Client] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._begin()

    def _begin(self) -> None:
        self.state, self.message = "startup", "Printer is not ready"
        self.gcode = asyncio.Lock()
        self.waiting = 0  # scripts; Klipper itself doesn't tell
        self.heaters = {name: Heater(hottest) for name, hottest in HEATERS.items()}
        self.stats = Stats()
        self.sd = SdCard(self)
        self.is_paused = self.sd_paused = False
        self.homed = ""
        self.position = dict.fromkeys("XYZE", 0.0)
        self.modes = {"absolute": True, "absolute_e": True, "speed": 25.0}
        self.saved: dict[str, dict[str, Any]] = {}

    async def come_up(self) -> None:
        await asyncio.sleep(STARTUP)
        if self._broken is None:
            self.state, self.message = "ready", READY
        else:
            self.state, self.message = "error", self._broken

    def shut_down(self, reason: str) -> None:
        if self.state == "shutdown":
            return
        self.state, self.message = "shutdown", SHUT_DOWN.format(reason=reason)
        self.sd.must_pause = True
        for heater in self.heaters.values():
            heater.target = 0.0

    def restart(self) -> None:
        for client in tuple(self._clients):
            client.close()
        if self.sd.work is not None:
            self.sd.work.cancel()
        self._begin()
        self._spawn(self.come_up())

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # objects

    def objects(self) -> dict[str, dict[str, Any]]:
        """All objects and their fields."""
        found: dict[str, dict[str, Any]] = {
            "webhooks": {"state": self.state, "state_message": self.message},
            "configfile": {
                "config": {"virtual_sdcard": {"path": str(self.folder)}},
                "settings": {},
                "warnings": [],
                "save_config_pending": False,
            },
            "gcode": {"commands": {}, "waiting": self.waiting, "prints": list(self.prints)},
        }
        if self.state in {"startup", "error"}:
            return found
        return found | {
            "print_stats": self.stats.status(),
            "virtual_sdcard": self.sd.status,
            "pause_resume": {"is_paused": self.is_paused},
            "display_status": {"progress": self.sd.status["progress"], "message": None},
            "gcode_move": {
                "absolute_coordinates": self.modes["absolute"],
                "absolute_extrude": self.modes["absolute_e"],
                "speed": self.modes["speed"] * 60,
                "position": list(self.position.values()),
            },
            "toolhead": {
                "homed_axes": self.homed,
                "position": list(self.position.values()),
                "axis_minimum": [0.0, 0.0, 0.0, 0.0],
                "axis_maximum": [ROOM, ROOM, ROOM, 0.0],
            },
            **{name: heater.status for name, heater in self.heaters.items()},
        }

    def query(self, wanted: dict[str, list[str] | None]) -> dict[str, dict[str, Any]]:
        """What was asked for; nothing of what isn't there."""
        objects = self.objects()
        return {
            name: {field: value for field, value in objects.get(name, {}).items() if fields is None or field in fields}
            for name, fields in wanted.items()
        }

    async def tick(self) -> None:
        """Time passes for heaters, and subscribers get what has changed."""
        while True:
            await asyncio.sleep(TICK)
            for heater in self.heaters.values():
                heater.advance(TICK)
            for client in self._clients:
                now = self.query(client.wanted)
                changed = {
                    name: fields
                    for name, all_fields in now.items()
                    if (
                        fields := {
                            field: value
                            for field, value in all_fields.items()
                            if field not in client.last.get(name, {}) or client.last[name][field] != value
                        }
                    )
                }
                client.last = now
                if changed:
                    client.send({**client.template, "params": {"eventtime": time.monotonic(), "status": changed}})

    # API

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = Client(writer)
        self._clients.add(client)
        try:
            while True:
                request = json.loads((await reader.readuntil(END))[:-1])
                self._spawn(self._answer(client, request))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._clients.discard(client)
            writer.close()

    async def _answer(self, client: Client, request: dict[str, Any]) -> None:
        try:
            outcome = {"result": await self._call(client, request["method"], request.get("params", {})) or {}}
        except CommandError as exc:
            outcome = {"error": {"error": "WebRequestError", "message": str(exc)}}
        if "id" in request and client in self._clients:
            client.send({"id": request["id"], **outcome})

    async def _call(self, client: Client, method: str, params: dict[str, Any]) -> dict[str, Any] | None:
        calls: dict[str, Callable[[], Any]] = {
            "info": self._info,
            "list_endpoints": lambda: {"endpoints": list(calls)},
            "emergency_stop": lambda: self.shut_down("Shutdown due to webhooks request"),
            "register_remote_method": lambda: None,
            "objects/list": lambda: {"objects": list(self.objects())},
            "objects/query": lambda: self._status(params["objects"]),
            "objects/subscribe": lambda: self._subscribe(client, params),
            "gcode/help": lambda: {"PAUSE": "Pauses the current print"},
            "gcode/subscribe_output": lambda: None,
            "gcode/script": lambda: self.run_script(params["script"]),
            "gcode/restart": lambda: self.run_script("RESTART"),
            "gcode/firmware_restart": lambda: self.run_script("FIRMWARE_RESTART"),
            "pause_resume/pause": lambda: self.run_script("PAUSE"),
            "pause_resume/resume": lambda: self.run_script("RESUME"),
            "pause_resume/cancel": lambda: self.run_script("CANCEL_PRINT"),
        }
        if method not in calls:
            raise CommandError(f"webhooks: No registered callback for path '{method}'")
        outcome = calls[method]()
        return await outcome if asyncio.iscoroutine(outcome) else outcome

    def _info(self) -> dict[str, Any]:
        return {
            "state": self.state,
            "state_message": self.message,
            "hostname": "printer",
            "klipper_path": str(self.folder.parent / "klipper"),
            "python_path": sys.executable,
            "process_id": os.getpid(),
            "user_id": os.getuid(),
            "group_id": os.getgid(),
            "log_file": str(self.folder.parent / "klippy.log"),
            "config_file": str(self.folder.parent / "printer.cfg"),
            "software_version": "stand-in",
            "cpu_info": "",
        }

    def _status(self, wanted: dict[str, list[str] | None]) -> dict[str, Any]:
        return {"eventtime": time.monotonic(), "status": self.query(wanted)}

    def _subscribe(self, client: Client, params: dict[str, Any]) -> dict[str, Any]:
        client.wanted, client.template = params["objects"], params.get("response_template", {})
        answer = self._status(client.wanted)
        client.last = answer["status"]
        return answer

    # G-code

    async def run_script(self, script: str) -> None:
        """Line after line, and nobody else's in between; CommandError ends it."""
        self.waiting += 1
        async with self.gcode:
            self.waiting -= 1
            for line in script.split("\n"):
                await self._execute(line)

    async def _execute(self, line: str) -> None:
        bare = line.partition(";")[0].strip()
        if not bare:
            return
        if traditional := TRADITIONAL.match(bare):
            name = traditional[1].upper()
            params = {letter.upper(): value or "" for letter, value in WORD.findall(traditional[2])}
        else:
            name, params = self._extended(line)
        if self.state != "ready" and name not in ALWAYS:
            raise CommandError(self.message)
        command = getattr(self, f"cmd_{name}", None)
        if command is not None:
            outcome = command(params)
            if asyncio.iscoroutine(outcome):
                await outcome

    def _extended(self, line: str) -> tuple[str, Params]:
        found = EXTENDED.match(line)
        try:
            if found is None:
                raise ValueError
            pairs = [word.split("=", 1) for word in shlex.split(found[2])]
            return found[1].upper(), {key.upper(): value for key, value in pairs}
        except ValueError:
            raise CommandError(f"Malformed command '{line}'") from None

    def cmd_M112(self, params: Params) -> None:
        self.shut_down("Shutdown due to M112 command")

    def cmd_RESTART(self, params: Params) -> None:
        self.restart()

    cmd_FIRMWARE_RESTART = cmd_RESTART

    async def cmd_G4(self, params: Params) -> None:
        await asyncio.sleep(float(params.get("P", 0)) / 1000)

    async def cmd_G28(self, params: Params) -> None:
        axes = [axis for axis in "XYZ" if axis in params] or list("XYZ")
        await asyncio.sleep(0.1)
        self.position.update(dict.fromkeys(axes, 0.0))
        self.homed = "".join(axis for axis in "xyz" if axis in self.homed or axis.upper() in axes)

    async def cmd_G1(self, params: Params) -> None:
        to = dict(self.position)
        for axis, value in params.items():
            if axis in to:
                absolute = self.modes["absolute_e" if axis == "E" else "absolute"]
                to[axis] = float(value) + (0.0 if absolute else to[axis])
        for axis in "XYZ":
            if to[axis] != self.position[axis]:
                if axis.lower() not in self.homed:
                    raise CommandError(f"Must home axis first: {to['X']:.3f} {to['Y']:.3f} {to['Z']:.3f} [0.000]")
                if not 0 <= to[axis] <= ROOM:
                    raise CommandError(f"Move out of range: {to['X']:.3f} {to['Y']:.3f} {to['Z']:.3f} [0.000]")
        pushed = to["E"] - self.position["E"]
        if pushed and self.heaters["extruder"].actual < COLDEST_EXTRUSION:
            raise CommandError("Extrude below minimum temp\nSee the 'min_extrude_temp' config option for details")
        if "F" in params:
            self.modes["speed"] = float(params["F"]) / 60
        await asyncio.sleep(sum(abs(to[axis] - self.position[axis]) for axis in to) / self.modes["speed"])
        self.stats.filament += pushed
        self.position = to

    cmd_G0 = cmd_G1

    def cmd_G90(self, params: Params) -> None:
        self.modes["absolute"] = True

    def cmd_G91(self, params: Params) -> None:
        self.modes["absolute"] = False

    def cmd_M82(self, params: Params) -> None:
        self.modes["absolute_e"] = True

    def cmd_M83(self, params: Params) -> None:
        self.modes["absolute_e"] = False

    def cmd_G92(self, params: Params) -> None:
        self.position.update({axis: float(value) for axis, value in params.items() if axis in self.position})

    def cmd_SAVE_GCODE_STATE(self, params: Params) -> None:
        self.saved[params.get("NAME", "default")] = dict(self.modes)

    def cmd_RESTORE_GCODE_STATE(self, params: Params) -> None:
        name = params.get("NAME", "default")
        if name not in self.saved:
            raise CommandError(f"Unknown g-code state: {name}")
        self.modes = dict(self.saved[name])

    def cmd_M104(self, params: Params) -> None:
        self.heaters["extruder"].set(float(params.get("S") or 0))

    def cmd_M140(self, params: Params) -> None:
        self.heaters["heater_bed"].set(float(params.get("S") or 0))

    async def cmd_M109(self, params: Params) -> None:
        self.cmd_M104(params)
        await self._heated("extruder")

    async def cmd_M190(self, params: Params) -> None:
        self.cmd_M140(params)
        await self._heated("heater_bed")

    async def _heated(self, name: str) -> None:
        heater = self.heaters[name]
        while self.state == "ready" and heater.target and heater.actual < heater.target - 2:
            await asyncio.sleep(0.05)

    def cmd_SET_HEATER_TEMPERATURE(self, params: Params) -> None:
        name = params.get("HEATER", "")
        if name not in self.heaters:
            raise CommandError(f"The value '{name}' is not valid for HEATER")
        self.heaters[name].set(float(params.get("TARGET", 0)))

    async def cmd_SDCARD_PRINT_FILE(self, params: Params) -> None:
        if self.sd.work is not None:
            raise CommandError("SD busy")
        await self.sd.reset()
        name = params["FILENAME"].removeprefix("/")
        self.sd.load(name)
        self.sd.resume()
        self.prints.append(name)

    async def cmd_SDCARD_RESET_FILE(self, params: Params) -> None:
        await self.sd.reset()

    async def cmd_PAUSE(self, params: Params) -> None:
        if self.is_paused:
            return
        self.sd_paused = self.sd.work is not None
        await self.sd.pause()
        self.is_paused = True

    def cmd_RESUME(self, params: Params) -> None:
        if not self.is_paused:
            return
        self.is_paused = False
        if self.sd_paused:
            self.sd.resume()

    async def cmd_CANCEL_PRINT(self, params: Params) -> None:
        if self.sd.work is not None or self.sd_paused:
            await self.sd.cancel()
        self.cmd_CLEAR_PAUSE(params)

    def cmd_CLEAR_PAUSE(self, params: Params) -> None:
        self.is_paused = self.sd_paused = False


async def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("socket", type=Path)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--broken")
    given = arguments.parse_args()
    given.socket.unlink(missing_ok=True)
    klippy = Klippy(given.folder, given.broken)
    server = await asyncio.start_unix_server(klippy.serve, given.socket, limit=1 << 24)
    async with server:
        await asyncio.gather(klippy.come_up(), klippy.tick())


if __name__ == "__main__":
    asyncio.run(main())
