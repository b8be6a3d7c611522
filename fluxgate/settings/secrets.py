"""Values that stand elsewhere: `env:NAME` and `file:PATH`, in any string of the configuration.

`literal:TEXT` is TEXT as it stands, for a value that really begins with one of the three prefixes. What a reference
stood for is kept out of every error text.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

__all__ = ["SecretError", "SecretResolver"]

ENV_PREFIX = "env:"
FILE_PREFIX = "file:"
LITERAL_PREFIX = "literal:"
MAX_FILE_BYTES = 1_048_576
HIDDEN = "[hidden]"


class SecretError(Exception):
    """A reference leads nowhere; the text names the reference, never a value."""


class SecretResolver:
    """Resolves references against `environ` and, for relative file names, `base`; remembers the texts, to hide them."""

    def __init__(self, environ: Mapping[str, str], base: Path) -> None:
        self._environ = environ
        self._base = base
        self._hidden: set[str] = set()

    def resolve(self, text: str) -> str:
        """The text that `text` stands for. Raises `SecretError`."""
        if text.startswith(LITERAL_PREFIX):
            return text.removeprefix(LITERAL_PREFIX)
        if text.startswith(ENV_PREFIX):
            return self.hide(self._from_environment(text.removeprefix(ENV_PREFIX)))
        if text.startswith(FILE_PREFIX):
            return self.hide(self._from_file(text.removeprefix(FILE_PREFIX)))
        return text

    def hide(self, text: str) -> str:
        """Keep `text` out of messages from now on."""
        self._hidden.add(text)
        return text

    def redact(self, message: str) -> str:
        """The message with every hidden value replaced, as it stands and as `repr` writes it."""
        for text in sorted(self._hidden - {""}, key=len, reverse=True):
            for form in (text, repr(text)[1:-1]):
                message = message.replace(form, HIDDEN)
        return message

    def _from_environment(self, name: str) -> str:
        value = self._environ.get(name)
        if value is None:
            raise SecretError(f"`{ENV_PREFIX}{name}`: the environment variable {name or '(no name)'} isn't set")
        return value

    def _from_file(self, name: str) -> str:
        reference = f"`{FILE_PREFIX}{name}`"
        if not name or "\0" in name:
            raise SecretError(f"{reference}: not a file name")
        path = self._base / name
        try:
            with path.open("rb") as file:
                content = file.read(MAX_FILE_BYTES + 1)
        except FileNotFoundError:
            raise SecretError(f"{reference}: there is no file {path}") from None
        except OSError as error:
            raise SecretError(f"{reference}: {path} can't be read: {error.strerror}") from None
        if len(content) > MAX_FILE_BYTES:
            raise SecretError(f"{reference}: {path} is larger than {MAX_FILE_BYTES} bytes")
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            raise SecretError(f"{reference}: {path} isn't UTF-8 text") from None
        return text.removesuffix("\n").removesuffix("\r")
