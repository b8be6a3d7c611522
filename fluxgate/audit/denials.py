"""How many refused attempts are recorded, so that whoever makes them can't fill the disk."""

from __future__ import annotations

import time

__all__ = ["Denials"]


class Denials:
    """A bucket of `per_minute` records, which fills up again steadily. `passed_over`: how many attempts found it
    empty since the last that was recorded."""

    def __init__(self, per_minute: int) -> None:
        self._most = float(per_minute)
        self._left = self._most
        self._at = time.monotonic()
        self.passed_over = 0

    @property
    def is_off(self) -> bool:
        """Whether none is ever recorded."""
        return self._most == 0

    def take(self) -> bool:
        """Whether this attempt is to be recorded."""
        moment = time.monotonic()
        self._left = min(self._most, self._left + (moment - self._at) * self._most / 60)
        self._at = moment
        if self._left < 1:
            self.passed_over += 1
            return False
        self._left -= 1
        return True
