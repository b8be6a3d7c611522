"""G-code as a stream of commands: what the simulated printer reads.

Anything at all may be in a file; nothing in it raises.
"""

from __future__ import annotations

import re
import string
from functools import lru_cache
from typing import BinaryIO

import msgspec

MAX_LINE = 4096
"""Bytes of a line that are looked at; the rest of a longer one is skipped without being held."""

_WORD = re.compile(rb"([A-Za-z])[ \t]*([-+]?(?:\d+\.?\d*|\.\d+))?")
_BRACKETS = re.compile(rb"\([^)]*\)?")
_CODE = re.compile(rb"0*(\d{1,5})(?:\.(\d{1,2}))?")

_LETTERS = {letter.encode("ascii"): letter.upper() for letter in string.ascii_letters}

# their arguments are text, in which "G1" means nothing
_TEXT_COMMANDS = frozenset({"M16", "M23", "M28", "M30", "M32", "M36", "M117", "M118", "M928"})


class Command(msgspec.Struct, frozen=True, gc=False):
    """One command:

    `code` such as `G1` or `G29.1`, upper case and without leading zeros; a parameter without a value is None.
    """

    code: str
    params: dict[str, float | None]

    def value(self, letter: str) -> float | None:
        """A parameter's value; None if it is absent or has none."""
        return self.params.get(letter)


def parse_line(line: bytes) -> Command | None:
    """The line's command, or None if it has none: empty, a comment, an extended command, rubbish.

    Comments (`;` and brackets), a line number `N…` and a checksum `*…` are dropped; neither is verified, for a file
    isn't a serial line.
    """
    text = line.partition(b";")[0]
    if b"(" in text:
        text = _BRACKETS.sub(b" ", text)
    text = text.partition(b"*")[0].strip()
    if text[:1] in {b"N", b"n"}:
        number = _WORD.match(text)
        if number is None or number[2] is None:
            return None
        text = text[number.end() :].lstrip()
    first = _WORD.match(text)
    if first is None or first[2] is None or (code := _code(first[1], first[2])) is None:
        return None
    if code in _TEXT_COMMANDS:
        return Command(code, {})
    return Command(code, {_LETTERS[letter]: _number(value) for letter, value in _WORD.findall(text, first.end())})


@lru_cache(maxsize=1024)
def _code(letter: bytes, number: bytes) -> str | None:
    digits = _CODE.fullmatch(number)
    if digits is None or _LETTERS[letter] not in {"G", "M", "T"}:
        return None
    return f"{_LETTERS[letter]}{digits[1].decode('ascii')}" + (f".{digits[2].decode('ascii')}" if digits[2] else "")


def _number(text: bytes) -> float | None:
    if not text:
        return None
    value = float(text)
    return value if abs(value) < 1e9 else None  # beyond it, sums would reach infinity


class GcodeReader:
    """Reads commands from a binary file, a bounded line in memory at a time. `position`: bytes read so far."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.position = 0
        self.finished = False

    def next(self) -> Command | None:
        """The next command; None at the end of the file. OSError if the file can't be read."""
        while line := self._line():
            if (command := parse_line(line)) is not None:
                return command
        self.finished = True
        return None

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _line(self) -> bytes:
        line = rest = self._file.readline(MAX_LINE)
        self.position += len(line)
        while len(rest) == MAX_LINE and not rest.endswith(b"\n"):
            rest = self._file.readline(MAX_LINE)
            self.position += len(rest)
        return line
