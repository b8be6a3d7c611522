"""The five backends that the contract suite runs over, each a real gateway over real peers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import httpx
import pytest

from tests.support.fluxprint import FluxPrint, running_fluxprint
from tests.support.moonraker import MOONRAKER_MARKS, MoonrakerServer
from tests.support.octoprint import OCTOPRINT_MARKS, OctoPrintServer
from tests.support.printing_gateway import PrintingGateway, wait_for

BACKENDS = [
    pytest.param("virtual-sqlite", marks=pytest.mark.xdist_group("printing-virtual")),
    pytest.param("virtual-postgres", marks=pytest.mark.xdist_group("printing-virtual")),
    pytest.param("octoprint", marks=OCTOPRINT_MARKS),
    pytest.param("moonraker", marks=MOONRAKER_MARKS),
    pytest.param("fluxprint", marks=pytest.mark.xdist_group("printing-fluxprint")),
]

SHORT = b"; a moment\nG4 P100\nG4 P100\nG4 P100\nG4 P100\n"
"""0.4 s of waiting, at the speed of real time."""

LONG = b"; hours\n" + b"G4 P200\n" * 3000

NATIVE = """
[plugins.printing]
backend = "native"
"""


def virtual(speed: float = 1.0, **options: object) -> str:
    """A configuration with one virtual printer, `virtual`."""
    lines = [f"{key} = {value!r}" for key, value in options.items()]
    return "\n".join(
        [NATIVE, "[plugins.printing.printers.virtual]", 'driver = "virtual"', f"speed_factor = {speed}", *lines]
    )


def octoprint_config(url: str, key: str, **options: object) -> str:
    """A configuration with one OctoPrint, `octo`."""
    return _server("octo", "octoprint", url, key, options)


def moonraker_config(url: str, key: str, **options: object) -> str:
    """A configuration with one Moonraker, `klipper`."""
    return _server("klipper", "moonraker", url, key, options)


def prusalink_config(url: str, key: str, **options: object) -> str:
    """A configuration with one PrusaLink, `prusa`."""
    return _server("prusa", "prusalink", url, key, options)


def _server(name: str, driver: str, url: str, key: str, options: dict[str, object]) -> str:
    lines = [f"{key} = {value!r}" for key, value in options.items()]
    return "\n".join(
        [
            NATIVE,
            f"[plugins.printing.printers.{name}]",
            f'driver = "{driver}"',
            f'url = "{url}"',
            f'api_key = "{key}"',
            "poll_interval = 0.1",
            *lines,
        ]
    )


class Backend:
    """A gateway over one backend, to be left as it was found."""

    def __init__(self, name: str, gateway: PrintingGateway, fluxprint: FluxPrint | None = None) -> None:
        self.name = name
        self.gateway = gateway
        self.fluxprint = fluxprint

    @property
    def is_native(self) -> bool:
        return self.fluxprint is None

    def clean(self) -> None:
        """Nothing queued, nothing printing, no files."""
        if self.fluxprint is not None:
            self.fluxprint.reset()
            return
        clean_native(self.gateway)


def clean_native(gateway: PrintingGateway) -> None:
    """Nothing queued, nothing printing or held, no files."""
    gateway.delete("/queue")
    for item in gateway.get("/queue")["items"]:
        if gateway.request("DELETE", f"/queue/{item['id']}").status_code == 409:
            with contextlib.suppress(AssertionError):
                gateway.post("/job/cancel")
            gateway.wait_status(item["id"], "canceled")
    wait_for(lambda: gateway.get("/status")["state"]["flags"]["ready"], 20, "the printer is ready")
    for file in gateway.get("/files")["files"]:
        gateway.delete(f"/files/{quote(file['name'], safe='')}")


@contextmanager
def running_backend(request: pytest.FixtureRequest, name: str) -> Iterator[Backend]:
    """The backend called `name`."""
    if name == "fluxprint":
        with (
            running_fluxprint() as fluxprint,
            PrintingGateway(FLUXPRINT_SERVICE_URL=fluxprint.url) as gateway,
        ):
            yield Backend(name, gateway, fluxprint)
    elif name == "octoprint":
        server: OctoPrintServer = request.getfixturevalue("octoprint_server")
        server.reset()
        with PrintingGateway(octoprint_config(server.url, server.api_key)) as gateway:
            yield Backend(name, gateway)
    elif name == "moonraker":
        klipper: MoonrakerServer = request.getfixturevalue("moonraker_server")
        klipper.reset()
        with PrintingGateway(moonraker_config(klipper.url, klipper.api_key)) as gateway:
            yield Backend(name, gateway)
    elif name == "virtual-postgres":
        postgres = request.getfixturevalue("postgres_server")
        database = postgres.create()
        try:
            with PrintingGateway(
                virtual(), database_url=postgres.url_of(database), FLUXGATE_GATEWAY__MIGRATE="auto"
            ) as gateway:
                yield Backend(name, gateway)
        finally:
            postgres.drop(database)
    else:
        with PrintingGateway(virtual()) as gateway:
            yield Backend(name, gateway)


def frames(gateway: PrintingGateway, count: int, timeout: float = 20) -> list[bytes]:
    """The first JPEGs of the camera's stream."""
    found: list[bytes] = []
    with httpx.stream("GET", f"{gateway.url}/api/printing/camera/stream?t=1", timeout=timeout) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("multipart/x-mixed-replace")
        data = b""
        for piece in answer.iter_raw():
            data += piece
            while (start := data.find(b"\xff\xd8")) >= 0 and (end := data.find(b"\xff\xd9", start)) >= 0:
                found.append(data[start : end + 2])
                data = data[end + 2 :]
                if len(found) == count:
                    return found
    raise AssertionError(f"the stream ended after {len(found)} pictures")
