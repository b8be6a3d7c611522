"""A server at OctoPrint's address that misbehaves: every answer ends as the right error, in bounded time and memory."""

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
from fluxgate_printing.printers.octoprint import OctoPrintDriver
from fluxgate_printing.settings import OctoPrintSettings

from fluxgate.types import Receive, Scope, Send
from plugins.printing.tests.printers.rig import watching
from plugins.printing.tests.printers.wrong_answers import WRONG_ANSWERS
from tests.support.octoprint_fleet import KEY, Fleet
from tests.support.rawhttp import Answer, RawServer, json_answer, raw_server
from tests.support.serving import serving

pytestmark = pytest.mark.anyio

FLAGS = ("operational", "ready", "printing", "paused", "pausing", "resuming", "cancelling", "finishing", "error")


def printer_body(text: str, *flags: str) -> str:
    state = {"text": text, "flags": {flag: flag in flags for flag in FLAGS} | {"closedOrError": False}}
    return msgspec.json.encode({"state": state, "temperature": {}}).decode()


def job_body(text: str, **more: object) -> str:
    job = {"state": text, "job": {"file": {"name": None}}, "progress": {"completion": None}} | more
    return msgspec.json.encode(job).decode()


IDLE = {
    "GET /api/printer": json_answer(200, printer_body("Operational", "operational", "ready")),
    "GET /api/job": json_answer(200, job_body("Operational")),
}


@pytest.fixture
async def raw(anyio_backend: str) -> AsyncIterator[RawServer]:
    async with raw_server() as server:
        server.answers.update(IDLE)
        yield server


@pytest.fixture
async def driver(raw: RawServer) -> AsyncIterator[PrinterDriver]:
    driver = OctoPrintDriver(OctoPrintSettings(url=raw.url, api_key="key", timeout=1))
    yield driver
    await driver.aclose()


WRONG: dict[str, tuple[Answer, type[PrinterError]]] = {
    **WRONG_ANSWERS,
    "404": (json_answer(404, "{}"), PrinterRejectedError),
    "wrong key": (json_answer(403, "{}"), PrinterRejectedError),
    "503": (json_answer(503, "{}"), PrinterOfflineError),
}


@pytest.mark.parametrize("case", WRONG)
async def test_a_wrong_answer_to_a_read(raw: RawServer, driver: PrinterDriver, case: str) -> None:
    raw.answers["GET /api/printer"], error = WRONG[case]
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
        ("trickle", PrinterOutcomeUnknown),
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
    raw.answers["POST /api/files/local/part.gcode"] = WRONG[case][0]
    with pytest.raises(error):
        await driver.start("part.gcode")
    assert len([head for head in raw.requests if head.startswith("POST ")]) == 1


async def test_start_asks_for_the_live_state_and_leaves_a_busy_printer_alone(
    raw: RawServer, driver: PrinterDriver
) -> None:
    raw.answers["GET /api/printer"] = json_answer(200, printer_body("Printing", "operational", "printing"))
    raw.answers["GET /api/job"] = json_answer(200, job_body("Printing"))
    with pytest.raises(PrinterBusyError):
        await driver.start("part.gcode")
    assert not [head for head in raw.requests if head.startswith("POST ")]


@pytest.mark.parametrize(
    ("text", "flags", "status"),
    [
        ("Cancelling", {"operational", "cancelling", "printing"}, "cancelling"),
        ("Pausing", {"operational", "pausing", "printing"}, "pausing"),
        ("Finishing", {"operational", "finishing", "printing"}, "finishing"),
        ("Resuming", {"operational", "resuming", "printing"}, "resuming"),
        ("Paused", {"operational", "paused"}, "paused"),
        ("Transferring file to SD", {"operational"}, "printing"),
        ("Error: mintemp", {"error"}, "error"),
        ("Connecting", set(), "connecting"),
    ],
)
async def test_flags(raw: RawServer, driver: PrinterDriver, text: str, flags: set[str], status: str) -> None:
    raw.answers["GET /api/printer"] = json_answer(200, printer_body(text, *flags))
    raw.answers["GET /api/job"] = json_answer(200, job_body(text))
    state = await driver.read_state()
    assert (state.status, state.text) == (status, text)


@pytest.mark.parametrize(
    ("job", "connection", "status", "error"),
    [
        (job_body("Offline"), "Closed", "offline", None),
        (job_body("Offline after error", error="Thermal runaway"), "Closed", "error", "Thermal runaway"),
        (job_body("Opening serial connection"), "Opening serial connection", "connecting", None),
        (job_body("Detecting serial connection"), "Detecting serial connection", "connecting", None),
    ],
)
async def test_no_printer_behind_the_server(
    raw: RawServer, driver: PrinterDriver, job: str, connection: str, status: str, error: str | None
) -> None:
    raw.answers["GET /api/printer"] = json_answer(409, '{"error": "Printer is not operational"}')
    raw.answers["GET /api/job"] = json_answer(200, job)
    raw.answers["GET /api/connection"] = json_answer(200, f'{{"current": {{"state": "{connection}"}}}}')
    state = await driver.read_state()
    assert (state.status, state.error) == (status, error)


async def test_answers_that_disagree_are_read_again(raw: RawServer, driver: PrinterDriver) -> None:
    raw.answers["GET /api/job"] = json_answer(200, job_body("Printing"))

    async def catch_up() -> None:
        while len(raw.requests) < 2:
            await asyncio.sleep(0.005)
        raw.answers["GET /api/printer"] = json_answer(200, printer_body("Printing", "operational", "printing"))

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(catch_up())
        reading = tasks.create_task(driver.read_state())
    assert reading.result().status == "printing"


async def test_a_printer_that_is_connected_between_two_answers_isnt_offline(
    raw: RawServer, driver: PrinterDriver
) -> None:
    connected = raw.answers["GET /api/printer"]
    raw.answers["GET /api/printer"] = json_answer(409, '{"error": "Printer is not operational"}')
    raw.answers["GET /api/connection"] = json_answer(200, '{"current": {"state": "Operational"}}')

    async def catch_up() -> None:
        while len(raw.requests) < 3:
            await asyncio.sleep(0.005)
        raw.answers["GET /api/printer"] = connected

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(catch_up())
        reading = tasks.create_task(driver.read_state())
    assert reading.result().status == "idle"


async def test_answers_that_never_agree_are_taken_in_the_end(raw: RawServer, driver: PrinterDriver) -> None:
    raw.answers["GET /api/job"] = json_answer(200, job_body("Printing"))
    assert (await driver.read_state()).status == "idle"


async def test_no_cookie_no_redirect_no_compression(raw: RawServer, driver: PrinterDriver) -> None:
    raw.answers["GET /api/printer"] = json_answer(
        200, printer_body("Operational", "operational", "ready"), "Set-Cookie: session=stolen; Path=/\r\n"
    )
    await driver.read_state()
    await driver.read_state()
    assert len(raw.requests) == 4
    for head in raw.requests:
        assert "\r\nx-api-key: key\r\n" in head.lower()
        assert "\r\naccept-encoding: identity\r\n" in head.lower()
        assert "cookie:" not in head.lower()


async def test_the_environments_proxy_isnt_asked(
    raw: RawServer, monkeypatch: pytest.MonkeyPatch, anyio_backend: str
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    driver = OctoPrintDriver(OctoPrintSettings(url=raw.url, timeout=0.5))
    assert (await driver.read_state()).status == "idle"
    await driver.aclose()


async def test_a_large_file_is_streamed(raw: RawServer, driver: PrinterDriver, tmp_path: Path) -> None:
    size = 100_000_000
    path = tmp_path / "large.gcode"
    with path.open("wb") as file:
        file.truncate(size)
    raw.answers["POST /api/files/local"] = json_answer(201, '{"files": {"local": {"path": "large.gcode"}}}')
    tracemalloc.start()
    try:
        assert await driver.upload("large.gcode", path) == "large.gcode"
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert raw.received > size
    assert peak < 8_000_000


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (json_answer(409, '{"error": "busy"}'), PrinterBusyError),
        (json_answer(415, '{"error": "not a machine code file"}'), PrinterRejectedError),
        (json_answer(413, "<html>"), PrinterRejectedError),
        (json_answer(201, '{"files": {}}'), PrinterRejectedError),
        (b"", PrinterOfflineError),
    ],
)
async def test_an_upload_that_fails(
    raw: RawServer, driver: PrinterDriver, tmp_path: Path, answer: bytes, error: type[PrinterError]
) -> None:
    path = tmp_path / "part.gcode"
    path.write_bytes(b"G28\n")
    raw.answers["POST /api/files/local"] = answer
    with pytest.raises(error):
        await driver.upload("part.gcode", path)


async def test_nobody_listens(tmp_path: Path) -> None:
    driver = OctoPrintDriver(OctoPrintSettings(url="http://127.0.0.1:1", timeout=0.5))
    with pytest.raises(PrinterOfflineError):
        await driver.read_state()
    with pytest.raises(PrinterOfflineError):
        await driver.cancel()  # it never left, so its outcome is known
    await driver.aclose()


async def test_the_socket_has_no_origin_and_no_redirect_is_followed(raw: RawServer, driver: PrinterDriver) -> None:
    raw.answers["POST /api/login"] = json_answer(200, '{"name": "admin", "session": "secret"}')
    async with raw_server() as elsewhere:
        location = f"Location: {elsewhere.url.replace('http', 'ws')}/\r\n"
        raw.answers["GET /sockjs/websocket"] = json_answer(302, "", location)
        async with watching(driver) as watched:
            assert isinstance(await watched.until_error(), PrinterRejectedError)
        assert elsewhere.requests == []
    assert "origin:" not in raw.requests[-1].lower()
    assert raw.requests[-1].startswith("GET /sockjs/websocket")


async def test_only_heaters_that_there_are(raw: RawServer, driver: PrinterDriver) -> None:
    profile = {"current": True, "extruder": {"count": 2}, "heatedBed": False}
    body = msgspec.json.encode({"profiles": {"other": {}, "mine": profile}}).decode()
    raw.answers["GET /api/printerprofiles"] = json_answer(200, body)
    raw.answers["POST /api/printer/tool"] = json_answer(204, "")
    await driver.set_temperature("tool1", 200)
    for missing in ("tool2", "bed", "chamber", ""):
        with pytest.raises(PrinterRejectedError):
            await driver.set_temperature(missing, 50)
    assert len([head for head in raw.requests if head.startswith("POST ")]) == 1


async def test_what_it_tells_isnt_asked_for(monkeypatch: pytest.MonkeyPatch, anyio_backend: str) -> None:
    monkeypatch.setattr("fluxgate_printing.printers.octoprint_push.LOOK_EVERY", 2.0)
    asked: list[str] = []
    simulated = Fleet()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            asked.append(scope["path"])
        await simulated(scope, receive, send)

    async with serving(app) as url:
        driver = OctoPrintDriver(OctoPrintSettings(url=url + "/one", api_key=KEY))
        async with watching(driver) as watched:
            await watched.until(lambda state: len(watched.states) == 10)
        await driver.aclose()
    assert asked == ["/one/api/login", "/one/api/printer", "/one/api/job"]
