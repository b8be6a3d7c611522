"""The camera of a printer: its codes, its test picture, and a real camera behind it."""

from __future__ import annotations

import asyncio
import base64
import io
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from fluxgate_printing.camera import Camera, CameraUrl, SnapshotCamera
from fluxgate_printing.printers.base import PrinterOfflineError
from fluxgate_printing.test_picture import TestPicture
from PIL import Image

from fluxgate.types import Receive, Scope, Send
from tests.support.mjpeg import (
    STREAM_HEAD,
    ScriptedCamera,
    answering,
    free_port,
    motion_camera,
    number_of,
    picture,
    scripted,
    steady,
    watching,
)
from tests.support.serving import serving
from tests.support.waiting import eventually

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def served(
    source: CameraUrl | SnapshotCamera | TestPicture, **options: float
) -> AsyncIterator[tuple[str, Camera]]:
    camera = Camera(source, **{"linger": 0.2, "timeout": 0.5, **options})  # type: ignore[arg-type]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await (camera.stream if scope["path"] == "/stream" else camera.snapshot)(scope, receive, send)

    async with serving(app) as url:
        try:
            yield url, camera
        finally:
            await camera.aclose()


def at(url: str | None) -> CameraUrl:
    async def camera_url() -> str | None:
        return url

    return camera_url


async def test_the_test_picture_moves_for_a_real_player() -> None:
    lines = ["Printing 42 %"]
    grown = [0.1]
    async with (
        served(TestPicture(caption=lambda: lines, grown=lambda: grown[0]), timeout=5) as (url, camera),
        watching(f"{url}/stream") as viewer,
    ):
        command = ["ffmpeg", "-v", "error", "-xerror", "-f", "mpjpeg", "-i", f"{url}/stream", "-frames:v", "5"]
        player = await asyncio.create_subprocess_exec(
            *command, "-f", "null", "-", stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        pictures = [await viewer.picture() for _ in range(10)]
        async with asyncio.timeout(20):
            _, complaints = await player.communicate()
        assert (player.returncode, complaints) == (0, b"")
        assert len(set(pictures)) == 10
        images = [Image.open(io.BytesIO(data)).convert("RGB") for data in pictures]
        assert {image.size for image in images} == {(640, 480)}
        lines[0], grown[0] = "Printing 99 %", 0.9
        for shown in ((0, 44, 300, 70), (290, 200, 350, 260)):  # the caption; where the print's top comes to be
            async with asyncio.timeout(20):  # pictures from before are still on their way
                while True:
                    later = Image.open(io.BytesIO(await viewer.picture())).convert("RGB")
                    if later.crop(shown).tobytes() != images[-1].crop(shown).tobytes():
                        break
        assert camera.stats.opens == 1


async def test_the_test_picture_is_cheap_and_drawn_only_for_viewers() -> None:
    camera = Camera(TestPicture(), linger=0.1)
    try:
        await camera.latest()
        assert (await camera.latest()).content_type == "image/jpeg"
        await eventually(lambda: not camera.stats.connected)
        drawn = camera.stats.frames
        await asyncio.sleep(0.3)
        assert camera.stats.frames == drawn

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await camera.stream(scope, receive, send)

        async with serving(app) as url, watching(url) as viewer:
            for _ in range(3):
                await viewer.picture()
            started, used = time.monotonic(), time.process_time()
            for _ in range(15):
                await viewer.picture()
            elapsed, used = time.monotonic() - started, time.process_time() - used
        assert elapsed > 1.2, "ten pictures a second, no more"
        # 3 % of a core here for drawing, sending and this viewer; the bound leaves room for a loaded machine.
        assert used / elapsed < 0.3
    finally:
        await camera.aclose()


async def test_a_real_camera(tmp_path: Path) -> None:
    async with motion_camera(tmp_path) as camera_url, served(at(camera_url), timeout=10) as (url, camera):
        async with watching(f"{url}/stream") as viewer, httpx.AsyncClient() as client:
            pictures = {await viewer.picture() for _ in range(5)}
            assert len(pictures) > 1
            snapshot = await client.get(f"{url}/snapshot")
            Image.open(io.BytesIO(snapshot.content)).load()
            text = await client.get(f"{url}/snapshot", params={"format": "base64"})
            Image.open(io.BytesIO(base64.b64decode(text.text, validate=True))).load()
        assert camera.stats.opens == 1
        await eventually(lambda: not camera.stats.connected)


async def offline() -> str | None:
    raise PrinterOfflineError("It is off.")


async def check_problem(source: CameraUrl | SnapshotCamera, status: int, code: str) -> None:
    async with served(source) as (url, _), httpx.AsyncClient() as client:
        for path in ("/stream", "/snapshot"):
            answer = await client.get(url + path)
            body = answer.json()
            assert (answer.status_code, body["code"], body["success"]) == (status, code, False)
            assert "127.0.0.1" not in answer.text
            assert ("retry-after" in answer.headers) == (status == 503)


@pytest.mark.parametrize(
    ("source", "status", "code"),
    [
        (at(None), 404, "CAMERA_NOT_CONFIGURED"),
        (at(""), 404, "CAMERA_NOT_CONFIGURED"),
        (offline, 503, "CAMERA_UNAVAILABLE"),
        (at(f"http://127.0.0.1:{free_port()}/"), 503, "CAMERA_UNAVAILABLE"),
    ],
)
async def test_problems_without_a_camera(source: CameraUrl, status: int, code: str) -> None:
    await check_problem(source, status, code)


@pytest.mark.parametrize(
    ("pieces", "hang", "status", "code"),
    [
        ([b"HTTP/1.1 404 x\r\nContent-Length: 0\r\n\r\n"], False, 503, "CAMERA_UNAVAILABLE"),
        ([b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 116], False, 502, "CAMERA_NOT_MJPEG"),
        ([], True, 504, "CAMERA_TIMEOUT"),
        ([STREAM_HEAD], True, 504, "CAMERA_TIMEOUT"),
    ],
)
async def test_problems_of_a_camera(pieces: list[bytes], hang: bool, status: int, code: str) -> None:
    async with scripted(answering(*pieces, hang=hang)) as camera:
        await check_problem(at(camera.url), status, code)


async def test_the_url_is_asked_at_each_connection() -> None:
    async with scripted(steady) as one, scripted(steady) as two:
        urls = [one.url, two.url]

        async def camera_url() -> str | None:
            return urls.pop(0)

        async with served(camera_url) as (url, _), httpx.AsyncClient() as client:
            for camera in (one, two):
                assert (await client.get(f"{url}/snapshot")).status_code == 200
                assert camera.opens == 1
                await eventually(lambda camera=camera: camera.active == 0)  # type: ignore[misc]


async def test_a_camera_of_single_pictures_is_asked_only_while_somebody_watches() -> None:
    async with scripted(snapshots) as camera, served(SnapshotCamera(url=camera.url, fps=20)) as (url, shown):
        assert camera.opens == 0
        async with watching(f"{url}/stream") as one, watching(f"{url}/stream") as two:
            for viewer in (one, two):
                numbers = [number_of(await viewer.picture()) for _ in range(5)]
                assert numbers == sorted(set(numbers))
        assert shown.view.source == "snapshots"
        await eventually(lambda: not shown.stats.connected)
        asked = camera.opens
        await asyncio.sleep(0.3)
        assert camera.opens == asked


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nhi", 502, "CAMERA_NOT_MJPEG"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: 0\r\n\r\n", 502, "CAMERA_NOT_MJPEG"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n\r\n" + b"x" * 9_000_000, 502, "CAMERA_NOT_MJPEG"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: 9\r\n\r\nx", 503, "CAMERA_UNAVAILABLE"),
        (b"HTTP/1.1 500 x\r\nContent-Length: 0\r\n\r\n", 503, "CAMERA_UNAVAILABLE"),
    ],
)
async def test_problems_of_a_camera_of_single_pictures(answer: bytes, status: int, code: str) -> None:
    async with scripted(answering(answer)) as camera:
        await check_problem(SnapshotCamera(url=camera.url), status, code)


async def test_a_lost_camera_is_stood_in_for_until_it_is_back() -> None:
    async with scripted(steady) as camera:
        port = camera.port
        stack = served(at(camera.url), reconnect=0.5)
        url, shown = await stack.__aenter__()
        viewing = watching(f"{url}/stream")
        viewer = await viewing.__aenter__()
        number_of(await viewer.picture())
    try:
        # what was on its way comes first
        async with asyncio.timeout(20):
            while (data := await viewer.picture()) and b"xxxxxxxx" in data:
                pass
        assert Image.open(io.BytesIO(data)).size == (640, 480)
        assert (shown.view.available, shown.view.error is None) == (False, False)
        async with httpx.AsyncClient() as client:

            async def no_snapshot() -> bool:
                answer = await client.get(f"{url}/snapshot")
                assert answer.status_code == 503 or b"xxxxxxxx" in answer.content, "a snapshot is never a placeholder"
                return answer.status_code == 503

            await eventually(no_snapshot)
        begun = time.monotonic()
        for _ in range(5):  # up to three have come meanwhile
            await viewer.picture()
        assert time.monotonic() - begun > 0.9, "one a second"
        async with scripted(steady, port):
            async with asyncio.timeout(20):
                while b"xxxxxxxx" not in await viewer.picture():
                    pass
            number_of(await viewer.picture())
            assert (shown.view.available, shown.view.error) == (True, None)
    finally:
        await viewing.__aexit__(None, None, None)
        await stack.__aexit__(None, None, None)


async def test_what_is_known_of_a_camera() -> None:
    async with scripted(steady) as camera, served(at(camera.url)) as (url, shown):
        view = shown.view
        assert (view.available, view.viewers, view.fps, view.last_frame_age, view.error) == (None, 0, 0, None, None)
        assert camera.opens == 0
        async with watching(f"{url}/stream") as viewer:
            for _ in range(20):
                await viewer.picture()
            view = shown.view
            assert (view.available, view.source, view.viewers, view.error) == (True, "mjpeg", 1, None)
            assert view.fps >= 19 / 5
            assert view.last_frame_age is not None
            assert view.last_frame_age < 5
    async with served(at(None)) as (url, shown), httpx.AsyncClient() as client:
        await client.get(f"{url}/snapshot")
        assert (shown.view.available, shown.view.error) == (False, "This printer has no camera.")


async def snapshots(camera: ScriptedCamera, writer: asyncio.StreamWriter) -> None:
    data = picture(camera.opens)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n" % len(data))
    writer.write(b"Connection: close\r\n\r\n" + data)
    await writer.drain()
