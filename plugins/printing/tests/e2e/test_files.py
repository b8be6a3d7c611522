"""Files as clients see them: what is known of them, their bytes and pictures, lists, quotas, and what deletes them."""

from __future__ import annotations

import hashlib
import io
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import psutil
import pytest
from PIL import Image

from plugins.printing.tests.e2e.backends import LONG, SHORT, clean_native, virtual
from plugins.printing.tests.e2e.callers import AUTH, NATIVE, OWN, Site, as_, upload
from plugins.printing.tests.files.slicers import FILES, LARGE, SMALL
from tests.support.printing_gateway import UPLOAD, PrintingGateway, ok, problem, wait_for

pytestmark = pytest.mark.xdist_group("printing-files")

MIB = 1024 * 1024
NAME = 'Würfel "ä" 100% 日本.gcode'


@pytest.fixture(scope="module")
def running() -> Iterator[PrintingGateway]:
    with PrintingGateway(virtual()) as gateway:
        yield gateway


@pytest.fixture
def gateway(running: PrintingGateway) -> PrintingGateway:
    clean_native(running)
    return running


def path(name: str, more: str = "") -> str:
    return f"/files/{quote(name, safe='')}{more}"


def analysed(gateway: PrintingGateway, name: str) -> Any:
    return wait_for(lambda: (file := gateway.get(path(name)))["metadata"]["analysed"] and file, what="it is read")


# -- what is known


def test_all_that_is_known_of_a_file(gateway: PrintingGateway) -> None:
    gateway.upload(NAME, FILES["prusa"])
    file = analysed(gateway, NAME)
    assert (file["name"], file["size"]) == (NAME, len(FILES["prusa"]))
    assert file["hash"] == hashlib.sha256(FILES["prusa"]).hexdigest()
    assert file["gcodeAnalysis"]["estimatedPrintTime"] == 93_784
    metadata = file["metadata"]
    expected = {
        "estimatedTime": 93_784,
        "filamentGrams": 5.21,
        "material": "PLA, PETG",
        "slicer": "PrusaSlicer 2.7.4+linux-x64-GTK3",
        "slicerVersion": "2.7.4+linux-x64-GTK3",
        "layers": 120,
        "layerHeight": 0.2,
        "firstLayerHeight": 0.25,
        "height": 24.0,
        "printerModel": "MK3SMM2",
        "nozzleTemperature": 215.0,
        "bedTemperature": 60.0,
    }
    assert {key: metadata[key] for key in expected} == expected
    assert [tool["material"] for tool in metadata["tools"]] == ["PLA", "PETG"]
    assert [(one["format"], one["width"], one["url"] is None) for one in metadata["thumbnails"]] == [
        ("png", 16, False),
        ("png", 220, False),
        ("qoi", 313, True),
    ]
    for one, picture in zip(metadata["thumbnails"], (SMALL, LARGE), strict=False):
        assert gateway.client.get(gateway.url + one["url"]).content == picture
    assert gateway.client.get(gateway.url + file["download"]).content == FILES["prusa"]
    (row,) = gateway.get("/files")["files"]
    assert row["metadata"] == {key: metadata[key] for key in row["metadata"]}
    assert row["metadata"]["thumbnail"] == metadata["thumbnails"][1]["url"]


def test_a_job_knows_how_long_it_takes(gateway: PrintingGateway) -> None:
    gateway.upload("a.gcode", FILES["cura"])
    assert gateway.job(gateway.enqueue("a.gcode"))["estimated_time"] == 5432


def test_a_box_and_a_file_that_says_nothing(gateway: PrintingGateway) -> None:
    gateway.upload("cura.gcode", FILES["cura"])
    gateway.upload("plain.gcode", SHORT)
    assert analysed(gateway, "cura.gcode")["metadata"]["boundingBox"]["size"] == [40.0, 40.5, 13.92]
    metadata = analysed(gateway, "plain.gcode")["metadata"]
    assert (metadata["estimatedTime"], metadata["tools"], metadata["boundingBox"]) == (None, [], None)


def test_files_that_arent_there(gateway: PrintingGateway) -> None:
    for more in ("", "/download", "/thumbnail"):
        problem(gateway.request("GET", path("no.gcode", more)), 404, "FILE_NOT_FOUND")
        problem(gateway.request("GET", path("no.exe", more)), 415, "UNSUPPORTED_FILE_TYPE")


def test_what_an_older_version_read_is_read_again(gateway: PrintingGateway) -> None:
    gateway.upload("a.gcode", FILES["orca"])
    analysed(gateway, "a.gcode")
    gateway.write('UPDATE files SET analysis = \'{"slicer": "OrcaSlicer 2.1.1", "estimated_time": 1.5}\'')
    file = gateway.get("/files/a.gcode")
    assert (file["metadata"]["analysed"], file["gcodeAnalysis"]["estimatedPrintTime"]) == (False, 1.5)
    gateway.restart()
    assert analysed(gateway, "a.gcode")["gcodeAnalysis"]["estimatedPrintTime"] == 2712


# -- pictures


def test_the_picture_that_fits(gateway: PrintingGateway) -> None:
    gateway.upload("a.gcode", FILES["prusa"])
    for query, picture in (("", LARGE), ("?size=300", LARGE), ("?size=219", SMALL), ("?size=1", SMALL)):
        answer = gateway.request("GET", f"/files/a.gcode/thumbnail{query}")
        assert (answer.status_code, answer.content) == (200, picture)
        assert answer.headers["content-type"] == "image/png"
        assert answer.headers["x-content-type-options"] == "nosniff"
    again = gateway.request("GET", "/files/a.gcode/thumbnail", headers={"if-none-match": answer.headers["etag"]})
    assert again.status_code == 200  # that is another one's
    answer = gateway.request("GET", "/files/a.gcode/thumbnail", headers={"if-none-match": again.headers["etag"]})
    assert (answer.status_code, answer.content) == (304, b"")
    head = gateway.request("HEAD", "/files/a.gcode/thumbnail")
    assert (head.headers["content-length"], head.content) == (str(len(LARGE)), b"")
    gateway.upload("b.gcode", FILES["super"])
    answer = gateway.request("GET", "/files/b.gcode/thumbnail")
    assert answer.headers["content-type"] == "image/jpeg"
    assert Image.open(io.BytesIO(answer.content)).size == (300, 300)


def test_no_picture(gateway: PrintingGateway) -> None:
    gateway.upload("plain.gcode", SHORT)
    problem(gateway.request("GET", "/files/plain.gcode/thumbnail"), 404, "THUMBNAIL_NOT_FOUND", "name")
    for size in ("0", "-1", "x", "", "10001", "1.5"):
        problem(gateway.request("GET", f"/files/plain.gcode/thumbnail?size={size}"), 400, "INVALID_SIZE", "size")


# -- bytes


def test_a_download_is_what_was_uploaded(gateway: PrintingGateway) -> None:
    content = b"".join(b"G1 X%d\n" % number for number in range(200_000))
    gateway.upload(NAME, content)
    answer = gateway.request("GET", path(NAME, "/download"))
    assert (answer.status_code, answer.content) == (200, content)
    assert answer.headers["etag"] == f'"{hashlib.sha256(content).hexdigest()}"'
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["x-content-type-options"] == "nosniff"
    disposition = answer.headers["content-disposition"]
    assert disposition.startswith('attachment; filename="W_rfel _')
    assert disposition.endswith(f"filename*=UTF-8''{quote(NAME, safe='')}")
    head = gateway.request("HEAD", path(NAME, "/download"), headers={"range": "bytes=0-1"})
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(content))


def test_parts_of_a_download(gateway: PrintingGateway) -> None:
    content = b"".join(b"G1 X%d\n" % number for number in range(100_000))
    gateway.upload("a.gcode", content)
    size, etag = len(content), f'"{hashlib.sha256(content).hexdigest()}"'

    def ask(**headers: str) -> httpx.Response:
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        return gateway.request("GET", "/files/a.gcode/download", headers=fields)

    for wanted, part in (
        ("bytes=0-0", content[:1]),
        ("bytes=1000-600000", content[1000:600_001]),
        ("bytes=-7", content[-7:]),
        (f"bytes={size - 1}-", content[-1:]),
        (f"bytes=5-{10 * size}", content[5:]),
    ):
        for more in ({}, {"if_range": etag}, {"if_match": etag}):
            answer = ask(range=wanted, **more)
            assert (answer.status_code, answer.content) == (206, part)
            start = content.find(part) if len(part) > 10 else int(answer.headers["content-range"][6:].split("-")[0])
            assert answer.headers["content-range"] == f"bytes {start}-{start + len(part) - 1}/{size}"
            assert answer.headers["content-length"] == str(len(part))
    for whole in ({"range": "bytes=0-1,5-6"}, {"range": "bytes=x"}, {"range": "bytes=0-1", "if_range": '"other"'}):
        answer = ask(**whole)
        assert (answer.status_code, answer.content) == (200, content)
    answer = ask(range=f"bytes={size}-")
    problem(answer, 416, "RANGE_NOT_SATISFIABLE", "range")
    assert answer.headers["content-range"] == f"bytes */{size}"
    assert (ask(if_none_match=etag).status_code, ask(if_none_match='"other"').status_code) == (304, 200)
    problem(ask(if_match='"other"'), 412, "PRECONDITION_FAILED", "if-match")


def test_a_download_goes_on_where_it_broke_off(gateway: PrintingGateway) -> None:
    """And its first part is the version that was begun, though the file is replaced and deleted meanwhile."""
    content = b"G1 X1.5 Y2.5 E.3\n" * 1_000_000
    gateway.upload("a.gcode", content)
    with httpx.stream("GET", f"{gateway.url}/api/printing/files/a.gcode/download", trust_env=False) as answer:
        pieces = answer.iter_raw()
        first = next(pieces)
        gateway.delete("/files/a.gcode")
        assert first + b"".join(pieces) == content
    gateway.upload("a.gcode", content)
    fields = {"range": f"bytes={len(first)}-", "if-range": answer.headers["etag"]}
    rest = gateway.request("GET", "/files/a.gcode/download", headers=fields)
    assert (rest.status_code, first + rest.content == content) == (206, True)
    gateway.upload("a.gcode", content + b"; another\n")
    assert gateway.request("GET", "/files/a.gcode/download", headers=fields).status_code == 200


def test_a_client_that_leaves_in_mid_download(gateway: PrintingGateway) -> None:
    gateway.upload("a.gcode", b"G1 X1.5 Y2.5 E.3\n" * 3_000_000)
    address = urlsplit(gateway.url)
    for _ in range(5):
        with socket.create_connection((address.hostname or "", address.port or 0), timeout=20) as client:
            client.sendall(b"GET /api/printing/files/a.gcode/download HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert client.recv(100).startswith(b"HTTP/1.1 200")
    assert gateway.process is not None
    process = psutil.Process(gateway.process.pid)

    def let_go() -> bool:
        return not any("/printing/files/" in file.path for file in process.open_files())

    wait_for(let_go, what="the file is closed")
    assert "Exception in ASGI application" not in gateway.log


# -- lists


def test_searching_sorting_and_pages(gateway: PrintingGateway) -> None:
    for number, name in enumerate(("b-Ärger.gcode", "a.gcode", "C.gcode", "ärger 2.gcode")):
        gateway.upload(name, SHORT + b"; x\n" * (7 - number))

    def listed(query: str) -> list[str]:
        return [file["name"].removesuffix(".gcode") for file in gateway.get(f"/files?{query}")["files"]]

    newest_first = ["ärger 2", "C", "a", "b-Ärger"]
    assert listed("") == listed("sort=-date") == newest_first
    assert listed("sort=date") == newest_first[::-1]
    assert listed("sort=name") == ["a", "b-Ärger", "C", "ärger 2"]
    assert listed("sort=-name") == ["ärger 2", "C", "b-Ärger", "a"]
    assert listed("sort=size") == newest_first
    assert listed("sort=-size&limit=1") == ["b-Ärger"]
    assert listed("search=ÄRGER&sort=name") == ["b-Ärger", "ärger 2"]
    assert listed("limit=2") == newest_first[:2]
    assert listed("limit=2&offset=1") == newest_first[1:3]
    assert listed("offset=3") == newest_first[3:]
    assert listed("limit=5&offset=9") == listed("search=%25") == []
    assert gateway.get("/files?search=ärger&limit=1")["count"] == 2
    for query, field in (
        ("sort=colour", "sort"),
        ("limit=0", "limit"),
        ("limit=x", "limit"),
        ("offset=-1", "offset"),
        ("search=" + "x" * 256, "search"),
    ):
        problem(gateway.request("GET", f"/files?{query}"), 400, "INVALID_REQUEST", field)


def test_numbers_of_the_store(gateway: PrintingGateway) -> None:
    before = gateway.get("/files")
    assert (before["used"], before["count"], before["quota"]) == (0, 0, None)
    gateway.upload("a.gcode", SHORT)
    gateway.upload("same.gcode", SHORT)
    after = gateway.get("/files")
    assert (after["used"], after["count"]) == (len(SHORT), 2)
    assert 0 < after["free"] <= after["total"]


# -- quotas

QUOTAS = f"\n[plugins.printing.files]\nquota_bytes = {4 * MIB}\nuser_quota_bytes = {2 * MIB}\n"


@pytest.fixture(scope="module")
def narrow() -> Iterator[Site]:
    with PrintingGateway(AUTH + NATIVE + QUOTAS, headers=as_("admin")) as gateway:
        yield Site(gateway)


def gcode(size: int, number: int) -> bytes:
    line = b"; %d\n" % number
    return (line * (size // len(line) + 1))[: size - 1] + b"\n"


def test_quotas(narrow: Site) -> None:
    otto, olga, ada = narrow.with_("otto"), narrow.with_("olga"), narrow.with_("ada", "admin")
    assert upload(otto, "1.gcode", gcode(MIB, 1)).status_code == 201
    assert upload(otto, "2.gcode", gcode(MIB, 2)).status_code == 201
    assert otto.get("/files").json()["quota"] == {"used": 2 * MIB, "limit": 2 * MIB}
    assert otto.get("/files").json()["free"] == 0
    problem(upload(otto, "3.gcode", gcode(1000, 3)), 413, "QUOTA_EXCEEDED", "files")
    assert upload(olga, "4.gcode", gcode(2 * MIB, 4)).status_code == 201
    problem(upload(ada, "5.gcode", gcode(1000, 5)), 507, "STORAGE_FULL", "files")
    listed = ada.get("/files").json()
    assert (listed["free"], listed["total"], listed["used"]) == (0, 4 * MIB, 4 * MIB)
    root = narrow.gateway.folder / "fluxgate-data" / "printing" / "files"
    assert len([one for one in root.rglob("*") if one.is_file()]) == 3
    for name, caller in (("1", otto), ("2", otto), ("4", olga)):
        assert caller.delete(f"/files/{name}.gcode").json()["count"] == 1
    assert ada.get("/files").json()["free"] == 2 * MIB


def test_quotas_hold_for_many_at_once_and_without_a_length(narrow: Site) -> None:
    """With chunked uploads, which say nothing of their length."""

    def send(number: int) -> httpx.Response:
        content = gcode(900 * 1024, 100 + number)
        request = httpx.Request("POST", "http://x/", files={"files": (f"{number}.gcode", content)})
        body = request.read()

        def pieces() -> Iterator[bytes]:
            for start in range(0, len(body), 50_000):
                yield body[start : start + 50_000]

        chunked: Any = {"content": pieces()} if number % 2 else {"content": body}
        headers = {"content-type": request.headers["content-type"]}
        return narrow.with_(f"user{number % 6}").post("/files/upload", headers=headers, **chunked)

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(send, range(18)))
    taken = [answer.json() for answer in answers if answer.status_code == 201]
    assert 1 <= len(taken) <= 4
    for answer in answers:
        if answer.status_code != 201:
            problem(answer, 507, "STORAGE_FULL")
    ada = narrow.with_("ada", "admin")
    listed = ada.get("/files").json()
    assert (listed["count"], listed["used"]) == (len(taken), len(taken) * 900 * 1024)
    assert listed["used"] <= 4 * MIB
    for file in listed["files"]:
        ada.delete(f"/files/{file['name']}")
    assert ada.get("/files").json()["used"] == 0


def test_an_upload_without_room_is_refused_before_its_body() -> None:
    config = virtual() + f"\n[plugins.printing.files]\nmin_free_bytes = {1 << 60}\n"
    with PrintingGateway(config) as gateway:
        assert gateway.get("/files")["free"] == 0
        address = urlsplit(gateway.url)
        with socket.create_connection((address.hostname or "", address.port or 0), timeout=20) as client:
            client.sendall(
                b"POST /api/printing/files/upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n"
                b"Expect: 100-continue\r\nContent-Type: multipart/form-data; boundary=x\r\n\r\n"
            )
            answer = client.recv(4096)
        assert answer.startswith(b"HTTP/1.1 507"), answer
        assert b"STORAGE_FULL" in answer


# -- deleting


def test_a_file_that_jobs_need_is_deleted_with_them(gateway: PrintingGateway) -> None:
    gateway.upload("a.gcode", SHORT)
    gateway.upload("b.gcode", SHORT + b"; b\n")
    numbers = [gateway.enqueue("a.gcode"), gateway.enqueue("a.gcode")]
    other = gateway.enqueue("b.gcode")
    body = problem(gateway.request("DELETE", "/files/a.gcode"), 409, "FILE_IN_USE", "name")
    assert "2 queued or printing job(s)" in body["message"]
    assert gateway.request("DELETE", "/files/a.gcode?cancel_jobs=false").status_code == 409
    problem(gateway.request("DELETE", "/files/a.gcode?cancel_jobs=perhaps"), 400, "INVALID_REQUEST", "cancel_jobs")
    answer = gateway.delete("/files/a.gcode?cancel_jobs=true")
    assert (answer["count"], answer["canceledJobs"]) == (1, 2)
    assert [gateway.job(number)["status"] for number in numbers] == ["canceled"] * 2
    assert [item["id"] for item in gateway.get("/queue")["items"]] == [other]
    assert [file["name"] for file in gateway.get("/files")["files"]] == ["b.gcode"]
    again = gateway.delete("/files/a.gcode?cancel_jobs=true")
    assert (again["count"], again["canceledJobs"]) == (0, 0)


def test_a_print_isnt_canceled_with_its_file(gateway: PrintingGateway) -> None:
    gateway.upload("a.gcode", LONG)
    number, waiting = gateway.enqueue("a.gcode", print=True), gateway.enqueue("a.gcode")
    gateway.wait_state("Printing")
    body = problem(gateway.request("DELETE", "/files/a.gcode?cancel_jobs=true"), 409, "FILE_IN_USE", "name")
    assert "A print isn't canceled" in body["message"]
    assert [gateway.job(one)["status"] for one in (number, waiting)] == ["printing", "queued"]
    assert gateway.get("/files")["count"] == 1


def test_jobs_that_arent_ones_own_arent_canceled_with_a_file() -> None:
    with PrintingGateway(AUTH + NATIVE + OWN, headers=as_("admin")) as gateway:
        site = Site(gateway)
        otto, ada = site.with_("otto"), site.with_("ada", "admin")
        assert upload(otto, "a.gcode").status_code == 201
        mine = otto.post("/queue", json={"filename": "a.gcode"}).json()["queue_id"]
        theirs = ada.post("/queue", json={"filename": "a.gcode"}).json()["queue_id"]
        answer = otto.delete("/files/a.gcode?cancel_jobs=true")
        body = problem(answer, 409, "FILE_IN_USE", "name")
        assert "1 of them you may not cancel" in body["message"]
        assert gateway.job(mine)["status"] == "queued"
        assert site.with_("olga").delete("/files/a.gcode?cancel_jobs=true").json()["count"] == 0
        assert gateway.job(mine)["status"] == gateway.job(theirs)["status"] == "queued"
        assert ada.delete("/files/a.gcode?cancel_jobs=true").json()["canceledJobs"] == 2


def test_nothing_of_others_files_is_shown() -> None:
    with PrintingGateway(AUTH + NATIVE + OWN, headers=as_("admin")) as gateway:
        site = Site(gateway)
        otto, olga = site.with_("otto"), site.with_("olga")
        assert upload(otto, "a.gcode", FILES["prusa"]).status_code == 201
        for more in ("", "/download", "/thumbnail"):
            assert otto.get(f"/files/a.gcode{more}").status_code == 200
            problem(olga.get(f"/files/a.gcode{more}"), 404, "FILE_NOT_FOUND")
        assert olga.get("/files?search=a").json()["count"] == 0


def test_deleting_and_queueing_at_once_leaves_no_job_without_its_file(gateway: PrintingGateway) -> None:
    for round_ in range(5):
        gateway.upload("a.gcode", SHORT + b"; %d\n" % round_)
        barrier = threading.Barrier(6)

        def act(number: int, barrier: threading.Barrier = barrier) -> httpx.Response:
            barrier.wait(20)
            url = f"{gateway.url}/api/printing"
            if number % 3 == 0:
                return httpx.delete(f"{url}/files/a.gcode?cancel_jobs=true", trust_env=False, timeout=20)
            return httpx.post(f"{url}/queue", json={"filename": "a.gcode"}, trust_env=False, timeout=20)

        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(act, range(6)))
        assert all(answer.status_code in {200, 201, 404} for answer in answers), [a.text for a in answers]
        assert gateway.get("/queue")["items"] == []
        assert gateway.get("/files")["count"] == 0


def test_upload_answers_as_before(gateway: PrintingGateway) -> None:
    answer = ok(gateway.request("POST", UPLOAD, files={"files": ("a.gcode", SHORT)}))
    assert answer["files"]["a.gcode"]["done"] is True
