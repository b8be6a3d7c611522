"""What the contract suite works with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from fluxgate_printing.models import PrinterState
from fluxgate_printing.printers.base import PrinterDriver, PrinterError

from tests.support.waiting import eventually


class Rig(msgspec.Struct, frozen=True):
    """A driver on a fresh, idle printer, and files to print with it."""

    driver: PrinterDriver
    folder: Path

    def gcode(self, commands: int) -> Path:
        """A file that takes 0.1 s a command. It says how far it is as slicers' files do: PrusaLink knows by nothing
        else.
        """
        path = self.folder / f"{commands}.gcode"
        lines = ["; nothing but waiting", "M73 P0 R9"]
        told = 0
        for done in range(1, commands + 1):
            lines.append("G4 P100")
            if (percent := max(done * 100 // commands, 1)) != told:
                told = percent
                lines.append(f"M73 P{percent} R9")
        path.write_text("\n".join(lines) + "\n")
        return path

    @property
    def short(self) -> Path:
        return self.gcode(8)

    @property
    def long(self) -> Path:
        return self.gcode(5000)

    async def until(self, condition: Callable[[PrinterState], bool], timeout: float = 15) -> PrinterState:
        """The first state read that meets the condition."""
        return (await self.states_until(condition, timeout))[-1]

    async def states_until(self, condition: Callable[[PrinterState], bool], timeout: float = 15) -> list[PrinterState]:
        """All states read up to the first that meets the condition."""
        seen: list[PrinterState] = []

        async def met() -> bool:
            seen.append(await self.driver.read_state())
            return condition(seen[-1])

        await eventually(met, timeout)
        return seen

    async def until_status(self, status: str) -> PrinterState:
        return await self.until(lambda state: state.status == status)


class Watched:
    """What a printer told by itself so far: `states`, and the `error` that ended it."""

    def __init__(self) -> None:
        self.states: list[PrinterState] = []
        self.error: PrinterError | None = None

    @property
    def latest(self) -> PrinterState:
        return self.states[-1]

    async def until(self, condition: Callable[[PrinterState], bool], timeout: float = 15) -> PrinterState:
        """The latest state, once it meets the condition."""
        await eventually(lambda: self.states and condition(self.latest), timeout)
        return self.latest

    async def until_status(self, status: str) -> PrinterState:
        return await self.until(lambda state: state.status == status)

    async def until_error(self) -> PrinterError:
        """Why it ended, once it has."""
        await eventually(lambda: self.error, 30)
        assert self.error is not None
        return self.error


@asynccontextmanager
async def watching(driver: PrinterDriver) -> AsyncIterator[Watched]:
    """Watch a printer meanwhile."""
    watched = Watched()

    async def watch() -> None:
        try:
            async for state in driver.watch():
                watched.states.append(state)
        except PrinterError as exc:
            watched.error = exc

    task = asyncio.create_task(watch())
    try:
        yield watched
    finally:
        task.cancel()
        await asyncio.wait([task])
