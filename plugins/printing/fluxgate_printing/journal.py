"""A local, append-only journal of jobs that were accepted and may not be in the database yet.

One JSON object a line: `{"add": {…}}` when a job was accepted, `{"done": "<entry id>"}` when it is in the database.
Each process writes a file of its own, locked while it lives; the files of dead processes are taken over by the next one
to start. A last line that a crash tore is skipped: its job was never promised to anybody. Everything here blocks;
`recorder.py` calls it from a thread.
"""

from __future__ import annotations

import logging
import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from uuid import UUID, uuid4

import msgspec

from fluxgate_printing.durable import sync_directory

if sys.platform != "win32":
    import fcntl

__all__ = ["AcceptedJob", "Journal"]

log = logging.getLogger(__name__)

COMPACT_OVER = 1024 * 1024
"""Bytes from which on a journal with pending entries is rewritten without the finished ones."""

_SUFFIX = ".jsonl"


class AcceptedJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job that FluxPrint accepted, on its way into `print_jobs`. Writing it is idempotent on `entry_id`.

    `queue_id` is FluxPrint's; `project_id` is what the client said, a UUID or FluxStudio's own id. `source`: the route
    that brought it; `created_by`: the id of the caller, who may print for the projects they have a part in,
    or for `any_project`.
    """

    entry_id: UUID
    queue_id: int | None
    file_name: str
    project_id: str | None
    print_settings: dict[str, Any]
    metadata: dict[str, Any]
    accepted_at: datetime
    source: Literal["queue", "upload"]
    created_by: str | None = None
    any_project: bool = True


class _Line(msgspec.Struct, frozen=True, omit_defaults=True):
    add: AcceptedJob | None = None
    done: UUID | None = None


class Journal:
    """This process's journal in `directory`. Methods raise `OSError` when the disk fails; one thread at a time."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._path = directory
        self._fd: int | None = None
        self._torn = False
        self._pending: dict[UUID, AcceptedJob] = {}
        self._length = 0

    def open(self) -> list[AcceptedJob]:
        """Start this process's file and take over those of dead processes; answers the jobs in them, oldest first."""
        self._directory.mkdir(parents=True, exist_ok=True)
        left = sorted(self._directory.glob(f"accepted-*{_SUFFIX}"))
        self._create()
        for path in left:
            self._take_over(path)
        return sorted(self._pending.values(), key=lambda job: job.accepted_at)

    def add(self, job: AcceptedJob) -> None:
        """Write the job down; it survives a crash once this returns."""
        self._append(_Line(add=job), durable=True)
        self._pending[job.entry_id] = job

    def done(self, entry_id: UUID) -> None:
        """The job is in the database. Not forced to the disk: a replay of a written job does nothing."""
        if self._pending.pop(entry_id, None) is None:
            return
        self._append(_Line(done=entry_id), durable=False)
        if not self._pending and self._fd is not None:
            os.ftruncate(self._fd, 0)
            self._length = 0
        elif self._length > COMPACT_OVER:
            self._rewrite()

    def close(self) -> None:
        """Let go of the file; it stays if jobs are pending."""
        if self._fd is None:
            return
        os.close(self._fd)
        self._fd = None
        if not self._pending:
            self._path.unlink(missing_ok=True)

    def _create(self) -> None:
        while True:
            path = self._directory / f"accepted-{uuid4().hex}{_SUFFIX}"
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            # Until it is locked, a process that starts right now takes it for a dead one's and removes it.
            if _lock(fd) and path.exists():
                break
            os.close(fd)
        self._path, self._fd, self._length = path, fd, 0
        sync_directory(self._directory)

    def _append(self, line: _Line, *, durable: bool) -> None:
        if self._fd is None:
            self._create()
        fd = self._fd
        if fd is None:
            raise OSError("the journal isn't open")
        data = b"\n" * self._torn + msgspec.json.encode(line) + b"\n"
        self._torn = True
        try:
            if os.write(fd, data) != len(data):
                raise OSError("the journal took only a part of the line")
            if durable:
                os.fsync(fd)
        except OSError:
            os.ftruncate(fd, self._length)
            self._torn = False
            raise
        self._torn = False
        self._length += len(data)

    def _take_over(self, path: Path) -> None:
        try:
            fd = os.open(path, os.O_RDWR)
        except FileNotFoundError:  # another process took it
            return
        try:
            if not _lock(fd):  # its process lives
                return
            if not path.exists():  # taken over between our open and our lock
                return
            jobs, damaged = _read(path)
            for job in jobs:
                self.add(job)
            if damaged:
                log.error("%d lines of the journal %s can't be read; it is kept beside", damaged, path.name)
                path.rename(path.with_suffix(".damaged"))
            else:
                path.unlink()
        finally:
            os.close(fd)

    def _rewrite(self) -> None:
        """Move to a new file with the pending jobs only; a crash meanwhile leaves both, and replays are idempotent."""
        old_fd, old_path = self._fd, self._path
        self._create()
        for job in self._pending.values():
            self._append(_Line(add=job), durable=False)
        if self._fd is not None:
            os.fsync(self._fd)
        old_path.unlink(missing_ok=True)
        if old_fd is not None:
            os.close(old_fd)


def _read(path: Path) -> tuple[list[AcceptedJob], int]:
    """The jobs still pending, and how many lines before the last can't be read."""
    pending: dict[UUID, AcceptedJob] = {}
    unreadable: list[int] = []
    lines = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines):
        if not line.strip(b"\x00 "):  # some file systems fill a torn tail with zeros
            continue
        try:
            entry = msgspec.json.decode(line, type=_Line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            unreadable.append(number)
            continue
        if entry.add is not None:
            pending[entry.add.entry_id] = entry.add
        if entry.done is not None:
            pending.pop(entry.done, None)
    torn_tail = len(lines) - 1  # after the last newline: empty, unless the line was torn
    return list(pending.values()), sum(number != torn_tail for number in unreadable)


def _lock(fd: int) -> bool:
    """Lock the open file for this process; False if another one has it. The lock goes with the process."""
    if sys.platform == "win32":
        return True
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
