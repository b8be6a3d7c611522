"""Cameras through the gateway, and settings that can't be: the plugin is quarantined and says why."""

from __future__ import annotations

import asyncio
import io

import pytest
from PIL import Image

from plugins.printing.tests.e2e.backends import NATIVE, SHORT, frames, octoprint_config, virtual
from tests.support.mjpeg import ScriptedCamera, ffmpeg_camera, number_of, picture, scripted
from tests.support.octoprint import free_port
from tests.support.printing_gateway import PrintingGateway, problem

pytestmark = [pytest.mark.anyio, pytest.mark.xdist_group("printing-camera")]


async def test_a_real_camera_behind_octoprint_camera_url() -> None:
    """By ffmpeg, which takes one viewer only: all of ours share the one connection."""
    async with ffmpeg_camera() as url:
        with PrintingGateway(OCTOPRINT_CAMERA_URL=url) as gateway:
            pictures = frames(gateway, 5)
            assert len(set(pictures)) > 1
            assert Image.open(io.BytesIO(pictures[0])).size == (320, 240)
            assert len(frames(gateway, 2)) == 2
            snapshot = gateway.request("GET", "/camera/snapshot")
            assert Image.open(io.BytesIO(snapshot.content)).size == (320, 240)
            gateway.get("/status")


def test_the_test_picture_moves_while_it_prints() -> None:
    with PrintingGateway() as gateway:
        gateway.upload("part.gcode", SHORT * 20, print="true")
        pictures = frames(gateway, 3)
        assert len(set(pictures)) == 3
        assert Image.open(io.BytesIO(pictures[0])).format == "JPEG"


def test_a_camera_that_isnt_there() -> None:
    with PrintingGateway(OCTOPRINT_CAMERA_URL=f"http://127.0.0.1:{free_port()}/stream") as gateway:
        problem(gateway.request("GET", "/camera/stream"), 503, "CAMERA_UNAVAILABLE")
        problem(gateway.request("GET", "/camera/snapshot"), 503, "CAMERA_UNAVAILABLE")
        known = gateway.get("/camera")
        assert (known["available"], known["error"]) == (False, "The camera can't be reached.")
        gateway.get("/status")


async def test_a_camera_of_single_pictures() -> None:
    async def one_picture(camera: ScriptedCamera, writer: asyncio.StreamWriter) -> None:
        data = picture(camera.opens)
        head = (
            f"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\nConnection: close\r\n\r\n"
        )
        writer.write(head.encode() + data)
        await writer.drain()

    async with scripted(one_picture) as camera:
        config = virtual(camera_snapshot_url=camera.url, camera_fps=10)
        with PrintingGateway(config) as gateway:
            assert gateway.get("/camera")["available"] is None
            pictures = await asyncio.to_thread(frames, gateway, 3)
            assert len({number_of(data) for data in pictures}) == 3
            known = await asyncio.to_thread(gateway.get, "/camera")
            assert (known["source"], known["available"]) == ("snapshots", True)


@pytest.mark.parametrize(
    ("config", "env", "reason"),
    [
        ("", {"OCTOPRINT_URL": "no url"}, "url"),
        ("", {"OCTOPRINT_URL": "ftp://printer"}, "http"),
        ("", {"OCTOPRINT_API_KEY": "k" * 32}, "OCTOPRINT_URL"),
        ("", {"FLUXPRINT_ENABLED": "perhaps"}, "FLUXPRINT_ENABLED"),
        ("", {"FLUXPRINT_SERVICE_URL": "no url"}, "url"),
        (NATIVE + 'default_printer = "nobody"\n', {}, "nobody"),
        (NATIVE + 'defualt_printer = "virtual"\n', {}, "default_printer"),
        (virtual(fail="explode"), {}, "fail"),
        (octoprint_config("http://", "k"), {}, "octo"),
        (NATIVE + '[plugins.printing.printers."a/b"]\ndriver = "virtual"\n', {}, "a/b"),
        (NATIVE + '[plugins.printing.printers.a]\ndriver = "steam"\n', {}, "driver"),
        (virtual(camera_fps=31), {}, "camera_fps"),
        (
            NATIVE + '[plugins.printing.printers.a]\ndriver = "prusalink"\nurl = "http://a"\nusername = "b"\n',
            {},
            "password",
        ),
    ],
)
def test_bad_settings_quarantine_the_plugin(config: str, env: dict[str, str], reason: str) -> None:
    gateway = PrintingGateway(config, **env)
    try:
        gateway.start(quarantined=True)
        quarantine = gateway.health()["plugins"]["printing"]["quarantine"]
        assert reason in quarantine["reason"], quarantine
        problem(gateway.request("GET", "/status"), 503, "PLUGIN_QUARANTINED")
        assert gateway.client.get(f"{gateway.url}/-/health/live").is_success
        gateway.stop()
    finally:
        gateway.discard()
