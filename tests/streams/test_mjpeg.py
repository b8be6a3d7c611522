"""The MJPEG source against real camera servers, and against stand-ins for what others do wrong."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from fluxgate.streams import (
    Frame,
    SourceError,
    SourceFormatError,
    SourceTimeoutError,
    SourceUnavailableError,
    open_mjpeg,
)
from tests.support.mjpeg import (
    STREAM_HEAD,
    answering,
    ffmpeg_camera,
    free_port,
    motion_camera,
    number_of,
    part,
    picture,
    scripted,
    steady,
)

pytestmark = pytest.mark.anyio


async def read(url: str, count: int, **options: float) -> list[Frame]:
    found: list[Frame] = []
    async with open_mjpeg(url, **options) as frames:  # type: ignore[arg-type]
        async for frame in frames:
            found.append(frame)
            if len(found) == count:
                break
    return found


def check_jpegs(frames: list[Frame]) -> None:
    for frame in frames:
        assert frame.content_type == "image/jpeg"
        assert frame.data.startswith(b"\xff\xd8")
        assert frame.data.endswith(b"\xff\xd9")
    assert len({frame.data for frame in frames}) > 1, "the picture moves"
    assert frames == sorted(frames, key=lambda frame: frame.timestamp)


async def test_ffmpeg() -> None:
    async with ffmpeg_camera() as url:
        check_jpegs(await read(url, 10))


async def test_motion(tmp_path: Path) -> None:
    async with motion_camera(tmp_path) as url:
        check_jpegs(await read(url, 5))


def http10(content_type: bytes) -> bytes:
    return b"HTTP/1.0 200 OK\r\nSet-Cookie: a=b\r\nContent-Type: " + content_type + b"\r\n\r\n"


PLAIN = [picture(0), picture(1), picture(2)]
JOINED = b"".join(part(data) for data in PLAIN)
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: multipart/x-mixed-replace;boundary=frame\r\n\r\n"
)


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([http10(b"multipart/x-mixed-replace;boundary=frame"), JOINED], id="HTTP/1.0"),
        pytest.param([http10(b"multipart/x-mixed-replace; boundary=--frame"), JOINED], id="dashes in the declaration"),
        pytest.param([http10(b'multipart/x-mixed-replace; boundary="frame"'), JOINED], id="quoted"),
        pytest.param([http10(b"Multipart/X-Mixed-Replace"), JOINED], id="no boundary declared"),
        pytest.param([STREAM_HEAD, JOINED.replace(b"Content-Length: ", b"content-length:       ")], id="padded length"),
        pytest.param([STREAM_HEAD, JOINED.replace(b"Content-Length: 2000\r\n", b"") + b"--frame\r\n"], id="no length"),
        pytest.param([STREAM_HEAD, JOINED.replace(b"\r\n", b"\n")], id="LF"),
        pytest.param([STREAM_HEAD, b"\r\n\r\nhello\r\n", JOINED], id="junk first"),
        pytest.param(
            [
                CHUNKED,
                *(b"%x\r\n%b\r\n" % (len(JOINED[i : i + 7]), JOINED[i : i + 7]) for i in range(0, len(JOINED), 7)),
            ],
            id="chunks of seven bytes",
        ),
        pytest.param(
            [STREAM_HEAD, b"--frame\r\nContent-Type: text/plain\r\n\r\nhello\r\n", part(b""), JOINED], id="other parts"
        ),
    ],
)
async def test_odd_but_readable(pieces: list[bytes]) -> None:
    async with scripted(answering(*pieces, hang=True)) as camera:
        assert [frame.data for frame in await read(camera.url, 3)] == PLAIN


HALF = part(picture(1))[:500]


@pytest.mark.parametrize(
    ("pieces", "hang", "before", "error"),
    [
        pytest.param([b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 116], False, 0, SourceFormatError, id="116 bytes of no type"),
        pytest.param(
            [b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: 2000\r\n\r\n" + picture(0)],
            False,
            0,
            SourceFormatError,
            id="one JPEG",
        ),
        pytest.param(
            [http10(b"multipart/x-mixed-replace;boundary=" + b"x" * 300)], False, 0, SourceFormatError, id="long"
        ),
        pytest.param(
            [STREAM_HEAD, part(picture(0)), b"--frame\r\nContent-Length: 999999999\r\n\r\n"],
            True,
            1,
            SourceFormatError,
            id="too large",
        ),
        pytest.param(
            [b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"], False, 0, SourceUnavailableError, id="404"
        ),
        pytest.param([b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n"], False, 0, SourceUnavailableError, id="401"),
        pytest.param([b"SSH-2.0-OpenSSH\r\n"], False, 0, SourceUnavailableError, id="not HTTP"),
        pytest.param([], False, 0, SourceUnavailableError, id="closes at once"),
        pytest.param([], True, 0, SourceTimeoutError, id="silent"),
        pytest.param([STREAM_HEAD], True, 0, SourceTimeoutError, id="silent after the head"),
        pytest.param([STREAM_HEAD, part(picture(0)), HALF], True, 1, SourceTimeoutError, id="stalls in a part"),
        pytest.param(
            [CHUNKED, b"%x\r\n" % 9999, part(picture(0)), HALF], False, 1, SourceUnavailableError, id="dies in a part"
        ),
        pytest.param(
            [b"HTTP/1.1 302 Found\r\nLocation: http://localhost:1/\r\nContent-Length: 0\r\n\r\n"],
            False,
            0,
            SourceUnavailableError,
            id="redirects elsewhere",
        ),
        pytest.param(
            [b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n"],
            False,
            0,
            SourceUnavailableError,
            id="redirects for ever",
        ),
    ],
)
async def test_failures(pieces: list[bytes], hang: bool, before: int, error: type[SourceError]) -> None:
    seen: list[Frame] = []

    async def read_all(url: str) -> None:
        async with open_mjpeg(url, stall_timeout=0.3) as frames:
            async for frame in frames:
                seen.append(frame)  # noqa: PERF401 - keeps what came before the error

    async with scripted(answering(*pieces, hang=hang)) as camera:
        with pytest.raises(error) as caught:
            await read_all(camera.url)
    assert len(seen) == before
    assert "127.0.0.1" not in str(caught.value)
    assert str(camera.port) not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:{port}/", "http://", "ftp://127.0.0.1/", "nonsense", "http://127.0.0.1:99999/", "http://[::1"],
)
async def test_unreachable(url: str) -> None:
    with pytest.raises(SourceUnavailableError):
        await read(url.format(port=free_port()), 1)


async def test_an_ended_stream_ends() -> None:
    async with scripted(answering(STREAM_HEAD, part(picture(0)))) as camera, open_mjpeg(camera.url) as frames:
        assert [number_of(frame.data) async for frame in frames] == [0]


async def test_a_redirect_on_the_same_server_is_followed_and_keeps_the_credentials() -> None:
    async def script(camera: object, writer: asyncio.StreamWriter) -> None:
        if ours.opens == 1:
            writer.write(b"HTTP/1.1 307 x\r\nLocation: /there?a=b\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        else:
            await steady(ours, writer)

    async with scripted(script) as ours:
        await read(ours.url.replace("//", "//user:secret@"), 2)
    assert [request.split(b" ")[1] for request in ours.requests] == [b"/stream", b"/there?a=b"]
    assert all(b"Authorization: Basic dXNlcjpzZWNyZXQ=" in request for request in ours.requests)


async def test_the_environment_and_cookies_stay_out(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")

    async def script(camera: object, writer: asyncio.StreamWriter) -> None:
        if ours.opens == 1:
            writer.write(b"HTTP/1.1 307 x\r\nSet-Cookie: a=b\r\nLocation: /\r\nContent-Length: 0\r\n\r\n")
            writer.close()
        else:
            await steady(ours, writer)

    async with scripted(script) as ours:
        await read(ours.url, 1)
    names = {line.split(b":")[0].lower() for line in ours.requests[-1].split(b"\r\n")[1:] if line}
    assert names == {b"host", b"accept", b"accept-encoding", b"user-agent"}


async def test_leaving_closes_the_connection() -> None:
    async with scripted(steady) as camera:
        assert [number_of(frame.data) for frame in await read(camera.url, 3)] == [0, 1, 2]
        async with asyncio.timeout(5):
            while camera.active:
                await asyncio.sleep(0.01)
