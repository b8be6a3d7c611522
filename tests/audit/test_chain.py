"""The table takes nothing but the next record; whatever is done to it in spite of that, `verify` names."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxgate.audit.archive import AuditFileError, export, prune, read_export
from fluxgate.audit.chain import append, append_in, records
from fluxgate.audit.record import GENESIS, AuditRecord, digest, now, sealed
from fluxgate.audit.verify import verify
from fluxgate.audit_notes import AuditNotes, clean
from fluxgate.db import Database, UniqueViolationError
from fluxgate.migrations import drift, migrate
from tests.support.postgres import GATEWAY

pytestmark = pytest.mark.anyio


def intent(action: str = "t.make", **more: Any) -> AuditRecord:
    return AuditRecord(kind="intent", at=now(), principal="ada", action=action, **more)


def outcome(change: int) -> AuditRecord:
    return AuditRecord(
        kind="outcome", at=now(), change=change, status=201, result="done", details={"size": 1, "x": None}
    )


async def fill(database: Database, changes: int = 5) -> list[AuditRecord]:
    made: list[AuditRecord] = []
    for _ in range(changes):
        made += await append(database, [intent(params={"b": "ü\u2028\"'{}", "a": "1"})])
        made += await append(database, [outcome(made[-1].seq)])
    return made


async def tamper(database: Database, *statements: str) -> None:
    """What somebody with all rights on the database can do."""
    if database.dialect == "postgres":
        await database.fetch("ALTER TABLE audit_records DISABLE TRIGGER ALL")
    else:
        for row in await database.fetch("SELECT name FROM sqlite_master WHERE type = 'trigger'"):
            await database.fetch(f"DROP TRIGGER {row['name']}")
    for statement in statements:
        await database.fetch(statement)


async def test_what_was_appended_is_read_back_and_verifies(audited: Database) -> None:
    made = await fill(audited)
    assert [record async for record in records(audited)] == made
    verdict = await verify(records(audited), pinned=made[3].hash)
    assert (verdict.fault, verdict.count, verdict.head, verdict.after) == ("", 10, made[-1].hash, GENESIS)
    assert verdict.unfinished == ()


async def test_an_empty_chain_is_whole(audited: Database) -> None:
    assert (await verify(records(audited))).fault == ""
    assert "cut" in (await verify(records(audited), pinned="ab" * 32)).fault


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_records SET principal = 'eve'",
        "UPDATE audit_records SET seq = 99 WHERE seq = 10",
        "DELETE FROM audit_records WHERE seq = 10",
        "DELETE FROM audit_records",
    ],
)
async def test_rows_are_neither_changed_nor_removed(audited: Database, statement: str) -> None:
    await fill(audited)
    with pytest.raises(Exception, match="append-only"):
        await audited.fetch(statement)
    assert (await verify(records(audited))).count == 10


async def test_nothing_is_truncated_or_replaced(audited: Database) -> None:
    made = await fill(audited)
    columns = ", ".join(AuditRecord.__struct_fields__)
    copied = columns.replace("seq,", "{},").replace("previous", "'x'", 1)
    for seq in (5, 11, 12):
        with pytest.raises(Exception, match=r"follow|append-only|unique|UNIQUE"):
            await audited.fetch(
                f"INSERT INTO audit_records ({columns}) SELECT {copied} FROM audit_records WHERE seq = 1",
                seq,
            )
    replacing = {
        "sqlite": f"INSERT OR REPLACE INTO audit_records SELECT {columns} FROM audit_records WHERE seq = 5",
        "postgres": "TRUNCATE audit_records",
    }
    with pytest.raises(Exception, match=r"follow|append-only"):
        await audited.fetch(replacing[audited.dialect])
    assert (await verify(records(audited), pinned=made[-1].hash)).fault == ""


async def test_an_intent_has_one_outcome(audited: Database) -> None:
    await fill(audited, 1)
    with pytest.raises(UniqueViolationError):
        await append(audited, [outcome(1)])
    assert (await verify(records(audited))).count == 2


@pytest.mark.parametrize(
    ("statements", "fault"),
    [
        (["UPDATE audit_records SET principal = 'eve' WHERE seq = 3"], "record 3 was changed"),
        (["UPDATE audit_records SET details = 'no json' WHERE seq = 4"], "record 4 was changed"),
        (["UPDATE audit_records SET status = 500 WHERE seq = 10"], "record 10 was changed"),
        (["UPDATE audit_records SET at = '2020' WHERE seq = 1"], "record 1 was changed"),
        (["DELETE FROM audit_records WHERE seq = 4"], "record 4 is missing"),
        (["DELETE FROM audit_records WHERE seq IN (4, 5, 6)"], "records 4 to 6 are missing"),
        (["DELETE FROM audit_records WHERE seq <= 2"], "records 1 to 2 are missing, and no checkpoint says"),
        (
            [
                "UPDATE audit_records SET seq = 99 WHERE seq = 3",
                "UPDATE audit_records SET seq = 3 WHERE seq = 5",
                "UPDATE audit_records SET seq = 5 WHERE seq = 99",
            ],
            "record 3 was changed",
        ),
        (["DELETE FROM audit_records WHERE seq > 8"], "is missing: the chain was cut before it"),
        (["DELETE FROM audit_records"], "is missing: the chain was cut before it"),
    ],
)
async def test_the_first_broken_record_is_named(audited: Database, statements: list[str], fault: str) -> None:
    made = await fill(audited)
    await tamper(audited, *statements)
    assert fault in (await verify(records(audited), pinned=made[-1].hash)).fault


async def test_a_chain_written_anew_misses_its_head(audited: Database) -> None:
    made = await fill(audited)
    forged: list[AuditRecord] = []
    for record in made:
        more = {"principal": "eve"} if record.seq == 3 else {}
        forged.append(
            sealed(msgspec.structs.replace(record, **more), record.seq, forged[-1].hash if forged else GENESIS)
        )
    assert (await verify(walk(forged))).fault == ""
    assert "written anew" in (await verify(walk(forged), pinned=made[-1].hash)).fault
    assert (
        await verify(walk([*forged[:5], *made[5:]]))
    ).fault == "record 6 doesn't follow record 5: one of the two was replaced"


async def walk(chain: list[AuditRecord]) -> AsyncIterator[AuditRecord]:
    for record in chain:
        yield record


async def test_order_in_a_file(audited: Database) -> None:
    made = await fill(audited)
    assert (await verify(walk([made[0], made[2], made[1]]))).fault == "record 2 is missing"
    assert (await verify(walk([*made[:4], made[2]]))).fault == "record 3 is out of order: it comes after record 4"
    stray = sealed(outcome(2), 11, made[-1].hash)
    assert "record 11 is the outcome of 2" in (await verify(walk([*made, stray]))).fault


async def test_replicas_make_one_chain(audited: Database) -> None:
    other = Database.from_url(audited._url)
    await other.start()
    try:

        async def many(database: Database) -> None:
            for _ in range(20):
                await append(database, [intent(), intent()])

        await asyncio.gather(many(audited), many(other))
    finally:
        await other.stop()
    verdict = await verify(records(audited))
    assert (verdict.fault, verdict.count, verdict.unfinished_count) == ("", 80, 80)


async def test_what_is_rolled_back_leaves_no_gap(audited: Database) -> None:
    await fill(audited, 1)

    async def rolled_back() -> None:
        async with audited.transaction():
            await append_in(audited, [intent()])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await rolled_back()
    assert [record.seq for record in await append(audited, [intent()])] == [3]
    assert (await verify(records(audited))).unfinished == (3,)


async def test_exports_verify_without_the_database(audited: Database) -> None:
    made = await fill(audited)
    file = io.BytesIO()
    assert await export(audited, file) == 10
    lines = file.getvalue().splitlines(keepends=True)

    async def fault(content: bytes, pinned: str = "") -> str:
        return (await verify(read_export(io.BytesIO(content)), pinned=pinned, whole=False)).fault

    assert await fault(b"".join(lines), made[-1].hash) == ""
    assert await fault(b"".join(lines[4:]), made[-1].hash) == ""
    assert await fault(b"".join(lines).replace(b"ada", b"eve", 1)) == "record 1 was changed"
    assert await fault(b"".join([*lines[:4], *lines[5:]])) == "record 5 is missing"
    assert "cut" in await fault(b"".join(lines[:-1]), made[-1].hash)
    for garbage in (b"no json\n", b"[]\n", lines[0].replace(b'{"', b'{"more":1,"', 1), lines[0][:50]):
        with pytest.raises(AuditFileError, match="line 1 "):
            await fault(garbage)


async def test_pruning_keeps_the_chain_whole(audited: Database, tmp_path: Path) -> None:
    made = await fill(audited)
    await append(audited, [intent()])
    archive = tmp_path / "archive.jsonl"
    pruned = await prune(audited, made[6].at, archive, principal="cli:ada")
    assert pruned is not None
    assert (pruned.count, pruned.through) == (6, 6)
    verdict = await verify(records(audited), pinned=made[-1].hash)
    assert (verdict.fault, verdict.first, verdict.last, verdict.after) == ("", 7, 12, made[5].hash)
    with archive.open("rb") as file:
        archived = await verify(read_export(file), pinned=verdict.after, whole=False)
    assert (archived.fault, archived.count) == ("", 6)
    with pytest.raises(Exception, match="append-only"):
        await audited.fetch("DELETE FROM audit_records")
    await append(audited, [outcome(11)])
    assert await prune(audited, made[6].at, tmp_path / "none", principal="cli:ada") is None
    everything = await prune(audited, now(), tmp_path / "second.jsonl", principal="cli:ada")
    assert everything is not None
    assert [record.kind async for record in records(audited)] == ["checkpoint"]
    assert (await verify(records(audited))).fault == ""
    await append(audited, [intent()])
    await tamper(audited, "DELETE FROM audit_records WHERE kind = 'checkpoint'")
    assert "no checkpoint" in (await verify(records(audited))).fault


async def test_pruning_removes_nothing_it_has_not_kept(audited: Database, tmp_path: Path) -> None:
    made = await fill(audited)
    await tamper(audited, "UPDATE audit_records SET principal = 'eve' WHERE seq = 3")
    with pytest.raises(AuditFileError, match="record 3 was changed"):
        await prune(audited, now(), tmp_path / "a", principal="cli:ada")
    with pytest.raises(FileExistsError):
        await prune(audited, now(), tmp_path / "a", principal="cli:ada")
    assert len([record async for record in records(audited)]) == len(made)


async def test_the_migration_goes_back_and_nothing_drifts(audited: Database) -> None:
    assert await drift([GATEWAY]) == {}
    await fill(audited, 1)
    await migrate(audited, [GATEWAY], "backwards", target="2026-11-24T09:10:00:000000")
    await migrate(audited, [GATEWAY])
    assert (await verify(records(audited))).count == 0


TEXT = st.text(max_size=40)
DETAIL = st.one_of(TEXT, st.integers(-(2**63), 2**63 - 1), st.booleans(), st.none())


@given(
    st.builds(
        lambda text, params, details: (text, params, details),
        TEXT,
        st.dictionaries(TEXT, TEXT, max_size=4),
        st.dictionaries(TEXT, DETAIL, max_size=4),
    )
)
def test_a_record_survives_its_line(values: tuple[str, dict[str, str], dict[str, Any]]) -> None:
    text, params, details = values
    record = sealed(
        AuditRecord(
            kind="denied",
            at=now(),
            path=clean(text),
            params={clean(name): clean(value) for name, value in params.items()},
            details={clean(name): clean(value) if isinstance(value, str) else value for name, value in details.items()},
        ),
        1,
        GENESIS,
    )
    again = msgspec.json.decode(msgspec.json.encode(record), type=AuditRecord)
    assert again == record
    assert digest(again) == record.hash
    assert digest(msgspec.structs.replace(record, path=record.path + "x")) != record.hash


def test_notes_are_cut_and_cleaned() -> None:
    notes = AuditNotes()
    notes.note(target="a\x00\ud800" + "x" * 1000, **{f"d{n}": n for n in range(50)})
    assert len(notes.target) == 512
    assert notes.target.startswith("a\ufffd")
    assert len(notes.details) == 32
