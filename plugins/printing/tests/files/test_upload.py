"""Uploads: what is taken byte for byte, what is refused before it is stored, and that a broken one leaves nothing."""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx
import psutil
import pytest
from fluxgate_printing.files.store import FileStore
from fluxgate_printing.files.upload import UploadResult, receive_upload
from fluxgate_printing.files.writer import BATCH
from fluxgate_printing.settings import FileSettings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fluxgate.errors import ProblemError
from tests.support.waiting import eventually

pytestmark = pytest.mark.anyio

BOUNDARY = b"----WebKitFormBoundary7MA4YWxkTrZu0gW"
GCODE = b"; a cube\nG28\nG1 X10 Y10 E1\n"
SETTINGS = FileSettings(max_bytes=1_000_000, max_files=3)


def part(content: bytes = GCODE, name: bytes = b"cube.gcode", field: bytes = b"files", more: bytes = b"") -> bytes:
    head = b'Content-Disposition: form-data; name="' + field + b'"; filename="' + name + b'"\r\n'
    return head + b"Content-Type: application/octet-stream\r\n" + more + b"\r\n" + content


def text(field: bytes, value: bytes) -> bytes:
    return b'Content-Disposition: form-data; name="' + field + b'"\r\n\r\n' + value


def form(*parts: bytes) -> bytes:
    return b"".join(b"--" + BOUNDARY + b"\r\n" + one + b"\r\n" for one in parts) + b"--" + BOUNDARY + b"--\r\n"


class Wire:
    """A request's body in pieces, as a server hands it on; counts how often it was asked."""

    def __init__(self, body: bytes, piece: int = 65_536, *, gone: bool = False) -> None:
        pieces = [body[start : start + piece] for start in range(0, len(body), piece)] or [b""]
        self.messages: list[dict[str, Any]] = [
            {"type": "http.request", "body": one, "more_body": True} for one in pieces
        ]
        if gone:
            self.messages.append({"type": "http.disconnect"})
        else:
            self.messages[-1]["more_body"] = False
        self.asked = 0

    async def __call__(self) -> dict[str, Any]:
        self.asked += 1
        return self.messages.pop(0)


CONTENT_TYPE = b"multipart/form-data; boundary=" + BOUNDARY


def scope(content_type: bytes = CONTENT_TYPE, *more: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"type": "http", "headers": [(b"content-type", content_type), *more]}


@pytest.fixture
async def store(tmp_path: Path) -> FileStore:
    store = FileStore(tmp_path / "files")
    await store.start()
    return store


async def upload(store: FileStore, body: bytes, piece: int = 65_536) -> UploadResult:
    return await receive_upload(scope(), Wire(body, piece), store, SETTINGS)


async def refused(store: FileStore, body: bytes, piece: int = 65_536) -> ProblemError:
    with pytest.raises(ProblemError) as info:
        await upload(store, body, piece)
    assert [path for path in store.root.rglob("*") if path.is_file()] == []
    return info.value


async def test_a_file_and_its_fields_arrive(store: FileStore) -> None:
    body = form(text(b"print", b"true"), part(), text(b"project_id", "Käse".encode()))
    result = await upload(store, body)
    (file,) = result.files
    assert (file.name, file.size, file.sha256) == ("cube.gcode", len(GCODE), hashlib.sha256(GCODE).hexdigest())
    assert file.path.read_bytes() == GCODE
    assert result.fields == {"print": "true", "project_id": "Käse"}


async def test_what_httpx_and_curl_send_is_taken(store: FileStore) -> None:
    request = httpx.Request("POST", "http://x/", files=[("file", ("Zahnrad ü 日本.gcode", GCODE))], data={"path": ""})
    result = await receive_upload(
        scope(request.headers["content-type"].encode()), Wire(request.read()), store, SETTINGS
    )
    assert result.files[0].name == "Zahnrad ü 日本.gcode"


async def test_several_files_in_the_order_sent(store: FileStore) -> None:
    contents = [GCODE, os.urandom(1000).hex().encode(), b"G28\n" * 100_000]
    result = await upload(store, form(*(part(one, b"%d.gcode" % number) for number, one in enumerate(contents))))
    assert [file.name for file in result.files] == ["0.gcode", "1.gcode", "2.gcode"]
    assert [file.path.read_bytes() for file in result.files] == contents


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ('filename="Käse.gcode"'.encode(), "Käse.gcode"),
        (b"filename=plain.gcode", "plain.gcode"),
        (b"filename*=UTF-8''K%C3%A4se.gcode", "Käse.gcode"),
        (b"filename=\"x.gcode\"; filename*=utf-8'de'K%C3%A4se.gcode", "Käse.gcode"),
        (b'filename="say %22hi%22.gcode"', 'say "hi".gcode'),
        (b'filename="say \\"hi\\".gcode"', 'say "hi".gcode'),
        (b'filename="semi;colon.gcode"', "semi;colon.gcode"),
        ('FILENAME="🚀.gcode"'.encode(), "🚀.gcode"),
    ],
)
async def test_names_as_clients_write_them(store: FileStore, parameters: bytes, name: str) -> None:
    head = b'Content-Disposition: form-data; name="files"; ' + parameters + b"\r\n\r\n"
    assert (await upload(store, form(head + GCODE))).files[0].name == name


@pytest.mark.parametrize(
    "parameters",
    [
        b'filename="a/b.gcode"',
        b'filename="..\\a.gcode"',
        b'filename="C:\\\\a.gcode"',
        b'filename="C:\\a.gcode"',
        b'filename="a%0D%0Ab.gcode"',
        b'filename="a\x00.gcode"',
        b'filename=""',
        b'filename="\xff\xfe.gcode"',
        b"filename*=UTF-8''..%2Fa.gcode",
        b"filename*=UTF-8''a%00.gcode",
        b"filename*=UTF-8''%FF.gcode",
        b'filename=".gcode"',
    ],
)
async def test_bad_names_are_refused_before_their_content_is_asked_for(store: FileStore, parameters: bytes) -> None:
    head = b"--" + BOUNDARY + b'\r\nContent-Disposition: form-data; name="files"; ' + parameters + b"\r\n\r\n"
    wire = Wire(head + b"x" * 900_000, piece=len(head))
    with pytest.raises(ProblemError) as info:
        await receive_upload(scope(), wire, store, SETTINGS)
    assert (info.value.problem_status, info.value.problem_code) == (422, "FILE_NAME_INVALID")
    assert info.value.field == "files"
    assert wire.asked == 1
    assert [path for path in store.root.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("parts", "status", "code", "field"),
    [
        ([part(name=b"a.stl")], 415, "UNSUPPORTED_FILE_TYPE", "files"),
        ([part(name=b"x" * 250 + b".gcode")], 422, "FILE_NAME_TOO_LONG", "files"),
        ([part(b"")], 422, "FILE_EMPTY", "files"),
        ([part(b"x" * 1_000_001)], 413, "FILE_TOO_LARGE", "files"),
        ([part(b"PK\x03\x04" + b"zip")], 415, "NOT_GCODE", "files"),
        ([part(b"\x89PNG\r\n\x1a\n")], 415, "NOT_GCODE", "files"),
        ([part(b"\x7fELF" + b"x" * 5000)], 415, "NOT_GCODE", "files"),
        ([part(b"G28\n" * 1000 + b"\x00")], 415, "NOT_GCODE", "files"),
        ([part(b"solid cube\n  facet normal 0 0 1\n")], 415, "NOT_GCODE", "files"),
        ([part(b"<!DOCTYPE html><html>")], 415, "NOT_GCODE", "files"),
        ([part(), part(name=b"b.gcode"), part(name=b"c.gcode"), part(name=b"d.gcode")], 413, "TOO_MANY_FILES", "files"),
        ([part(), part()], 422, "FILE_NAME_REPEATED", "files"),
        ([part(), part(b"", name=b"empty.gcode")], 422, "FILE_EMPTY", "files"),
        ([part(field=b"avatar")], 422, "FIELD_UNEXPECTED", "avatar"),
        ([text(b"files", b"G28")], 422, "FILE_NAME_INVALID", "files"),
        ([text(b"print", b"true")], 422, "FILE_MISSING", "files"),
        ([], 422, "FILE_MISSING", "files"),
        ([part(), text(b"path", b"x" * 8193)], 413, "FIELD_TOO_LARGE", "path"),
        ([part(), text(b"path", b"\xff")], 422, "FIELD_NOT_TEXT", "path"),
        ([part(), text(b"print", b"1"), text(b"print", b"0")], 422, "FIELD_UNEXPECTED", "print"),
        ([part(), *(text(b"f%d" % number, b"") for number in range(33))], 413, "TOO_MANY_FIELDS", None),
        ([part(more=b"Content-Transfer-Encoding: base64\r\n")], 415, "UNSUPPORTED_MEDIA_TYPE", "files"),
        ([part(more=b"X: y\r\n" * 9)], 400, "HEADER_MALFORMED", None),
        ([b"Content-Type: text/plain\r\n\r\nx"], 400, "HEADER_MALFORMED", None),
        ([b'Content-Disposition: form-data; name="files"; filename="a.gcode\r\n\r\nx'], 400, "HEADER_MALFORMED", None),
        (
            [b"Content-Disposition: form-data; filename=a.g; filename=b.g; name=files\r\n\r\nx"],
            400,
            "HEADER_MALFORMED",
            None,
        ),
    ],
)
@pytest.mark.parametrize("piece", [65_536, 977])
async def test_refusals(
    store: FileStore, parts: list[bytes], status: int, code: str, field: str | None, piece: int
) -> None:
    problem = await refused(store, form(*parts), piece)
    assert (problem.problem_status, problem.problem_code, problem.field) == (status, code, field)


async def test_a_refusal_names_the_file(store: FileStore) -> None:
    problem = await refused(store, form(part(), part(b"", name="Käse.gcode".encode())))
    assert problem.message.startswith("Käse.gcode: ")


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ([], 415, "UNSUPPORTED_MEDIA_TYPE"),
        ([(b"content-type", b"application/json")], 415, "UNSUPPORTED_MEDIA_TYPE"),
        ([(b"content-type", b"multipart/mixed; boundary=x")], 415, "UNSUPPORTED_MEDIA_TYPE"),
        ([(b"content-type", b"multipart/form-data")], 400, "BOUNDARY_MISSING"),
        ([(b"content-type", b"multipart/form-data; boundary=")], 400, "BOUNDARY_MISSING"),
        ([(b"content-type", b"multipart/form-data; boundary=" + b"x" * 71)], 400, "BOUNDARY_MISSING"),
        ([(b"content-type", b"multipart/form-data; boundary=a; boundary=b")], 400, "HEADER_MALFORMED"),
        ([(b"content-type", CONTENT_TYPE)] * 2, 400, "HEADER_MALFORMED"),
        ([(b"content-type", CONTENT_TYPE), (b"content-encoding", b"gzip")], 415, "UNSUPPORTED_MEDIA_TYPE"),
        ([(b"content-type", CONTENT_TYPE), (b"content-length", b"5000000")], 413, "FILE_TOO_LARGE"),
        ([(b"content-type", CONTENT_TYPE), (b"content-length", b"-1")], 400, "HEADER_MALFORMED"),
    ],
)
async def test_bad_headers_are_refused_before_a_byte_is_asked_for(
    store: FileStore, headers: list[tuple[bytes, bytes]], status: int, code: str
) -> None:
    wire = Wire(form(part()))
    with pytest.raises(ProblemError) as info:
        await receive_upload({"type": "http", "headers": headers}, wire, store, SETTINGS)
    assert (info.value.problem_status, info.value.problem_code) == (status, code)
    assert wire.asked == 0


async def test_an_upload_that_is_larger_than_it_says_is_stopped(store: FileStore) -> None:
    epilogue = form(part()) + b"\r\n" * 5_000_000
    assert (await refused(store, epilogue)).problem_code == "FILE_TOO_LARGE"


async def test_every_truncation_leaves_nothing(store: FileStore) -> None:
    body = form(text(b"print", b"true"), part(), part(name=b"b.gcode"))
    for length in range(len(body) - 4):  # without the final `--` and line end
        problem = await refused(store, body[:length], piece=50)
        assert problem.problem_status in (400, 422), length


async def test_a_client_that_goes_away_leaves_nothing(store: FileStore) -> None:
    body = form(part(b"G28\n" * 200_000))
    with pytest.raises(ProblemError) as info:
        await receive_upload(scope(), Wire(body[:-10], gone=True), store, SETTINGS)
    assert info.value.problem_status == 499
    assert [path for path in store.root.rglob("*") if path.is_file()] == []


async def test_the_disk_sets_the_pace(store: FileStore) -> None:
    """When the disk stops, no more is asked of the client than one batch on its way to it and one behind."""
    loop = asyncio.get_running_loop()
    release = threading.Event()
    wire = Wire(form(part(b"G28\n" * 2_000_000)), piece=4096)
    stopped = asyncio.Event()
    held: list[asyncio.Future[bool]] = []

    async def receive() -> dict[str, Any]:
        if not held and list((store.root / "incoming").iterdir()):
            held.extend(loop.run_in_executor(None, release.wait, 30) for _ in range(64))  # every thread there is
            stopped.set()
        return await wire()

    task = asyncio.create_task(receive_upload(scope(), receive, store, FileSettings()))
    try:
        await stopped.wait()
        asked = -1
        while asked != wire.asked:  # until it stands still
            asked = wire.asked
            await anyio.sleep(0.1)
        assert BATCH < wire.asked * 4096 < 2 * BATCH + 100_000
    finally:
        release.set()
        await asyncio.gather(*held)
    assert (await task).files[0].size == 8_000_000


content = st.binary(max_size=3000).map(lambda b: b.replace(b"\x00", b"\r")) | st.lists(
    st.sampled_from([b"\r", b"\n", b"--", BOUNDARY, b"\r\n--", b"\r\n--" + BOUNDARY[:-1], b"G1"]), max_size=30
).map(b"".join)


@given(contents=st.lists(content.map(lambda c: b"G28 " + c), min_size=1, max_size=3), piece=st.integers(1, 400))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_content_in_any_pieces_arrives_as_it_was(tmp_path: Path, contents: list[bytes], piece: int) -> None:
    if any(b"\r\n--" + BOUNDARY in one for one in contents):
        return  # that is a boundary
    body = form(*(part(one, b"%d.gcode" % number) for number, one in enumerate(contents)))

    async def check() -> None:
        result = await upload(FileStore(tmp_path / "any"), body, piece)
        assert [file.path.read_bytes() for file in result.files] == contents

    asyncio.run(check())


APP = """
import asyncio, json, pathlib, sys
import uvicorn
from fluxgate.errors import ProblemError
from fluxgate_printing.files.store import FileStore
from fluxgate_printing.files.upload import receive_upload
from fluxgate_printing.settings import FileSettings

store = FileStore(pathlib.Path(sys.argv[1]))

async def app(scope, receive, send):
    try:
        result = await receive_upload(scope, receive, store, FileSettings())
        status, body = 201, json.dumps([file.sha256 for file in result.files]).encode()
    except ProblemError as problem:
        status, body = problem.problem_status, problem.body()
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})

async def main():
    await store.start()
    server = uvicorn.Server(uvicorn.Config(app, fd=int(sys.argv[2]), lifespan="off", log_level="warning"))
    await server.serve()

asyncio.run(main())
"""


@contextmanager
def server(root: Path) -> Iterator[tuple[str, psutil.Process]]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        process = subprocess.Popen(
            [sys.executable, "-c", APP, str(root), str(listener.fileno())], pass_fds=[listener.fileno()]
        )
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", psutil.Process(process.pid)
        finally:
            process.terminate()
            process.wait(10)


def big(megabytes: int) -> Iterator[bytes]:
    yield b"--" + BOUNDARY + b"\r\n" + part(b"")
    for _ in range(megabytes):
        yield b"G1 X1.5 Y2.5 E.3\n" * 58_824 + b"\n" * 568
    yield b"\r\n--" + BOUNDARY + b"--\r\n"


async def test_a_large_upload_through_a_real_server_takes_no_memory(tmp_path: Path) -> None:
    with server(tmp_path / "files") as (url, process):
        async with httpx.AsyncClient(base_url=url, timeout=60) as client:
            headers = {"content-type": CONTENT_TYPE.decode()}
            assert (await client.post("/", content=form(part()), headers=headers)).status_code == 201
            before = process.memory_info().rss
            task = asyncio.create_task(client.post("/", content=_async(big(150)), headers=headers))
            peak = before
            while not task.done():
                peak = max(peak, process.memory_info().rss)
                await anyio.sleep(0.01)
            assert (await task).status_code == 201
    digest = hashlib.sha256(b"".join(list(big(150))[1:-1])).hexdigest()
    assert (await task).json() == [digest]
    assert peak - before < 30 * 1024 * 1024


async def _async(pieces: Iterator[bytes]) -> Any:
    for piece in pieces:
        yield piece


async def test_a_connection_cut_in_mid_upload_leaves_nothing(tmp_path: Path) -> None:
    root = tmp_path / "files"
    with server(root) as (url, _process):
        async with httpx.AsyncClient(base_url=url) as client:
            await client.get("/")  # it is up
        port = int(url.rpartition(":")[2])
        stream = await anyio.connect_tcp("127.0.0.1", port)
        await stream.send(
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\nContent-Type: " + CONTENT_TYPE + b"\r\n\r\n"
        )
        await stream.send(b"--" + BOUNDARY + b"\r\n" + part(b"G28\n" * 500_000))
        await eventually(lambda: list((root / "incoming").iterdir()))
        await stream.aclose()
        await eventually(lambda: not list((root / "incoming").iterdir()))
        assert [path for path in root.rglob("*") if path.is_file()] == []
