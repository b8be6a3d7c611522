"""The store on a real disk: whole or not at all, once, and nothing left behind."""

from __future__ import annotations

import asyncio
import hashlib
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fluxgate_printing.files.store import FileStore
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fluxgate.errors import NotFoundError, PayloadTooLargeError, ProblemError, UnprocessableError
from tests.support.waiting import eventually

pytestmark = pytest.mark.anyio

MIB = 1024 * 1024


@pytest.fixture
async def store(tmp_path: Path) -> FileStore:
    store = FileStore(tmp_path / "files")
    await store.start()
    return store


def everything(store: FileStore) -> list[Path]:
    return sorted(path for path in store.root.rglob("*") if path.is_file())


async def put(store: FileStore, content: bytes, piece: int = 100_000) -> str:
    async with store.writer(max_bytes=64 * MIB) as writer:
        for start in range(0, len(content), piece):
            await writer.write(content[start : start + piece])
        return (await writer.commit()).sha256


async def test_content_comes_back_under_its_hash(store: FileStore) -> None:
    content = os.urandom(3 * MIB + 17)
    async with store.writer(max_bytes=len(content)) as writer:
        for start in range(0, len(content), 70_001):
            await writer.write(content[start : start + 70_001])
        stored = await writer.commit()
    digest = hashlib.sha256(content).hexdigest()
    assert (stored.sha256, stored.size, stored.path) == (digest, len(content), store.path(digest))
    assert stored.path.relative_to(store.root) == Path(digest[:2], digest[2:])
    with await store.open(digest) as file:
        assert file.read() == content
    assert everything(store) == [stored.path]


async def test_nothing_appears_before_the_commit(store: FileStore) -> None:
    async with store.writer(max_bytes=MIB) as writer:
        await writer.write(b"G28\n")
        assert not store.path(hashlib.sha256(b"G28\n").hexdigest()).exists()
        await writer.commit()
    assert store.path(hashlib.sha256(b"G28\n").hexdigest()).exists()


async def test_the_same_content_is_stored_once_even_at_the_same_time(store: FileStore) -> None:
    content = os.urandom(MIB)
    assert len(set(await asyncio.gather(*(put(store, content) for _ in range(8))))) == 1
    assert len(everything(store)) == 1


async def test_too_much_is_refused_and_leaves_nothing(store: FileStore) -> None:
    with pytest.raises(PayloadTooLargeError) as refused:  # noqa: PT012 - the block is the thing tested
        async with store.writer(max_bytes=MIB) as writer:
            for _ in range(3):
                await writer.write(b"x" * 400_000)
    assert refused.value.problem_code == "FILE_TOO_LARGE"
    assert everything(store) == []


async def test_exactly_the_limit_is_taken(store: FileStore) -> None:
    async with store.writer(max_bytes=MIB) as writer:
        await writer.write(b"x" * MIB)
        assert (await writer.commit()).size == MIB


async def test_an_empty_file_is_refused(store: FileStore) -> None:
    with pytest.raises(UnprocessableError) as refused:
        async with store.writer(max_bytes=MIB) as writer:
            await writer.commit()
    assert refused.value.problem_code == "FILE_EMPTY"
    assert everything(store) == []


async def test_an_exception_or_a_forgotten_commit_leaves_nothing(store: FileStore) -> None:
    with pytest.raises(KeyError):  # noqa: PT012 - the block is the thing tested
        async with store.writer(max_bytes=9 * MIB) as writer:
            await writer.write(b"x" * 2 * MIB)
            raise KeyError
    async with store.writer(max_bytes=9 * MIB) as writer:
        await writer.write(b"x" * 2 * MIB)
    assert everything(store) == []


async def test_cancellation_at_any_moment_leaves_nothing_or_the_whole_file(store: FileStore) -> None:
    content = os.urandom(4 * MIB)
    digest = hashlib.sha256(content).hexdigest()
    for step in range(25):
        task = asyncio.create_task(put(store, content, piece=300_000))
        await asyncio.sleep(step * 0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):  # noqa: PT012 - the block is the thing tested
            await task
            raise asyncio.CancelledError  # it was quicker
        await eventually(lambda: not list((store.root / "incoming").iterdir()))
        if store.path(digest).exists():
            assert store.path(digest).read_bytes() == content
            await store.delete(digest)
    assert everything(store) == []


async def test_files_that_belong_together_appear_together(store: FileStore) -> None:
    async with store.writer(max_bytes=MIB) as one, store.writer(max_bytes=MIB) as other:
        await one.write(b"one")
        await other.write(b"other")
        stored = await store.commit_all([one, other])
    assert [file.path.read_bytes() for file in stored] == [b"one", b"other"]
    with pytest.raises(UnprocessableError):  # noqa: PT012 - the block is the thing tested
        async with store.writer(max_bytes=MIB) as good, store.writer(max_bytes=MIB) as empty:
            await good.write(b"good")
            await store.commit_all([good, empty])
    assert len(everything(store)) == 2


async def test_delete_is_harmless_twice_and_readers_keep_what_they_have(store: FileStore) -> None:
    digest = await put(store, b"G28\n")
    with await store.open(digest) as file:
        assert await store.delete(digest)
        assert not await store.delete(digest)
        assert file.read() == b"G28\n"
    with pytest.raises(NotFoundError):
        await store.open(digest)


@pytest.mark.parametrize("sha256", ["", "..", "../../etc/passwd", "A" * 64, "g" * 64, "a" * 63, "a" * 64 + "\n"])
def test_only_a_hash_is_a_path(tmp_path: Path, sha256: str) -> None:
    with pytest.raises(ValueError):
        FileStore(tmp_path).path(sha256)


async def test_leftovers_of_a_crash_are_swept_and_running_uploads_are_not(store: FileStore) -> None:
    """A process killed in mid-upload."""
    script = f"""
import asyncio, pathlib
from fluxgate_printing.files.store import FileStore
async def main():
    store = FileStore(pathlib.Path({str(store.root)!r}))
    async with store.writer(10**9) as writer:
        for _ in range(8):
            await writer.write(b"x" * 500_000)
        print("written", flush=True)
        await asyncio.sleep(60)
asyncio.run(main())
"""
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline() == b"written\n"
        process.kill()
        process.wait()
    (leftover,) = everything(store)
    assert await FileStore(store.root).start() == 0  # it might be another replica's
    assert everything(store) == [leftover]
    os.utime(leftover, (time.time() - 3700,) * 2)
    assert await FileStore(store.root).start() == 1
    assert everything(store) == []


async def test_a_full_disk_is_507(tmp_path: Path) -> None:
    """Mounting a small file system takes root; the process's own limit on file sizes makes the same write fail."""
    store = FileStore(tmp_path / "files")
    await store.start()
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (MIB, old[1]))
    try:
        with pytest.raises(ProblemError) as refused:  # noqa: PT012 - the block is the thing tested
            async with store.writer(max_bytes=64 * MIB) as writer:
                for _ in range(20):
                    await writer.write(b"x" * 300_000)
                await writer.commit()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
    assert (refused.value.problem_status, refused.value.problem_code) == (507, "STORAGE_FULL")
    assert everything(store) == []
    assert await put(store, b"G28\n")


async def test_free_bytes_is_what_the_file_system_says(store: FileStore) -> None:
    status = os.statvfs(store.root)
    assert abs(await store.free_bytes() - status.f_bavail * status.f_frsize) < 512 * MIB


@given(pieces=st.lists(st.binary(max_size=2000), min_size=1, max_size=30), repeat=st.sampled_from([1, 100, 700]))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_pieces_give_the_same_content(tmp_path: Path, pieces: list[bytes], repeat: int) -> None:
    content = b"".join(piece * repeat for piece in pieces)

    async def store_it() -> None:
        async with FileStore(tmp_path / "any").writer(max_bytes=10**9) as writer:
            for piece in pieces:
                await writer.write(piece * repeat)
            stored = await writer.commit()
        assert stored.sha256 == hashlib.sha256(content).hexdigest()
        assert stored.path.read_bytes() == content

    if content:
        asyncio.run(store_it())
