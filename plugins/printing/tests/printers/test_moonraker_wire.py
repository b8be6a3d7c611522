"""A server at Moonraker's address that misbehaves: every answer ends as the right error, in bounded time."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
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
from fluxgate_printing.printers.moonraker import MoonrakerDriver
from fluxgate_printing.settings import MoonrakerSettings
from websockets.asyncio.server import ServerConnection, serve

from plugins.printing.tests.printers.rig import watching
from plugins.printing.tests.printers.wrong_answers import WRONG_ANSWERS
from tests.support.rawhttp import Answer, RawServer, json_answer, raw_server

pytestmark = pytest.mark.anyio

QUERY = "POST /printer/objects/query"
INFO = "GET /server/info"
START = "POST /printer/print/start"


def klipper(status: str = "standby", state: str = "ready", message: str = "Printer is ready") -> bytes:
    """Klipper's objects, with these states."""
    webhooks = {"state": state, "state_message": message}
    return result({"status": {"webhooks": webhooks, "print_stats": {"state": status, "message": message}}})


def result(body: object) -> bytes:
    return json_answer(200, msgspec.json.encode({"result": body}).decode())


def refusal(status: int, message: str, traceback: str = "") -> bytes:
    error = {"code": status, "message": message, "traceback": traceback}
    return json_answer(status, msgspec.json.encode({"error": error}).decode())


@pytest.fixture
async def raw(anyio_backend: str) -> AsyncIterator[RawServer]:
    async with raw_server() as server:
        server.answers[QUERY] = klipper()
        yield server


@pytest.fixture
async def driver(raw: RawServer) -> AsyncIterator[PrinterDriver]:
    driver = MoonrakerDriver(MoonrakerSettings(url=raw.url, api_key="key"))
    yield driver
    await driver.aclose()


@pytest.fixture
async def hasty(raw: RawServer) -> AsyncIterator[PrinterDriver]:
    """A driver that doesn't wait for long, where it is about silence."""
    driver = MoonrakerDriver(MoonrakerSettings(url=raw.url, api_key="key", timeout=1))
    yield driver
    await driver.aclose()


SILENT = {"silence", "trickle"}


@pytest.mark.parametrize("case", WRONG_ANSWERS)
async def test_a_wrong_answer_to_a_read(raw: RawServer, driver: PrinterDriver, hasty: PrinterDriver, case: str) -> None:
    raw.answers[QUERY], error = WRONG_ANSWERS[case]
    begun = time.monotonic()
    with pytest.raises(error) as caught:
        await (hasty if case in SILENT else driver).read_state()
    assert time.monotonic() - begun < 8
    assert "127.0.0.1" not in str(caught.value)


@pytest.mark.parametrize("status", [404, 503])
async def test_a_server_that_isnt_moonraker(raw: RawServer, driver: PrinterDriver, status: int) -> None:
    raw.answers[QUERY] = json_answer(status, "<html>")
    with pytest.raises(PrinterRejectedError):
        await driver.read_state()
    raw.answers[INFO] = json_answer(503, "<html>")
    with pytest.raises(PrinterRejectedError):
        await driver.read_state()


@pytest.mark.parametrize(
    ("answer", "status", "error"),
    [
        (klipper(state="startup"), "connecting", None),
        (
            klipper(state="shutdown", message="MCU 'mcu' shutdown: Timer too close\nadvice"),
            "error",
            "MCU 'mcu' shutdown",
        ),
        (klipper(state="error", message="mistake\nadvice"), "error", "mistake"),
        (klipper("error", message="Extrude below minimum temp\nadvice"), "error", "Extrude below minimum temp"),
        (klipper("error", message=""), "error", "The print failed."),
        (klipper("cancelled"), "idle", None),
        (klipper("something new"), "idle", None),
        (result({"status": {"webhooks": {}}}), "connecting", None),
        (result({"status": {}}), "connecting", None),
    ],
)
async def test_states(raw: RawServer, driver: PrinterDriver, answer: bytes, status: str, error: str | None) -> None:
    raw.answers[QUERY] = answer
    state = await driver.read_state()
    assert state.status == status
    assert (state.error or "").startswith(error or "")
    assert (state.error is None) == (error is None)
    assert "advice" not in (state.error or "")


COMPLETE = {"webhooks": {"state": "ready"}, "print_stats": {"state": "complete", "filename": "folder/part.gcode"}}


@pytest.mark.parametrize(("files", "file"), [(["part.gcode"], "folder/part.gcode"), (["other.gcode"], None)])
async def test_a_printed_file_of_which_nothing_was_found_out(
    raw: RawServer, driver: PrinterDriver, files: list[str], file: str | None
) -> None:
    listed = {"dirs": [], "files": [{"filename": name} for name in files]}
    raw.answers[QUERY] = result({"status": COMPLETE})
    raw.answers["GET /server/files/metadata"] = refusal(404, "Metadata not available for <folder/part.gcode>")
    raw.answers["GET /server/files/directory"] = result(listed)
    state = await driver.read_state()
    assert (state.status, state.file, state.completion) == ("idle", file, 100 if file else None)
    assert "path=gcodes%2Ffolder " in raw.requests[-1]

    answers = {"server.files.get_directory": listed, "printer.objects.subscribe": {"status": COMPLETE}}
    async with pushing(lambda socket: answer_all(socket, answers=answers)) as pushed, watching(pushed) as watched:
        state = await watched.until_status("idle")
        assert (state.file, state.completion) == (file, 100 if file else None)


async def test_fields_of_another_shape(raw: RawServer, driver: PrinterDriver) -> None:
    raw.answers[QUERY] = result({"status": {"webhooks": {"state": "ready"}, "print_stats": {"filename": 7}}})
    with pytest.raises(PrinterRejectedError):
        await driver.read_state()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (None, PrinterOutcomeUnknown),
        (b"", PrinterOutcomeUnknown),
        (refusal(500, "Internal Server Error"), PrinterOutcomeUnknown),
        (refusal(503, "Klippy Disconnected"), PrinterOutcomeUnknown),
        (json_answer(502, "<html>Bad Gateway</html>"), PrinterOutcomeUnknown),
        (refusal(503, "Klippy Host not connected"), PrinterOfflineError),
        (refusal(400, "Unable to open file"), PrinterRejectedError),
        (refusal(401, "Unauthorized"), PrinterRejectedError),
    ],
)
async def test_no_clear_answer_to_a_start_is_an_unknown_outcome_and_never_repeated(
    raw: RawServer, driver: PrinterDriver, hasty: PrinterDriver, answer: Answer, error: type[PrinterError]
) -> None:
    raw.answers[START] = answer
    with pytest.raises(error):
        await (hasty if answer is None else driver).start("part.gcode")
    assert len([head for head in raw.requests if head.startswith(START)]) == 1


@pytest.mark.parametrize("status", ["printing", "paused", "error"])
async def test_start_asks_for_the_live_state_and_leaves_a_busy_printer_alone(
    raw: RawServer, driver: PrinterDriver, status: str
) -> None:
    raw.answers[QUERY] = klipper(status)
    with pytest.raises(PrinterBusyError):
        await driver.start("part.gcode")
    assert not [head for head in raw.requests if head.startswith(START)]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (refusal(400, "Unable to open file"), "refused: Unable to open file"),
        (refusal(400, "Unknown", "Traceback\n  File\nmoonraker.utils.exceptions.ServerError: cold\nheat it\n"), "cold"),
        (
            refusal(403, "Forbidden", "Traceback\ntornado.web.HTTPError: HTTP 403: Forbidden (not you (sic))\n"),
            "not you",
        ),
        (json_answer(400, "<html>"), "status 400"),
    ],
)
async def test_where_the_reason_is(raw: RawServer, driver: PrinterDriver, answer: bytes, words: str) -> None:
    raw.answers[START] = answer
    with pytest.raises(PrinterRejectedError, match=words):
        await driver.start("part.gcode")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (refusal(403, "File is loaded, upload not permitted"), PrinterBusyError),
        (refusal(403, "Access to file part.gcode forbidden by reserved path"), PrinterRejectedError),
        (json_answer(413, "<html>"), PrinterRejectedError),
        (json_answer(201, '{"result": {}}'), PrinterRejectedError),
        (b"", PrinterOfflineError),
    ],
)
async def test_an_upload_that_fails(
    raw: RawServer, driver: PrinterDriver, tmp_path: Path, answer: bytes, error: type[PrinterError]
) -> None:
    path = tmp_path / "part.gcode"
    path.write_bytes(b"G28\n")
    raw.answers["POST /server/files/upload"] = answer
    with pytest.raises(error):
        await driver.upload("part.gcode", path)


async def test_a_redirect_isnt_told_the_key(raw: RawServer, driver: PrinterDriver) -> None:
    async with raw_server() as elsewhere:
        raw.answers["GET /websocket"] = json_answer(302, "", f"Location: {elsewhere.url.replace('http', 'ws')}/\r\n")
        async with watching(driver) as watched:
            assert isinstance(await watched.until_error(), PrinterRejectedError)
        assert elsewhere.requests == []


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (json_answer(404, "<html>"), PrinterRejectedError),
        (json_answer(200, "<html>"), PrinterRejectedError),
        (json_answer(502, "<html>Bad Gateway</html>"), PrinterOfflineError),
        (b"SSH-2.0-OpenSSH_9.2\r\n", PrinterOfflineError),
        (b"", PrinterOfflineError),
        (None, PrinterOfflineError),
    ],
)
async def test_no_websocket(
    raw: RawServer, driver: PrinterDriver, hasty: PrinterDriver, answer: bytes | None, error: type[PrinterError]
) -> None:
    raw.answers["GET /websocket"] = answer
    async with watching(hasty if answer is None else driver) as watched:
        assert isinstance(await watched.until_error(), error)
    (head,) = raw.requests
    assert "origin:" not in head.lower()


@asynccontextmanager
async def pushing(
    handler: Callable[[ServerConnection], Awaitable[None]], timeout: float = 10
) -> AsyncIterator[PrinterDriver]:
    async with serve(handler, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        driver = MoonrakerDriver(MoonrakerSettings(url=f"http://127.0.0.1:{port}", timeout=timeout))
        yield driver
        await driver.aclose()


IDLE = {
    "server.connection.identify": {"connection_id": 1},
    "server.info": {"klippy_connected": True, "klippy_state": "ready"},
    "printer.objects.subscribe": {"status": {"webhooks": {"state": "ready"}}},
}


async def answer_all(socket: ServerConnection, pushed: object = None, answers: dict[str, object] | None = None) -> None:
    """Answers as an idle printer, or as it is told; then pushes what is given."""
    known = IDLE | (answers or {})
    async for data in socket:
        call = msgspec.json.decode(data)
        method = call["method"]
        outcome = {"result": known[method]} if method in known else {"error": {"code": -32601, "message": "no"}}
        await socket.send(msgspec.json.encode({"jsonrpc": "2.0", "id": call["id"], **outcome}), text=True)
        if pushed is not None and call["method"] == "printer.objects.subscribe":
            await socket.send(pushed if isinstance(pushed, str) else msgspec.json.encode(pushed))


@pytest.mark.parametrize(
    "pushed",
    [
        "<html>",
        "[1, 2]",
        b"\xff\xfe",
        {"method": "notify_status_update", "params": ["nothing", 1]},
        {"method": "notify_status_update", "params": [{"webhooks": {"state": 7}}, 1]},
    ],
)
async def test_what_isnt_moonrakers(pushed: object) -> None:
    async with pushing(lambda socket: answer_all(socket, pushed)) as driver, watching(driver) as watched:
        assert isinstance(await watched.until_error(), PrinterRejectedError)
        assert [state.status for state in watched.states] == ["idle"]


@pytest.mark.parametrize("silent_after", [0, 2])
async def test_a_server_that_falls_silent(silent_after: int) -> None:
    async def fall_silent(socket: ServerConnection) -> None:
        for _ in range(silent_after):
            call = msgspec.json.decode(await socket.recv())
            info = {"klippy_connected": False, "klippy_state": "disconnected"}
            await socket.send(msgspec.json.encode({"jsonrpc": "2.0", "id": call["id"], "result": info}), text=True)
        await socket.wait_closed()

    async with pushing(fall_silent, timeout=1) as driver, watching(driver) as watched:
        assert isinstance(await watched.until_error(), PrinterOfflineError)
        assert [state.status for state in watched.states] == ["offline"] * (silent_after // 2)


async def test_a_server_that_refuses() -> None:
    async def refuse(socket: ServerConnection) -> None:
        for answer in ({"result": {}}, {"error": {"code": -32602, "message": "Unauthorized"}}):
            call = msgspec.json.decode(await socket.recv())
            await socket.send(msgspec.json.encode({"jsonrpc": "2.0", "id": call["id"], **answer}), text=True)
        await socket.wait_closed()

    async with pushing(refuse) as driver, watching(driver) as watched:
        with pytest.raises(PrinterRejectedError, match="Unauthorized"):
            raise await watched.until_error()
