"""Streams over real sockets: one upstream for all viewers, and a viewer that stalls or leaves harms nobody."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import httpx
import psutil
import pytest

from fluxgate.streams import LatestFrameBroadcast, open_mjpeg, serve_mjpeg, serve_snapshot
from fluxgate.types import Receive, Scope, Send
from tests.support.mjpeg import (
    STREAM_HEAD,
    ScriptedCamera,
    answering,
    ffmpeg_camera,
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
async def gateway(
    camera_url: str, *, stall_timeout: float = 1, **options: float
) -> AsyncIterator[tuple[str, LatestFrameBroadcast]]:
    """`/stream` and `/snapshot` of the camera at `camera_url`."""
    broadcast = LatestFrameBroadcast(
        lambda: open_mjpeg(camera_url, stall_timeout=stall_timeout),
        **{"linger": 0.3, **options},  # type: ignore[arg-type]
    )

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/stream":
            await serve_mjpeg(broadcast, scope, receive, send)
        else:
            await serve_snapshot(broadcast, scope, send, timeout=5)

    async with serving(app) as url:
        try:
            yield url, broadcast
        finally:
            await broadcast.aclose()


async def test_twenty_viewers_one_connection() -> None:
    async with scripted(steady) as camera, gateway(camera.url) as (url, broadcast):

        async def watch() -> list[int]:
            async with watching(f"{url}/stream") as viewer:
                return [number_of(await viewer.picture()) for _ in range(30)]

        seen = await asyncio.gather(*(watch() for _ in range(20)))
        for numbers in seen:
            assert numbers == sorted(set(numbers)), "in order, none twice"
            assert numbers[-1] - numbers[0] < 40, "at full rate"
        assert camera.opens == 1
        await eventually(lambda: broadcast.stats.viewers == 0)
        await eventually(lambda: camera.active == 0)


@pytest.mark.parametrize("kind", ["motion", "ffmpeg"])
async def test_real_camera_to_real_player(kind: str, tmp_path: Path) -> None:
    async with (
        motion_camera(tmp_path) if kind == "motion" else ffmpeg_camera() as camera_url,
        gateway(camera_url, stall_timeout=20) as (url, broadcast),
        watching(f"{url}/stream") as other,
    ):
        # Chromium and ffmpeg read these streams alike; ffmpeg decodes every picture and fails on a broken one.
        command = ["ffmpeg", "-v", "error", "-xerror", "-f", "mpjpeg", "-i", f"{url}/stream"]
        player = await asyncio.create_subprocess_exec(
            *command, "-frames:v", "10", "-f", "null", "-", stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        pictures = {await other.picture() for _ in range(10)}
        async with asyncio.timeout(20):
            _, complaints = await player.communicate()
        assert (player.returncode, complaints) == (0, b"")
        assert len(pictures) > 3
        assert broadcast.stats.opens == 1


async def test_headers() -> None:
    async with (
        scripted(steady) as camera,
        gateway(camera.url) as (url, broadcast),
        httpx.AsyncClient() as client,
        client.stream("GET", f"{url}/stream") as response,
    ):
        head = await client.head(f"{url}/stream")
        for answer in (response, head):
            assert answer.status_code == 200
            assert answer.headers["content-type"] == "multipart/x-mixed-replace; boundary=fluxgate-frame"
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["x-accel-buffering"] == "no"
        await eventually(lambda: broadcast.stats.viewers == 1)


@pytest.mark.parametrize("path", ["/stream", "/snapshot"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("pieces", "hang", "status"),
    [
        ([b"HTTP/1.1 500 x\r\nContent-Length: 0\r\n\r\n"], False, 503),
        ([b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 116], False, 502),
        ([STREAM_HEAD], True, 504),
        ([STREAM_HEAD], False, 503),
    ],
)
async def test_a_failure_before_the_first_picture_is_a_problem(
    path: str, method: str, pieces: list[bytes], hang: bool, status: int
) -> None:
    async with (
        scripted(answering(*pieces, hang=hang)) as camera,
        gateway(camera.url, first_frame=0.3 if hang else 5) as (url, broadcast),
        httpx.AsyncClient() as client,
    ):
        answer = await client.request(method, url + path)
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert broadcast.stats.viewers == 0


async def test_snapshots_share_the_running_stream() -> None:
    async with scripted(steady) as camera, gateway(camera.url) as (url, _), httpx.AsyncClient() as client:
        one = await client.get(f"{url}/snapshot")
        assert one.headers["content-type"] == "image/jpeg"
        assert one.headers["cache-control"] == "no-store"
        first = number_of(one.content)
        async with watching(f"{url}/stream") as viewer:
            await viewer.picture()
            text = await client.get(f"{url}/snapshot?format=base64")
            assert text.headers["content-type"] == "text/plain; charset=us-ascii"
            assert number_of(base64.b64decode(text.text, validate=True)) >= first
        head = await client.head(f"{url}/snapshot")
        assert (head.headers["content-length"], head.content) == ("2000", b"")
        assert (await client.get(f"{url}/snapshot?format=gif")).status_code == 400
        assert camera.opens == 1


async def test_a_camera_that_restarts_is_survived() -> None:
    port = free_port()
    async with contextlib.AsyncExitStack() as viewers:
        async with scripted(steady, port) as first, gateway_stack(viewers, first.url) as (url, broadcast):
            viewer = await viewers.enter_async_context(watching(f"{url}/stream"))
            await viewer.picture()
        await eventually(lambda: not broadcast.stats.connected)
        async with scripted(steady, port) as second:
            await eventually(lambda: second.sent > 3)
            latest = -1
            while latest < 3:
                latest = number_of(await viewer.picture()) if second.sent else -1
            assert broadcast.stats.viewers == 1


@asynccontextmanager
async def gateway_stack(
    stack: contextlib.AsyncExitStack, camera_url: str
) -> AsyncIterator[tuple[str, LatestFrameBroadcast]]:
    """A gateway that lives as long as `stack`, longer than this context."""
    yield await stack.enter_async_context(gateway(camera_url))


async def test_a_camera_that_dies_in_mid_part_is_survived() -> None:
    async def script(camera: ScriptedCamera, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD)
        await camera.send_pictures(writer, 3)
        writer.write(b"--frame\r\nContent-Length: 2000\r\n\r\n" + picture(9999)[:700])
        await writer.drain()

    async with (
        scripted(script) as camera,
        gateway(camera.url) as (url, _),
        watching(f"{url}/stream") as viewer,
    ):
        numbers = [number_of(await viewer.picture()) for _ in range(5)]
        assert numbers == sorted(set(numbers))
        assert 9999 not in numbers
        assert camera.opens >= 2


async def test_a_camera_lost_for_good_breaks_the_answer_off() -> None:
    async def script(camera: ScriptedCamera, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD)
        if camera.opens == 1:
            await camera.send_pictures(writer, 2)

    async with (
        scripted(script) as camera,
        gateway(camera.url, reconnect=0.5) as (url, broadcast),
        watching(f"{url}/stream") as viewer,
    ):
        await viewer.picture()
        with pytest.raises(aiohttp.ClientPayloadError):
            await asyncio.wait_for(viewer.response.content.read(), 5)
        await eventually(lambda: broadcast.stats.viewers == 0)


async def test_a_viewer_who_leaves_before_the_first_picture_is_noticed() -> None:
    async with scripted(answering(hang=True)) as camera, gateway(camera.url) as (url, broadcast):
        host, port = url.removeprefix("http://").split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
        await eventually(lambda: camera.active == 1)
        writer.close()
        await eventually(lambda: broadcast.stats.viewers == 0, timeout=1)
        await eventually(lambda: camera.active == 0, timeout=1)


def stall(port: int) -> socket.socket:
    """A viewer who asks and never reads."""
    viewer = socket.socket()
    viewer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    viewer.connect(("127.0.0.1", port))
    viewer.sendall(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
    return viewer


async def test_stalled_viewers_slow_nobody_and_cost_two_frames_at_most() -> None:
    size, stalled = 200_000, 20

    async def script(camera: ScriptedCamera, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD)
        await camera.send_pictures(writer, fps=40, size=size)

    async with scripted(script) as camera:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.support.camera_gateway", camera.url, stdout=subprocess.PIPE, stderr=None
        )
        try:
            assert process.stdout is not None
            port = int(await process.stdout.readline())
            measured = psutil.Process(process.pid)
            async with watching(f"http://127.0.0.1:{port}/stream") as quick:
                for _ in range(40):
                    await quick.picture()
                before = measured.memory_info().rss
                viewers = [stall(port) for _ in range(stalled)]
                numbers = [number_of(await quick.picture()) for _ in range(120)]
                grown = measured.memory_info().rss - before
                for viewer in viewers:
                    viewer.close()
            assert numbers[-1] - numbers[0] < 125, "the quick viewer lost none"
            assert grown < stalled * 2 * size + 2_000_000, f"grew by {grown / stalled / size:.1f} frames a viewer"
            assert camera.opens == 1
        finally:
            process.kill()
            await process.wait()
            process._transport.close()  # type: ignore[attr-defined]


async def test_a_viewer_may_want_fewer_pictures_and_gets_the_latest() -> None:
    async with (
        scripted(steady) as camera,
        gateway(camera.url) as (url, broadcast),
        watching(f"{url}/stream") as full,
        watching(f"{url}/stream?fps=2") as paced,
    ):
        await paced.picture()
        begun = asyncio.get_running_loop().time()
        for _ in range(4):
            number = number_of(await paced.picture())
        took = asyncio.get_running_loop().time() - begun
        assert took > 1.4, "two a second"
        assert camera.sent - number < 25 + 50 * 0.5, "the latest, not the next"
        numbers = [number_of(await full.picture()) for _ in range(10)]
        assert numbers == sorted(numbers)
        assert (camera.opens, broadcast.stats.viewers) == (1, 2)


@pytest.mark.parametrize("fps", ["", "0", "0.9", "30.1", "-1", "nan", "inf", "many", "1&fps=31"])
async def test_a_rate_that_is_none(fps: str) -> None:
    async with scripted(steady) as camera, gateway(camera.url) as (url, _), httpx.AsyncClient() as client:
        answer = await client.get(f"{url}/stream?fps={fps}")
        assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (400, "INVALID_FPS", "fps")
        assert camera.opens == 0
