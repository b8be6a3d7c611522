"""The broadcast: one source for all, latest frame only, opened and closed with its viewers, reconnected when lost."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from fluxgate.streams import Frame, LatestFrameBroadcast, SourceError, SourceTimeoutError, SourceUnavailableError
from tests.support.mjpeg import number_of, picture
from tests.support.waiting import eventually

pytestmark = pytest.mark.anyio


class Camera:
    """A source whose pictures are pushed by the test; `fail` ends the connection with an error."""

    def __init__(self) -> None:
        self.numbers = itertools.count()
        self.opens = 0
        self.active = 0
        self.most = 0
        self.closing = 0.0
        self.refuse: BaseException | None = None
        self._queue: asyncio.Queue[Frame | BaseException | None] = asyncio.Queue()

    def push(self, count: int = 1) -> None:
        for _ in range(count):
            self._queue.put_nowait(Frame("image/jpeg", picture(next(self.numbers)), 1.5))

    def fail(self, error: BaseException | None) -> None:
        self._queue.put_nowait(error)

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[AsyncIterator[Frame]]:
        self.opens += 1
        if self.refuse is not None:
            raise self.refuse
        self.active += 1
        self.most = max(self.most, self.active)
        self._queue = asyncio.Queue()
        try:
            yield self._frames()
        finally:
            await asyncio.sleep(self.closing)
            self.active -= 1

    async def _frames(self) -> AsyncIterator[Frame]:
        while (item := await self._queue.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item


@asynccontextmanager
async def broadcasting(camera: Camera, **options: float) -> AsyncIterator[LatestFrameBroadcast]:
    broadcast = LatestFrameBroadcast(camera, **{"linger": 0.1, **options})  # type: ignore[arg-type]
    try:
        yield broadcast
    finally:
        await broadcast.aclose()
        assert camera.active == 0
        assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("stream")]


async def test_all_viewers_share_one_source_and_one_encoding() -> None:
    camera = Camera()
    async with broadcasting(camera) as broadcast, contextlib.AsyncExitStack() as stack:
        viewers = [await stack.enter_async_context(broadcast.viewer()) for _ in range(20)]
        waiting = asyncio.gather(*(viewer.wait() for viewer in viewers))
        await eventually(lambda: camera.active)
        camera.push()
        await waiting
        parts = [viewer.part() for viewer in viewers]
        assert len({id(part) for part in parts}) == 1
        head, _, rest = parts[0].partition(b"\r\n\r\n")
        assert head == b"Content-Type: image/jpeg\r\nContent-Length: 2000\r\nX-Timestamp: 1.500000"
        assert rest == picture(0) + b"\r\n--fluxgate-frame\r\n"
        assert broadcast.stats.viewers == 20
    assert camera.opens == 1


async def test_a_slow_viewer_gets_the_latest_and_the_rest_are_dropped() -> None:
    camera = Camera()
    async with broadcasting(camera) as broadcast, broadcast.viewer() as slow, broadcast.viewer() as quick:
        await eventually(lambda: camera.active)
        for expected in range(10):
            camera.push()
            assert number_of((await quick.frame()).data) == expected
        assert number_of((await slow.frame()).data) == 9
        assert (broadcast.stats.frames, broadcast.stats.dropped) == (10, 9)


async def test_a_late_viewer_gets_the_latest_frame_at_once() -> None:
    camera = Camera()
    async with broadcasting(camera) as broadcast, broadcast.viewer() as first:
        await eventually(lambda: camera.active)
        camera.push()
        await first.frame()
        async with broadcast.viewer() as late, asyncio.timeout(1):
            assert number_of((await late.frame()).data) == 0
            camera.push()
            assert number_of((await late.frame()).data) == 1


async def test_an_old_frame_is_shown_to_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fluxgate.streams.broadcast.FRESH", 0.05)
    camera = Camera()
    async with broadcasting(camera) as broadcast, broadcast.viewer() as first:
        await eventually(lambda: camera.active)
        camera.push()
        await first.frame()
        await asyncio.sleep(0.06)
        with pytest.raises(SourceTimeoutError):
            await broadcast.latest(0.05)
        camera.push()
        assert number_of((await broadcast.latest(1)).data) == 1


async def test_the_source_closes_after_the_linger_and_opens_again() -> None:
    camera = Camera()
    async with broadcasting(camera, linger=0.2) as broadcast:
        for round_ in range(3):
            async with broadcast.viewer():
                await eventually(lambda: camera.active)
            async with broadcast.viewer():
                pass
            assert camera.opens == round_ + 1, "a viewer who comes within the linger finds it open"
            started = asyncio.get_running_loop().time()
            await eventually(lambda: not camera.active)
            assert 0.1 < asyncio.get_running_loop().time() - started < 3


async def test_the_next_connection_waits_for_the_last_to_close() -> None:
    camera = Camera()
    camera.closing = 0.1
    async with broadcasting(camera, linger=0.0) as broadcast:
        for number in (1, 2, 3):
            async with broadcast.viewer():
                await eventually(lambda n=number: camera.opens == n and camera.active)  # type: ignore[misc]
            await asyncio.sleep(0.01)
    assert (camera.opens, camera.most) == (3, 1)


async def test_a_source_that_never_works_fails_all_who_wait() -> None:
    camera = Camera()
    camera.refuse = SourceUnavailableError("No.")
    async with broadcasting(camera) as broadcast:
        results = await asyncio.gather(*(broadcast.latest(5) for _ in range(10)), return_exceptions=True)
        assert {str(error) for error in results} == {"No."}
        assert camera.opens == 1
        camera.refuse = None
        latest = asyncio.ensure_future(broadcast.latest(5))
        await eventually(lambda: camera.active)
        camera.push()
        assert number_of((await latest).data) == 0


async def test_a_source_without_a_frame_times_out() -> None:
    camera = Camera()
    async with broadcasting(camera, first_frame=0.1) as broadcast:
        with pytest.raises(SourceTimeoutError):
            await broadcast.latest(5)


async def test_a_lost_source_is_opened_again_under_its_viewers() -> None:
    camera = Camera()
    async with broadcasting(camera) as broadcast, broadcast.viewer() as viewer:
        for error in (SourceUnavailableError("gone"), None, TimeoutError()):
            await eventually(lambda: camera.active)
            camera.push()
            await viewer.frame()
            camera.fail(error)
            await eventually(lambda: not broadcast.stats.connected)
        await eventually(lambda: camera.opens == 4)
        assert broadcast.stats.opens == 4


async def test_a_source_lost_for_good_ends_its_viewers() -> None:
    camera = Camera()
    async with broadcasting(camera, reconnect=0.6) as broadcast, broadcast.viewer() as viewer:
        await eventually(lambda: camera.active)
        camera.push()
        await viewer.frame()
        camera.refuse = SourceUnavailableError("Gone for good.")
        camera.fail(None)
        with pytest.raises(SourceError, match=r"Gone for good\."):
            await viewer.frame()
        assert 2 <= camera.opens <= 4


async def test_a_camera_that_accepts_and_stays_silent_is_given_up_too() -> None:
    camera = Camera()
    async with broadcasting(camera, reconnect=0.5) as broadcast, broadcast.viewer() as viewer:
        await eventually(lambda: camera.active)
        camera.push()
        await viewer.frame()
        camera.fail(None)
        async with asyncio.timeout(3):
            with pytest.raises(SourceTimeoutError):
                await viewer.frame()


async def test_a_defect_in_a_source_is_logged_and_leaves_nobody_waiting(caplog: pytest.LogCaptureFixture) -> None:
    camera = Camera()
    camera.refuse = KeyError("oops")
    async with broadcasting(camera) as broadcast:
        with caplog.at_level(logging.ERROR), pytest.raises(SourceUnavailableError):
            await broadcast.latest(5)
    assert "oops" in caplog.text


async def test_a_cancelled_viewer_leaves_nothing_behind() -> None:
    camera = Camera()
    async with broadcasting(camera) as broadcast, broadcast.viewer() as stays:
        tasks = [asyncio.ensure_future(broadcast.latest(30)) for _ in range(100)]
        await eventually(lambda: broadcast.stats.viewers == 101 and camera.active)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        assert broadcast.stats.viewers == 1
        camera.push()
        await stays.frame()


async def test_closing_ends_viewers_and_refuses_new_ones() -> None:
    camera = Camera()
    async with broadcasting(camera) as broadcast, broadcast.viewer() as viewer:
        waiting = asyncio.ensure_future(viewer.frame())
        await eventually(lambda: camera.active)
        await broadcast.aclose()
        with pytest.raises(SourceUnavailableError):
            await waiting
        with pytest.raises(SourceUnavailableError):
            await broadcast.latest(1)
        assert camera.opens == 1
