"""What a handler adds to the audit record of the change it makes: on what, and with which numbers."""

from __future__ import annotations

import msgspec

from fluxgate.types import Scope

__all__ = ["AuditNotes", "Detail", "audit_notes", "clean"]

Detail = str | int | bool | None

LONGEST_TEXT = 512
MOST_DETAILS = 32
_KEY = "fluxgate.audit"


class AuditNotes(msgspec.Struct):
    """What was noted so far. `target`: what was changed, in one word that finds it again."""

    target: str = ""
    details: dict[str, Detail] = {}

    def note(self, *, target: str = "", **details: Detail) -> None:
        """Add to the record of the change that this request makes; a later call wins. Never bodies, credentials or
        what a person would call private: the record is kept for long and read by others.

        Texts are cut at 512 characters; at most 32 details are kept. Where nothing is recorded it does nothing.
        """
        if target:
            self.target = clean(target)
        for key, value in details.items():
            name = clean(key)
            if name in self.details or len(self.details) < MOST_DETAILS:
                self.details[name] = clean(value) if isinstance(value, str) else value


def audit_notes(scope: Scope) -> AuditNotes:
    """The notes of the request with this scope, for raw ASGI apps; a handler has them as its dependency `audit`."""
    notes: AuditNotes | None = scope.get(_KEY)
    if notes is None:
        notes = scope[_KEY] = AuditNotes()
    return notes


def clean(text: str, longest: int = LONGEST_TEXT) -> str:
    """The text as every database and terminal takes it: cut, without control characters and lone surrogates."""
    if len(text) > longest:
        text = text[: longest - 1] + "…"
    if text.isascii() and text.isprintable():
        return text
    text = "".join(character if character.isprintable() else "\ufffd" for character in text)
    return text.encode("utf-8", "replace").decode("utf-8")
