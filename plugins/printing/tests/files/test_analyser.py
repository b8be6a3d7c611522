"""The background analysis: new files, files from before, files whose content is gone."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from fluxgate_printing.files.analyser import Analyser
from fluxgate_printing.files.analysis import VERSION
from fluxgate_printing.files.catalog import FileRecord, FileRepository
from fluxgate_printing.files.store import FileStore

from fluxgate.db import Database
from plugins.printing.tests.files.slicers import FILES, SAYS

pytestmark = pytest.mark.anyio


class Shelf:
    """Catalog, store and analyser, on a folder of their own."""

    def __init__(self, database: Database, root: Path) -> None:
        self.catalog = FileRepository(database)
        self.store = FileStore(root)
        self.analyser = Analyser(self.catalog, self.store)

    async def put(self, name: str, content: bytes) -> FileRecord:
        async with self.store.writer(10**8) as writer:
            await writer.write(content)
            stored = await writer.commit()
        return await self.catalog.add(name, stored.sha256, stored.size)


@pytest.fixture
def shelf(database: Database, tmp_path: Path) -> Shelf:
    return Shelf(database, tmp_path / "files")


async def test_a_new_file_is_read_soon(shelf: Shelf) -> None:
    async with shelf.analyser.running():
        for slicer, content in FILES.items():
            file = await shelf.put(f"{slicer}.gcode", content)
            assert file.known.version == 0
            shelf.analyser.wake()
            read = await shelf.analyser.analysed(file, 20)
            assert read.known.version == VERSION
            assert read.known.estimated_time == SAYS[slicer].estimated_time


async def test_files_from_before_are_read_at_the_start(shelf: Shelf) -> None:
    never = await shelf.put("never.gcode", FILES["cura"])
    older = await shelf.put("older.gcode", FILES["orca"])
    await shelf.catalog.set_analysis(older.id, {"slicer": "OrcaSlicer 2.1.1", "estimated_time": 1.0})
    current = await shelf.put("current.gcode", FILES["prusa"])
    await shelf.catalog.set_analysis(current.id, {"version": VERSION, "slicer": "somebody"})
    gone = await shelf.put("gone.gcode", FILES["super"])
    await shelf.store.delete(gone.sha256)
    async with shelf.analyser.running():
        assert (await shelf.analyser.analysed(never, 20)).known.slicer == "Cura"
        assert (await shelf.analyser.analysed(older, 20)).known.estimated_time == 2712
        assert (await shelf.analyser.analysed(gone, 20)).known.version == VERSION
    read = await shelf.catalog.get(current.id)
    assert read is not None
    assert read.known.slicer == "somebody"
    assert await shelf.catalog.next_to_analyse(VERSION) is None


async def test_nobody_waits_for_ever(shelf: Shelf) -> None:
    file = await shelf.put("a.gcode", FILES["cura"])
    assert (await shelf.analyser.analysed(file, 0.05)) == file
    await shelf.catalog.remove("a.gcode")
    async with shelf.analyser.running():
        assert (await shelf.analyser.analysed(file, 0.05)) == file


async def test_the_loop_goes_on_meanwhile(shelf: Shelf) -> None:
    big = FILES["prusa"] + b"G1 X1 Y1 E0.1\n" * 5_000_000
    file = await shelf.put("big.gcode", big)
    longest = 0.0
    loop = asyncio.get_running_loop()
    async with shelf.analyser.running():
        waiting = asyncio.create_task(shelf.analyser.analysed(file, 60))
        while not waiting.done():
            before = loop.time()
            await asyncio.sleep(0.001)
            longest = max(longest, loop.time() - before)
    assert (await waiting).known.layer_count == 120
    assert longest < 1.0
