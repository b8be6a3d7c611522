"""A server at PrusaLink's address that misbehaves: every answer ends as the right error, in bounded time and memory."""

from __future__ import annotations

import asyncio
import time
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from fluxgate_printing.printers.base import (
    PrinterBusyError,
    PrinterDriver,
    PrinterError,
    PrinterOfflineError,
    PrinterOutcomeUnknown,
    PrinterRejectedError,
)
from fluxgate_printing.printers.prusalink import PrusaLinkDriver
from fluxgate_printing.settings import PrusaLinkSettings

from tests.support.rawhttp import Answer, RawServer, json_answer, raw_server

pytestmark = pytest.mark.anyio

NO_CONTENT = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
STATUS = "GET /api/v1/status"
JOB = "GET /api/v1/job"
FILE = "/api/v1/files/local/part.gcode"


def status(state: str) -> bytes:
    return json_answer(200, msgspec.json.encode({"printer": {"state": state}}).decode())


def job(state: str, **more: object) -> bytes:
    body = {"id": 7, "state": state, "file": {"name": "part.gcode", "path": "/PrusaLink gcodes/part.gcode"}} | more
    return json_answer(200, msgspec.json.encode(body).decode())


def asked(raw: RawServer, request: str) -> int:
    return sum(head.startswith(f"{request} ") for head in raw.requests)


@pytest.fixture
async def raw(anyio_backend: str) -> AsyncIterator[RawServer]:
    async with raw_server() as server:
        server.answers.update({STATUS: status("IDLE"), JOB: NO_CONTENT})
        yield server


@pytest.fixture
async def driver(raw: RawServer) -> AsyncIterator[PrinterDriver]:
    driver = PrusaLinkDriver(PrusaLinkSettings(url=raw.url, api_key="key", timeout=0.5))
    yield driver
    await driver.aclose()


async def flood(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n")
    while True:
        writer.write(b" " * 1_000_000)
        await writer.drain()


WRONG: dict[str, tuple[Answer, type[PrinterError]]] = {
    "html": (json_answer(200, "<html>Welcome</html>"), PrinterRejectedError),
    "truncated": (json_answer(200, '{"printer": {"sta'), PrinterRejectedError),
    "another shape": (json_answer(200, '{"printer": "IDLE"}'), PrinterRejectedError),
    "404": (json_answer(404, "{}"), PrinterRejectedError),
    "redirect": (json_answer(302, "", "Location: http://127.0.0.1:1/\r\n"), PrinterRejectedError),
    "wrong key": (json_answer(403, "Bad X-Api-Key."), PrinterRejectedError),
    "500": (json_answer(500, "{}"), PrinterOfflineError),
    "503": (json_answer(503, "{}"), PrinterOfflineError),
    "not HTTP": (b"SSH-2.0-OpenSSH_9.2\r\n", PrinterOfflineError),
    "nothing": (b"", PrinterOfflineError),
    "less than promised": (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", PrinterOfflineError),
    "silence": (None, PrinterOfflineError),
    "flood": (flood, PrinterRejectedError),
}


@pytest.mark.parametrize("question", [STATUS, JOB])
@pytest.mark.parametrize("case", WRONG)
async def test_a_wrong_answer_to_a_read(raw: RawServer, driver: PrinterDriver, case: str, question: str) -> None:
    raw.answers[question], error = WRONG[case]
    begun = time.monotonic()
    with pytest.raises(error) as caught:
        await driver.read_state()
    assert time.monotonic() - begun < 5
    assert "127.0.0.1" not in str(caught.value)


@pytest.mark.parametrize(
    ("case", "error"),
    [
        ("silence", PrinterOutcomeUnknown),
        ("nothing", PrinterOutcomeUnknown),
        ("not HTTP", PrinterOutcomeUnknown),
        ("500", PrinterOutcomeUnknown),
        ("503", PrinterOfflineError),
        ("404", PrinterRejectedError),
        ("wrong key", PrinterRejectedError),
    ],
)
async def test_no_clear_answer_to_a_start_is_an_unknown_outcome_and_never_repeated(
    raw: RawServer, driver: PrinterDriver, case: str, error: type[PrinterError]
) -> None:
    raw.answers[f"POST {FILE}"], _ = WRONG[case]
    with pytest.raises(error):
        await driver.start("part.gcode")
    assert asked(raw, f"POST {FILE}") == 1


async def test_a_job_that_became_another(raw: RawServer, driver: PrinterDriver) -> None:
    raw.answers |= {STATUS: status("PRINTING"), JOB: job("PRINTING")}
    for method, path, command in (("PUT", "/pause", driver.pause), ("DELETE", "", driver.cancel)):
        raw.answers[f"{method} /api/v1/job/7{path}"] = json_answer(404, '{"title": "Not current job"}')
        with pytest.raises(PrinterBusyError):
            await command()


async def test_answers_of_different_moments_are_asked_for_again(raw: RawServer, driver: PrinterDriver) -> None:
    raw.answers |= {STATUS: status("FINISHED"), JOB: job("PRINTING", progress=99)}
    reading = asyncio.ensure_future(driver.read_state())
    while asked(raw, STATUS) < 2:
        await asyncio.sleep(0.01)
    raw.answers[JOB] = NO_CONTENT
    assert (await reading).status == "finishing"


async def test_a_read_that_fails_once_is_asked_for_again(raw: RawServer, driver: PrinterDriver) -> None:
    raw.answers |= {STATUS: status("PRINTING"), JOB: json_answer(500, "")}
    reading = asyncio.ensure_future(driver.read_state())
    while not asked(raw, JOB):
        await asyncio.sleep(0.01)
    raw.answers[JOB] = job("PRINTING", progress=5)
    assert (await reading).completion == 5


async def test_a_print_without_a_number_isnt_commanded(raw: RawServer, driver: PrinterDriver) -> None:
    raw.answers |= {STATUS: status("PRINTING"), JOB: job("PRINTING", id=None)}
    assert (await driver.read_state()).status == "printing"
    with pytest.raises(PrinterBusyError, match="number"):
        await driver.pause()


async def test_an_upload_is_streamed(raw: RawServer, driver: PrinterDriver, tmp_path: Path) -> None:
    size = 64_000_000
    path = tmp_path / "part.gcode"
    with path.open("wb") as file:
        file.truncate(size)
    raw.answers |= {f"PUT {FILE}": json_answer(201, ""), f"HEAD {FILE}": NO_CONTENT}
    tracemalloc.start()
    try:
        assert await driver.upload("part.gcode", path) == "part.gcode"
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert raw.received == size
    assert peak < 8_000_000


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (json_answer(409, '{"title": "Transfer conflict", "text": "Busy"}'), PrinterBusyError),
        (json_answer(415, '{"title": "Unsupported Media Type"}'), PrinterRejectedError),
        (json_answer(413, "too large"), PrinterRejectedError),
        (b"", PrinterOfflineError),
    ],
)
async def test_an_upload_that_fails(
    raw: RawServer, driver: PrinterDriver, tmp_path: Path, answer: bytes, error: type[PrinterError]
) -> None:
    path = tmp_path / "part.gcode"
    path.write_bytes(b"G28\n")
    raw.answers[f"PUT {FILE}"] = answer
    with pytest.raises(error):
        await driver.upload("part.gcode", path)


async def test_an_uploaded_file_that_never_appears(raw: RawServer, driver: PrinterDriver, tmp_path: Path) -> None:
    path = tmp_path / "part.gcode"
    path.write_bytes(b"G28\n")
    raw.answers |= {f"PUT {FILE}": json_answer(201, ""), f"HEAD {FILE}": json_answer(404, "")}
    with pytest.raises(PrinterOfflineError, match="notice"):
        await driver.upload("part.gcode", path)


@pytest.mark.parametrize("challenge", ["Basic", 'Digest realm="a", nonce="b", algorithm="ROT13"', "Digest realm"])
async def test_a_login_of_another_kind(raw: RawServer, challenge: str) -> None:
    raw.answers[JOB] = json_answer(401, "", f"WWW-Authenticate: {challenge}\r\n")
    driver = PrusaLinkDriver(PrusaLinkSettings(url=raw.url, username="maker", password="secret", timeout=0.5))
    with pytest.raises(PrinterError):
        await driver.read_state()
    await driver.aclose()


async def test_nobody_listens(tmp_path: Path) -> None:
    driver = PrusaLinkDriver(PrusaLinkSettings(url="http://127.0.0.1:1", timeout=0.5))
    with pytest.raises(PrinterOfflineError):
        await driver.read_state()
    with pytest.raises(PrinterOfflineError):
        await driver.cancel()  # it never left, so its outcome is known
    await driver.aclose()
