"""Walks a chain and names the first record that isn't what it was: changed, missing, replaced or out of order.

It holds one record at a time, and the numbers of the changes whose outcome hasn't come yet.
"""

from __future__ import annotations

from collections.abc import AsyncIterable

import msgspec

from fluxgate.audit.record import GENESIS, AuditRecord, digest

__all__ = ["CHECKPOINT_HASH", "CHECKPOINT_SEQ", "Verdict", "verify"]

CHECKPOINT_SEQ = "through"
"""The detail of a checkpoint that says which record was the last that was archived."""

CHECKPOINT_HASH = "hash"
"""And that record's hash."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a walk found. `fault`: what is wrong and with which record, empty if nothing is. `first`, `last`: seqs,
    0 in an empty chain; `head`: the last record's hash. `after`: the hash that the first record follows. `unfinished`:
    seqs of changes without an outcome, at most the first hundred of `unfinished_count`."""

    fault: str = ""
    count: int = 0
    first: int = 0
    last: int = 0
    head: str = GENESIS
    after: str = GENESIS
    unfinished: tuple[int, ...] = ()
    unfinished_count: int = 0


async def verify(chain: AsyncIterable[AuditRecord], *, pinned: str = "", whole: bool = True) -> Verdict:
    """Walk it.

    `pinned`: a head's hash that was kept elsewhere; the chain must still have that record, so that nobody can have cut
    its end or written it anew. `whole`: a chain that doesn't begin with the first record of all must have the
    checkpoint that says what became of those before (a table); else it may begin anywhere (an archive).
    """
    count = first = last = 0
    after = previous = GENESIS
    fault = ""
    pin_found = not pinned
    open_changes: dict[int, None] = {}
    checkpoint: tuple[object, object] | None = None
    async for record in chain:
        if count == 0:
            first, after = record.seq, record.previous
            last, previous = first - 1, after
            if first == 1 and after != GENESIS:
                fault = "record 1 doesn't begin a chain: it was replaced"
            pin_found = pin_found or pinned == after
        if not fault:
            fault = _fault(record, last, previous)
        if not fault and record.change is not None and record.change >= first:
            if record.change not in open_changes:
                fault = f"record {record.seq} is the outcome of {record.change}, which is no change without one"
            open_changes.pop(record.change, None)
        if fault:
            break
        count += 1
        last, previous = record.seq, record.hash
        pin_found = pin_found or pinned == previous
        if record.kind == "intent":
            open_changes[record.seq] = None
        elif record.kind == "checkpoint":
            checkpoint = (record.details.get(CHECKPOINT_SEQ), record.details.get(CHECKPOINT_HASH))
    if not fault and whole and first > 1 and checkpoint != (first - 1, after):
        fault = f"records 1 to {first - 1} are missing, and no checkpoint says that they were archived"
    if not fault and not pin_found:
        fault = f"the record with the hash {pinned} is missing: the chain was cut before it, or written anew"
    return Verdict(
        fault=fault,
        count=count,
        first=first,
        last=max(last, 0),
        head=previous,
        after=after,
        unfinished=tuple(open_changes)[:100],
        unfinished_count=len(open_changes),
    )


def _fault(record: AuditRecord, last: int, previous: str) -> str:
    seq = record.seq
    if seq <= last:
        return f"record {seq} is out of order: it comes after record {last}"
    if seq > last + 1:
        missing = f"record {seq - 1} is" if seq == last + 2 else f"records {last + 1} to {seq - 1} are"
        return f"{missing} missing"
    if digest(record) != record.hash:
        return f"record {seq} was changed"
    if record.previous != previous:
        return f"record {seq} doesn't follow record {seq - 1}: one of the two was replaced"
    return ""
