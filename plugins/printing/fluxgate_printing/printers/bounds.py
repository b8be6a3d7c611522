"""What a printer may be told beside prints. Printers' own servers take any temperature there is."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from fluxgate.errors import ForbiddenError, UnprocessableError

__all__ = ["Bounds"]

_HEATER = re.compile(r"tool[0-9]{1,2}\Z")
_COMMAND = re.compile(r"([A-Za-z]+[0-9]*(?:\.[0-9]+)?|[A-Za-z_][A-Za-z0-9_]*)(?: [\x21-\x3a\x3c-\x7e\x20]*)?\Z")
"""A word, and arguments: no line end, no comment, nothing that isn't ASCII."""


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """`max_hotend`, `max_bed` in °C; `gcode`: the commands that may be sent, by their first words, upper case."""

    max_hotend: float
    max_bed: float
    gcode: frozenset[str] = frozenset()

    def check_temperature(self, heater: str, target: float) -> None:
        """Raise UnprocessableError TEMPERATURE_OUT_OF_RANGE or UNKNOWN_HEATER."""
        if heater != "bed" and not _HEATER.match(heater):
            raise UnprocessableError("A heater is `bed`, `tool0`, `tool1`, …", code="UNKNOWN_HEATER", field="heater")
        most = self.max_bed if heater == "bed" else self.max_hotend
        if not 0 <= target <= most:
            raise UnprocessableError(
                f"{heater} may be heated to {most:g} °C here.", code="TEMPERATURE_OUT_OF_RANGE", field="target"
            )

    def checked_gcode(self, commands: Sequence[str]) -> list[str]:
        """The commands without spaces around them. UnprocessableError INVALID_GCODE for what isn't one command,
        ForbiddenError GCODE_FORBIDDEN for one that isn't allowed."""
        checked: list[str] = []
        for number, command in enumerate(commands):
            text = command.strip(" ")
            found = _COMMAND.match(text)
            if found is None:
                raise UnprocessableError(
                    "That isn't one G-code command.", code="INVALID_GCODE", field=f"commands[{number}]"
                )
            if found[1].upper() not in self.gcode:
                raise ForbiddenError(
                    f"{found[1].upper()} may not be sent to this printer.",
                    code="GCODE_FORBIDDEN",
                    field=f"commands[{number}]",
                )
            checked.append(text)
        return checked
