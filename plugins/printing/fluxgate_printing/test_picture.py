"""A moving test picture: what the virtual printer's camera shows, so that the whole path to the browser can be seen to
work.

It costs nothing while nobody watches: as a source it is only open while there are viewers.
"""

from __future__ import annotations

import asyncio
import io
import math
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING

import msgspec

from fluxgate.streams.source import Frame, Source

if TYPE_CHECKING:
    from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT = 640, 480
_BARS_HEIGHT = 300
_BARS = ("#c0c0c0", "#c0c000", "#00c0c0", "#00c000", "#c000c0", "#c00000", "#0000c0")
_PANEL = "#14181d"
_TEXT = "#e8edf2"
_ACCENT = "#ff8a3d"
_RAIL_Y = 120
_MAX_LINES = 4

Caption = Callable[[], Sequence[str]]
"""Asked for each frame, from the event loop: up to four short lines such as temperatures and progress."""


class TestPicture(msgspec.Struct, frozen=True, kw_only=True):
    """A camera that is drawn: JPEG frames of 640 × 480 with colour bars, a moving print head, a clock and a frame
    counter.
    """

    __test__ = False

    caption: Caption | None = None
    title: str = "Virtual printer"
    fps: float = 10.0


def test_picture_source(picture: TestPicture) -> Source:
    """The picture as a source for a broadcast. Frames are drawn in a worker thread."""

    @asynccontextmanager
    async def open_picture() -> AsyncIterator[AsyncIterator[Frame]]:
        async with aclosing(_frames(picture)) as frames:
            yield frames

    return open_picture


test_picture_source.__test__ = False  # type: ignore[attr-defined]


async def _frames(picture: TestPicture) -> AsyncGenerator[Frame, None]:
    loop = asyncio.get_running_loop()
    painter = await asyncio.to_thread(_Painter, picture.title)
    due, number = loop.time(), 0
    while True:
        lines = tuple(picture.caption()[:_MAX_LINES]) if picture.caption is not None else ()
        now = time.time()
        yield Frame("image/jpeg", await asyncio.to_thread(painter.paint, number, now, lines), now)
        number += 1
        # Not before its time, and without catching up after a delay.
        due = max(due + 1 / picture.fps, loop.time())
        await asyncio.sleep(due - loop.time())


class _Painter:
    """Keeps the still background and the fonts between frames."""

    def __init__(self, title: str) -> None:
        # Imported here: Pillow takes a tenth of a second, which a gateway without a virtual printer needn't spend.
        from PIL import Image, ImageDraw, ImageFont  # noqa: PLC0415

        self._new_draw: Callable[[Image.Image], ImageDraw.ImageDraw] = ImageDraw.Draw
        self._font: ImageFont.ImageFont | ImageFont.FreeTypeFont = ImageFont.load_default(20)
        self._small: ImageFont.ImageFont | ImageFont.FreeTypeFont = ImageFont.load_default(15)
        self._still: Image.Image = Image.new("RGB", (WIDTH, HEIGHT), _PANEL)
        draw = ImageDraw.Draw(self._still)
        width = WIDTH / len(_BARS)
        for index, colour in enumerate(_BARS):
            draw.rectangle((round(index * width), 0, round((index + 1) * width) - 1, _BARS_HEIGHT - 1), fill=colour)
        for x in range(0, WIDTH, 4):
            grey = 255 * x // WIDTH
            draw.rectangle((x, _BARS_HEIGHT, x + 3, _BARS_HEIGHT + 19), fill=(grey, grey, grey))
        draw.rectangle((0, _RAIL_Y - 4, WIDTH, _RAIL_Y + 4), fill="#2b3139")
        draw.text((20, _BARS_HEIGHT + 32), title, fill=_TEXT, font=self._font)

    def paint(self, number: int, now: float, lines: tuple[str, ...]) -> bytes:
        """One frame as JPEG bytes: frame `number`, the clock at Unix time `now`, `lines` of caption."""
        image = self._still.copy()
        draw = self._new_draw(image)
        x = WIDTH / 2 + (WIDTH / 2 - 50) * math.sin(number / 12)
        draw.rectangle((x - 26, _RAIL_Y - 30, x + 26, _RAIL_Y + 26), fill="#20262d", outline=_ACCENT, width=3)
        draw.polygon(((x - 12, _RAIL_Y + 26), (x + 12, _RAIL_Y + 26), (x, _RAIL_Y + 50)), fill=_ACCENT)
        whole, tenths = divmod(int(now * 10), 10)
        clock = time.strftime("%H:%M:%S", time.localtime(whole))
        draw.text((WIDTH - 20, _BARS_HEIGHT + 32), f"{clock}.{tenths}", fill=_TEXT, font=self._font, anchor="ra")
        draw.text((WIDTH - 20, _BARS_HEIGHT + 62), f"frame {number}", fill="#9aa6b2", font=self._small, anchor="ra")
        for index, line in enumerate(lines):
            draw.text((20, _BARS_HEIGHT + 62 + 26 * index), line, fill="#c3ccd6", font=self._small)
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=75)
        return buffer.getvalue()
