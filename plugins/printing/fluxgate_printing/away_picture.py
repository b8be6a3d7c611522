"""The picture that stands in for a camera that is away, so that a dashboard's <img> stays and recovers by itself."""

from __future__ import annotations

import asyncio
import io
import textwrap
import time
from functools import lru_cache

from fluxgate.streams import Frame, SourceError

WIDTH, HEIGHT = 640, 480
_LINE = 52  # characters
_LINES = 3


async def away_picture(reason: SourceError) -> Frame:
    """A JPEG of 640 × 480 that says that the camera is away, why, and what time it is. Viewers share it."""
    now = int(time.time())
    return Frame("image/jpeg", await asyncio.to_thread(_paint, str(reason), now), float(now))


@lru_cache(maxsize=8)
def _paint(reason: str, now: int) -> bytes:
    # Imported here: Pillow takes a tenth of a second, which a gateway whose cameras are well needn't spend.
    from PIL import Image, ImageDraw, ImageFont  # noqa: PLC0415

    image = Image.new("RGB", (WIDTH, HEIGHT), "#14181d")
    draw = ImageDraw.Draw(image)
    draw.text((WIDTH / 2, 190), "The camera is away", fill="#e8edf2", font=ImageFont.load_default(34), anchor="mm")
    small = ImageFont.load_default(18)
    for index, line in enumerate(textwrap.wrap(reason, _LINE)[:_LINES]):
        draw.text((WIDTH / 2, 245 + 26 * index), line, fill="#9aa6b2", font=small, anchor="mm")
    clock = time.strftime("%H:%M:%S", time.localtime(now))
    draw.text((WIDTH - 20, HEIGHT - 20), clock, fill="#9aa6b2", font=small, anchor="rb")
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=75)
    return buffer.getvalue()
