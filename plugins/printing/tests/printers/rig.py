"""What the contract suite works with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
from fluxgate_printing.models import PrinterState
from fluxgate_printing.printers.base import PrinterDriver

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
