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
_WALL, _FLOOR = (27, 31, 38), (13, 15, 18)
_BED, _BED_EDGE = "#2c323b", "#3b434e"
_METAL, _DARK = "#59626f", "#20262d"
_TEXT, _FAINT = "#eef1f4", "#9aa6b2"
_NOZZLE = "#ff8a3d"
_THING = (62, 207, 191)
_BED_Y, _TALL, _WIDE = 372, 210, 70
"""Where the bed is, and how tall and wide (half of it) a finished print stands on it, in pixels."""
_SLICES = 70
_MAX_LINES = 4

Caption = Callable[[], Sequence[str]]
"""Asked for each frame, from the event loop: up to four short lines such as temperatures and progress."""
Grown = Callable[[], float | None]
"""Asked for each frame, too: how much of its print stands on the bed, 0 to 1; None: there is none."""


class TestPicture(msgspec.Struct, frozen=True, kw_only=True):
    """A camera that is drawn: JPEG frames of 640 × 480 with a printer's bed, what has grown on it, a moving print head,
    a clock and a frame counter.
    """

    __test__ = False

    caption: Caption | None = None
    grown: Grown | None = None
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
        grown = picture.grown() if picture.grown is not None else None
        now = time.time()
        yield Frame("image/jpeg", await asyncio.to_thread(painter.paint, number, now, lines, grown), now)
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
        self._still: Image.Image = Image.new("RGB", (WIDTH, HEIGHT), _FLOOR)
        draw = ImageDraw.Draw(self._still)
        for y in range(_BED_Y):
            shade = tuple(round(wall + (floor - wall) * y / _BED_Y) for wall, floor in zip(_WALL, _FLOOR, strict=True))
            draw.line((0, y, WIDTH, y), fill=shade)
        draw.polygon(
            ((150, _BED_Y - 46), (WIDTH - 150, _BED_Y - 46), (WIDTH - 60, _BED_Y + 62), (60, _BED_Y + 62)), fill=_BED
        )
        draw.line((60, _BED_Y + 62, WIDTH - 60, _BED_Y + 62), fill=_BED_EDGE, width=5)
        for rail in (40, WIDTH - 40):
            draw.rectangle((rail - 5, 0, rail + 5, HEIGHT), fill=_DARK)
        draw.text((20, 18), title, fill=_TEXT, font=self._font)

    def paint(self, number: int, now: float, lines: tuple[str, ...], grown: float | None) -> bytes:
        """One frame as JPEG bytes: frame `number`, the clock at Unix time `now`, `lines` of caption, the print."""
        image = self._still.copy()
        draw = self._new_draw(image)
        top = _BED_Y if grown is None else self._thing(draw, min(max(grown, 0.0), 1.0))
        self._head(draw, 0.0 if grown is None else math.sin(number / 4), top)
        whole, tenths = divmod(int(now * 10), 10)
        clock = time.strftime("%H:%M:%S", time.localtime(whole))
        draw.text((WIDTH - 20, 18), f"{clock}.{tenths}", fill=_TEXT, font=self._font, anchor="ra")
        draw.text((WIDTH - 20, 46), f"frame {number}", fill=_FAINT, font=self._small, anchor="ra")
        for index, line in enumerate(lines):
            draw.text((20, 46 + 22 * index), line, fill=_FAINT, font=self._small)
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=80)
        return buffer.getvalue()

    @staticmethod
    def _thing(draw: ImageDraw.ImageDraw, grown: float) -> int:
        """A vase, as far as it is; how high its top is."""
        y = _BED_Y
        for index in range(round(grown * _SLICES)):
            height = index / _SLICES
            width = _WIDE * (0.72 + 0.28 * math.sin(height * 5.2 + 0.4))
            y = round(_BED_Y - _TALL * height)
            shade = 0.45 + 0.55 * height
            fill = tuple(round(channel * shade) for channel in _THING)
            draw.ellipse((WIDTH / 2 - width, y - width / 5, WIDTH / 2 + width, y + width / 5), fill=fill)
        return y

    @staticmethod
    def _head(draw: ImageDraw.ImageDraw, aside: float, top: int) -> None:
        """The print head on its rail, above the height `top`; `aside` from -1 to 1."""
        x, y = WIDTH / 2 + aside * _WIDE * 0.8, top - 8
        draw.rectangle((40, y - 74, WIDTH - 40, y - 62), fill=_METAL)
        draw.rounded_rectangle((x - 30, y - 92, x + 30, y - 22), radius=6, fill=_DARK, outline=_METAL, width=2)
        draw.polygon(((x - 11, y - 22), (x + 11, y - 22), (x, y)), fill=_NOZZLE)
