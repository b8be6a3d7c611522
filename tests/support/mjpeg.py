"""Camera servers for tests: real ones (motion, ffmpeg) and a scripted one that misbehaves on purpose; and viewers."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from tests.support.waiting import eventually

STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\nConnection: close\r\n\r\n"


def picture(number: int, size: int = 2000) -> bytes:
    """Bytes that start and end as a JPEG does, and say their number."""
    body = b"%08d" % number
    return b"\xff\xd8" + body + b"x" * (size - len(body) - 4) + b"\xff\xd9"


def number_of(data: bytes) -> int:
    """The number of a `picture`, which must be whole."""
    assert data.startswith(b"\xff\xd8"), data[:20]
    assert data.endswith(b"\xff\xd9"), data[-20:]
    return int(data[2:10])


def part(data: bytes, boundary: bytes = b"frame") -> bytes:
    return b"--%b\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%b\r\n" % (boundary, len(data), data)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class ScriptedCamera:
    """A raw-socket server: `script(camera, writer)` runs once per connection, after the request's head was read."""

    def __init__(
        self, script: Callable[[ScriptedCamera, asyncio.StreamWriter], Awaitable[None]], port: int = 0
    ) -> None:
        self.script = script
        self.port = port
        self.opens = 0
        self.active = 0
        self.most = 0
        self.sent = 0
        self.requests: list[bytes] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/stream"

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opens += 1
        self.active += 1
        self.most = max(self.most, self.active)
        script = None
        try:
            self.requests.append(await reader.readuntil(b"\r\n\r\n"))
            script = asyncio.ensure_future(self.script(self, writer))
            gone = asyncio.ensure_future(reader.read())
            await asyncio.wait((script, gone), return_when=asyncio.FIRST_COMPLETED)
            gone.cancel()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.active -= 1
            if script is not None:
                script.cancel()
                with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                    await script
            writer.transport.abort() if writer.transport.is_closing() else writer.close()

    async def send_pictures(
        self, writer: asyncio.StreamWriter, count: int | None = None, *, fps: float = 50, size: int = 2000
    ) -> None:
        """Write numbered pictures, counted over all connections."""
        done = 0
        while count is None or done < count:
            writer.write(part(picture(self.sent, size)))
            await writer.drain()
            self.sent += 1
            done += 1
            await asyncio.sleep(1 / fps)


@asynccontextmanager
async def scripted(
    script: Callable[[ScriptedCamera, asyncio.StreamWriter], Awaitable[None]], port: int = 0
) -> AsyncIterator[ScriptedCamera]:
    """Run a scripted camera for the length of the context; leaving it breaks all connections off."""
    camera = ScriptedCamera(script, port)
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(camera._handle(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", port)
    camera.port = server.sockets[0].getsockname()[1]
    try:
        yield camera
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(set(tasks))


async def steady(camera: ScriptedCamera, writer: asyncio.StreamWriter) -> None:
    """The script of a camera that works."""
    writer.write(STREAM_HEAD)
    await camera.send_pictures(writer)


def answering(*pieces: bytes, hang: bool = False) -> Callable[[ScriptedCamera, asyncio.StreamWriter], Awaitable[None]]:
    """A script that writes `pieces` and closes, or falls silent."""

    async def script(camera: ScriptedCamera, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        if hang:
            await asyncio.Event().wait()

    return script


@asynccontextmanager
async def _process(*command: str, port: int) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )

    def listening() -> bool:
        assert process.returncode is None, f"{command[0]} ended with {process.returncode}"
        # Without connecting: ffmpeg serves the first connection only.
        lines = Path("/proc/net/tcp").read_text().splitlines()
        return any(f":{port:04X} 00000000:0000 0A" in line for line in lines)

    try:
        await eventually(listening, timeout=20)
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


@asynccontextmanager
async def ffmpeg_camera(fps: int = 25) -> AsyncIterator[str]:
    """The URL of a stream by ffmpeg: takes one viewer only, and ends when that one leaves."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    source = f"testsrc2=size=320x240:rate={fps}"
    kind = "multipart/x-mixed-replace;boundary=ffmpeg"
    command = ("ffmpeg", "-v", "quiet", "-re", "-f", "lavfi", "-i", source, "-c:v", "mjpeg", "-f", "mpjpeg")
    async with _process(*command, "-content_type", kind, "-listen", "1", url, port=port):
        yield url


@asynccontextmanager
async def motion_camera(folder: Path) -> AsyncIterator[str]:
    """The URL of a stream by motion, which plays a film made by ffmpeg into `folder`."""
    film = folder / "film.mp4"
    make = ("ffmpeg", "-v", "quiet", "-y", "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=10:duration=30")
    made = await asyncio.create_subprocess_exec(*make, "-c:v", "mpeg4", "-q:v", "5", str(film))
    assert await made.wait() == 0
    port = free_port()
    settings = {
        "daemon": "off",
        "netcam_url": f"file://{film}",
        "width": 320,
        "height": 240,
        "framerate": 10,
        "stream_port": port,
        "stream_localhost": "on",
        "stream_maxrate": 10,
        "webcontrol_port": 0,
        "movie_output": "off",
        "picture_output": "off",
        "target_dir": folder,
        "log_file": folder / "motion.log",
    }
    config = folder / "motion.conf"
    config.write_text("".join(f"{key} {value}\n" for key, value in settings.items()))
    url = f"http://127.0.0.1:{port}/"

    async def answers() -> bool:
        # It listens at once, and closes every connection until its film runs.
        with contextlib.suppress(aiohttp.ClientError):
            async with aiohttp.ClientSession() as session, session.get(url) as response:
                return response.status == 200 and bool(await response.content.readany())
        return False

    async with _process("motion", "-n", "-c", str(config), port=port):
        await eventually(answers, timeout=20)
        yield url


class MjpegViewer:
    """A viewer by another library's multipart reader."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response
        self._reader = aiohttp.MultipartReader(response.headers, response.content)

    async def picture(self, timeout: float = 10) -> bytes:
        """The next picture, which must be a whole JPEG."""
        async with asyncio.timeout(timeout):
            field = await self._reader.next()
            assert isinstance(field, aiohttp.BodyPartReader)
            assert field.headers["Content-Type"] == "image/jpeg"
            data = bytes(await field.read())
        assert data.startswith(b"\xff\xd8")
        assert data.endswith(b"\xff\xd9")
        return data


@asynccontextmanager
async def watching(url: str) -> AsyncIterator[MjpegViewer]:
    """Watch a stream; leaving drops the connection."""
    async with aiohttp.ClientSession() as session:
        response = await session.get(url)
        try:
            assert response.status == 200, await response.text()
            yield MjpegViewer(response)
        finally:
            response.close()
