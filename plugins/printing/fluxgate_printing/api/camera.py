"""A camera's routes: what it is doing, its pictures live, and one of them."""

from __future__ import annotations

from collections.abc import Callable

from fluxgate.plugin import Policy, StreamRoute
from fluxgate.types import Receive, Scope, Send
from fluxgate_printing.access import PRINTER
from fluxgate_printing.api import docs
from fluxgate_printing.api.reads import answer
from fluxgate_printing.camera import Camera

__all__ = ["camera_routes"]


def camera_routes(
    camera: Callable[[str | None], Camera], policy: Policy, prefix: str = "", names: str = ""
) -> tuple[StreamRoute, ...]:
    """The routes of the camera below `prefix`. `camera`: that of the printer that the path names, or the default one's;
    `names`: how the routes' own names begin."""

    def asked(scope: Scope) -> Camera:
        return camera(scope["path_params"].get(PRINTER))

    async def view(scope: Scope, _receive: Receive, send: Send) -> None:
        await answer(send, asked(scope).view)

    async def stream(scope: Scope, receive: Receive, send: Send) -> None:
        await asked(scope).stream(scope, receive, send)

    async def snapshot(scope: Scope, receive: Receive, send: Send) -> None:
        await asked(scope).snapshot(scope, receive, send)

    return (
        StreamRoute(
            path=f"{prefix}/camera",
            app=view,
            doc=docs.CAMERA,
            policy=policy,
            rate="read",
            name=f"{names}camera",
            summary="Whether the camera gives pictures, and who watches",
        ),
        StreamRoute(
            path=f"{prefix}/camera/stream",
            app=stream,
            doc=docs.STREAM,
            policy=policy,
            name=f"{names}camera_stream",
            summary="The camera, live, as MJPEG",
        ),
        StreamRoute(
            path=f"{prefix}/camera/snapshot",
            app=snapshot,
            doc=docs.SNAPSHOT,
            policy=policy,
            rate="read",
            name=f"{names}camera_snapshot",
            summary="One JPEG of the camera",
        ),
    )
