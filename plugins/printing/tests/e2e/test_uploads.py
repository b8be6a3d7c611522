"""Uploads to the native backend: what is kept is whole and has the name it was given; all else leaves nothing."""

from __future__ import annotations

import hashlib
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from plugins.printing.tests.e2e.backends import SHORT, clean_native, virtual
from plugins.printing.tests.e2e.bad_uploads import (
    BAD_CONTENTS,
    BAD_NAMES,
    BOUNDARY,
    LIMITS,
    bad_forms,
    form,
    named,
    send,
)
from tests.support.printing_gateway import UPLOAD, PrintingGateway, ok, problem, wait_for

pytestmark = pytest.mark.xdist_group("printing-uploads")


@pytest.fixture(scope="module")
def running() -> Iterator[PrintingGateway]:
    with PrintingGateway(virtual() + LIMITS) as gateway:
        yield gateway


@pytest.fixture
def gateway(running: PrintingGateway) -> PrintingGateway:
    clean_native(running)
    assert contents(running) == []
    return running


def contents(gateway: PrintingGateway) -> list[str]:
    """The hashes of all stored contents, and the names of what is half written."""
    root = gateway.folder / "fluxgate-data" / "printing" / "files"
    paths: list[Path] = [path for path in root.rglob("*") if path.is_file()]
    return sorted(path.relative_to(root).as_posix().replace("/", "") for path in paths)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def nothing_kept(gateway: PrintingGateway) -> bool:
    return (
        gateway.get("/files")["files"] == []
        and contents(gateway) == []
        and gateway.rows("SELECT * FROM files WHERE deleted_at IS NULL") == []
    )


@pytest.mark.parametrize(("name", "status", "code"), BAD_NAMES)
def test_a_bad_name(gateway: PrintingGateway, name: str, status: int, code: str) -> None:
    answer = send(gateway, form((named("good.gcode"), SHORT), (named(name), SHORT)))
    problem(answer, status, code, "files")
    assert nothing_kept(gateway)


def test_names_in_the_queue_and_in_deletes_are_checked_too(gateway: PrintingGateway) -> None:
    for name in ("../x.gcode", "a\\b.gcode", "a\0b.gcode"):
        problem(gateway.request("POST", "/queue", json={"filename": name}), 422, "FILE_NAME_INVALID", "filename")
    problem(gateway.request("POST", "/queue", json={"filename": ""}), 400, "INVALID_REQUEST", "filename")
    problem(gateway.request("POST", "/queue", json={"filename": 5}), 400, "INVALID_REQUEST", "filename")
    problem(gateway.request("POST", "/queue", json={}), 400, "INVALID_REQUEST")
    problem(gateway.request("POST", "/queue", json={"filename": "no.gcode"}), 404, "FILE_NOT_FOUND", "filename")
    problem(gateway.request("DELETE", "/files/a.exe"), 415, "UNSUPPORTED_FILE_TYPE", "name")
    for path in ("..%2fx.gcode", "a%5Cb.gcode", "a%00b.gcode", "%2e%2e"):  # refused before any plugin sees it
        problem(gateway.request("DELETE", f"/files/{path}"), 400, "INVALID_PATH")


def test_raw_control_characters_in_the_header(gateway: PrintingGateway) -> None:
    for raw in (b"a\x00b.gcode", b"a\x01b.gcode"):
        body = form(('name="files"; filename="@"', SHORT)).replace(b"@", raw)
        answer = send(gateway, body)
        assert answer.status_code in {400, 422}
        problem(answer, answer.status_code, answer.json()["code"])
    assert nothing_kept(gateway)


@pytest.mark.parametrize(("content", "status", "code"), BAD_CONTENTS)
def test_a_bad_content(gateway: PrintingGateway, content: bytes, status: int, code: str) -> None:
    answer = send(gateway, form((named("good.gcode"), SHORT), (named("bad.gcode"), content)))
    problem(answer, status, code, "files")
    assert nothing_kept(gateway)


def test_bad_forms(gateway: PrintingGateway) -> None:
    for body, status, code in bad_forms():
        problem(send(gateway, body), status, code)
    problem(gateway.request("POST", UPLOAD, json={"a": 1}), 415, "UNSUPPORTED_MEDIA_TYPE", "content-type")
    bad = form((named("a.gcode"), SHORT), ('name="print"', b"banana"))
    problem(send(gateway, bad), 422, "INVALID_FIELD", "print")
    nowhere = form((named("a.gcode"), SHORT), ('name="project_id"', b"nowhere"))
    problem(send(gateway, nowhere), 404, "PROJECT_NOT_FOUND", "project_id")
    assert nothing_kept(gateway)


@pytest.mark.parametrize("reset", [False, True])
def test_a_client_that_goes_away_in_the_middle(gateway: PrintingGateway, reset: bool) -> None:
    body = form((named("half.gcode"), b"G1 X1\n" * 5000))
    address = urlsplit(gateway.url)
    with socket.create_connection((address.hostname or "", address.port or 0)) as client:
        head = (
            f"POST /api/printing{UPLOAD} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
            f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n"
        )
        client.sendall(head.encode() + body[: len(body) // 2])
        wait_for(lambda: len(contents(gateway)) > 0, what="the upload is being written")
        if reset:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wait_for(lambda: nothing_kept(gateway), what="nothing is left")


def test_content_is_kept_by_its_hash_and_once(gateway: PrintingGateway) -> None:
    answer = gateway.upload("a.gcode", SHORT)
    assert answer["files"]["a.gcode"]["hash"] == sha256(SHORT)
    gateway.upload("b.gcode", SHORT)
    assert contents(gateway) == [sha256(SHORT)]
    gateway.delete("/files/a.gcode")
    assert contents(gateway) == [sha256(SHORT)]
    gateway.delete("/files/b.gcode")
    assert contents(gateway) == []


def test_a_replaced_version_goes_when_nothing_needs_it(gateway: PrintingGateway) -> None:
    other = SHORT + b"; second\n"
    gateway.upload("a.gcode", SHORT)
    gateway.upload("a.gcode", other)
    assert contents(gateway) == [sha256(other)]
    assert len(gateway.get("/files")["files"]) == 1


def test_a_queued_job_keeps_the_version_it_was_queued_with(gateway: PrintingGateway) -> None:
    other = SHORT + b"; second\n"
    gateway.upload("a.gcode", SHORT)
    queue_id = gateway.enqueue("a.gcode")
    gateway.upload("a.gcode", other)
    assert contents(gateway) == sorted([sha256(SHORT), sha256(other)])
    gateway.post(f"/queue/{queue_id}/start")
    gateway.wait_status(queue_id, "completed")
    printed = gateway.folder / "fluxgate-data" / "printing" / "virtual" / "virtual" / "a.gcode"
    assert printed.read_bytes() == SHORT
    wait_for(lambda: contents(gateway) == [sha256(other)], what="the version that was printed last isn't kept")


def test_utf8_names_survive_in_both_spellings(gateway: PrintingGateway) -> None:
    name = "Größe 日本 ✨ 'a' & %41.gcode"
    ok(send(gateway, form((f'name="files"; filename="{name}"', SHORT))))
    ok(send(gateway, form((named("e\u0301.gcode"), SHORT))))
    names = {file["name"] for file in gateway.get("/files")["files"]}
    assert names == {name, "\u00e9.gcode"}
    gateway.delete(f"/files/{quote(name, safe='')}")
    assert [file["name"] for file in gateway.get("/files")["files"]] == ["\u00e9.gcode"]


def test_a_file_that_a_job_needs_isnt_deleted(gateway: PrintingGateway) -> None:
    gateway.upload("a.gcode", SHORT)
    queue_id = gateway.enqueue("a.gcode")
    problem(gateway.request("DELETE", "/files/a.gcode"), 409, "FILE_IN_USE", "name")
    gateway.delete(f"/queue/{queue_id}")
    gateway.delete("/files/a.gcode")
    # The canceled job keeps the file's row as its record; the name and the bytes are gone.
    assert gateway.get("/files")["files"] == []
    assert contents(gateway) == []


def test_a_content_whose_row_cant_be_written_isnt_kept(gateway: PrintingGateway) -> None:
    gateway.upload("kept.gcode", SHORT)
    trigger = (
        "CREATE TRIGGER refuse BEFORE INSERT ON files WHEN new.name = 'refused.gcode'"
        " BEGIN SELECT RAISE(ABORT, 'no'); END"
    )
    gateway.write(trigger)
    try:
        answer = gateway.request("POST", UPLOAD, files={"files": ("refused.gcode", SHORT + b"; other\n")})
        assert answer.status_code >= 500
        assert "success" in answer.json()
        answer = gateway.request("POST", UPLOAD, files={"files": ("refused.gcode", SHORT)})
        assert answer.status_code >= 500
    finally:
        gateway.write("DROP TRIGGER refuse")
    assert contents(gateway) == [sha256(SHORT)]
