"""Records the changes that commands make in the database, beside a gateway that runs or without one."""

from __future__ import annotations

import getpass
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fluxgate.audit.chain import append
from fluxgate.audit.record import AuditRecord, Result, now
from fluxgate.audit_notes import AuditNotes, clean
from fluxgate.db import Database
from fluxgate.settings import AuditSettings

__all__ = ["command_principal", "recorded_command"]


def command_principal() -> str:
    """`cli:` and the name of the machine's user who runs this process."""
    try:
        return clean(f"cli:{getpass.getuser()}")
    except (KeyError, OSError):  # a container's user may have no name
        return "cli:unknown"


@asynccontextmanager
async def recorded_command(
    database: Database, settings: AuditSettings, action: str, *, target: str = ""
) -> AsyncIterator[AuditNotes]:
    """While a command changes something; what it notes in the notes is recorded with the outcome. Raises
    UnavailableError, before anything is changed, where it can't be recorded.

        async with recorded_command(database, settings.audit, "keys.create") as audit:
            key = await create(…)
            audit.note(target=key.id)
    """
    notes = AuditNotes(target=clean(target))
    if not settings.enabled:
        yield notes
        return
    draft = AuditRecord(kind="intent", at=now(), principal=command_principal(), method="cli", action=action)
    [intent] = await append(database, [draft])
    result: Result = "failed"
    try:
        yield notes
        result = "done"
    finally:
        outcome = AuditRecord(
            kind="outcome", at=now(), change=intent.seq, target=notes.target, result=result, details=notes.details
        )
        await append(database, [outcome])
