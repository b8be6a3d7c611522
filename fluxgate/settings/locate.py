"""The line of every key in a TOML document, which tomllib doesn't tell.

Reads text that tomllib has already accepted, so it only needs to know where keys and values begin and end. It never
fails: on anything unexpected it stops and what was found so far is the answer (`Sources.line` then falls back to the
table around a key).
"""

from __future__ import annotations

import contextlib
import tomllib
from bisect import bisect_left

from fluxgate.settings.sources import KeyPath

__all__ = ["locate_keys"]

SPACE = " \t"
BLANK = " \t\r\n"
BARE_END = frozenset(" \t\r\n.=]\"'")
VALUE_END = frozenset(",]}#\r\n")


class _UnexpectedError(Exception):
    """The text isn't the TOML that the scanner knows."""


def locate_keys(text: str) -> dict[KeyPath, int]:
    """Key path to line number (from 1), for tables, dotted keys, inline tables, arrays of tables and array items."""
    scanner = _Scanner(text)
    with contextlib.suppress(_UnexpectedError, tomllib.TOMLDecodeError, RecursionError):
        scanner.document()
    return scanner.lines


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.lines: dict[KeyPath, int] = {}
        self._breaks = [index for index, character in enumerate(text) if character == "\n"]
        self._array_sizes: dict[KeyPath, int] = {}

    def document(self) -> None:
        table: KeyPath = ()
        while self._skip_blank():
            if self._peek() == "[":
                table = self._header()
            else:
                self._pair(table)

    def _header(self) -> KeyPath:
        is_array = self.text.startswith("[[", self.position)
        self.position += 2 if is_array else 1
        start = self.position
        keys = self._key()
        table: KeyPath = ()
        for number, key in enumerate(keys, start=1):
            table = (*table, key)
            self._record(table, start)
            if number == len(keys) and is_array:
                self._array_sizes[table] = self._array_sizes.get(table, 0) + 1
            if table in self._array_sizes:
                table = (*table, self._array_sizes[table] - 1)
                self._record(table, start)
        self._expect("]]" if is_array else "]")
        return table

    def _pair(self, table: KeyPath) -> None:
        start = self.position
        path = table
        for key in self._key():
            path = (*path, key)
            self._record(path, start)
        self._expect("=")
        self._skip(SPACE)
        self._value(path)

    def _key(self) -> list[str]:
        parts: list[str] = []
        while True:
            self._skip(SPACE)
            start = self.position
            if self._peek() in ("'", '"'):
                self._string()
                # A quoted key is written as a single-line string is.
                parts.append(str(tomllib.loads(f"key = {self.text[start : self.position]}")["key"]))
            else:
                while self._peek() and self._peek() not in BARE_END:
                    self.position += 1
                if self.position == start:
                    raise _UnexpectedError
                parts.append(self.text[start : self.position])
            self._skip(SPACE)
            if self._peek() != ".":
                return parts
            self.position += 1

    def _value(self, path: KeyPath) -> None:
        opening = self._peek()
        if opening in ("'", '"'):
            self._string()
        elif opening == "[":
            self._array(path)
        elif opening == "{":
            self._inline_table(path)
        else:
            while self._peek() and self._peek() not in VALUE_END:
                self.position += 1

    def _array(self, path: KeyPath) -> None:
        self.position += 1
        index = 0
        while self._skip_blank() and self._peek() != "]":
            item = (*path, index)
            self._record(item, self.position)
            self._value(item)
            index += 1
            self._skip_blank()
            if self._peek() != ",":
                break
            self.position += 1
        self._expect("]")

    def _inline_table(self, path: KeyPath) -> None:
        self.position += 1
        while self._skip_blank() and self._peek() != "}":
            self._pair(path)
            self._skip_blank()
            if self._peek() != ",":
                break
            self.position += 1
        self._expect("}")

    def _string(self) -> None:
        quote = self.text[self.position]
        if self.text.startswith(quote * 3, self.position):
            self.position += 3
            self._until(quote * 3, escapes=quote == '"')
            # Up to two quotes may stand right before the closing three.
            while self._peek() == quote:
                self.position += 1
        else:
            self.position += 1
            self._until(quote, escapes=quote == '"')

    def _until(self, end: str, *, escapes: bool) -> None:
        while not self.text.startswith(end, self.position):
            if not self._peek():
                raise _UnexpectedError
            self.position += 2 if escapes and self._peek() == "\\" else 1
        self.position += len(end)

    def _skip_blank(self) -> bool:
        """Past white space, line ends and comments; False at the end of the text."""
        while True:
            self._skip(BLANK)
            if self._peek() != "#":
                return bool(self._peek())
            end = self.text.find("\n", self.position)
            self.position = len(self.text) if end < 0 else end

    def _skip(self, characters: str) -> None:
        while self._peek() and self._peek() in characters:
            self.position += 1

    def _expect(self, token: str) -> None:
        self._skip(SPACE)
        if not self.text.startswith(token, self.position):
            raise _UnexpectedError
        self.position += len(token)

    def _peek(self) -> str:
        return self.text[self.position : self.position + 1]

    def _record(self, path: KeyPath, position: int) -> None:
        self.lines.setdefault(path, bisect_left(self._breaks, position) + 1)
