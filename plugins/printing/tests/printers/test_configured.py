"""Which printers a configuration means, and what is said when it can't be right."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from fluxgate_printing.printers.base import PrinterDriver
from fluxgate_printing.printers.configured import default_printer, effective_printers
from fluxgate_printing.printers.kinds import Kinds
from fluxgate_printing.printers.moonraker import MoonrakerDriver
from fluxgate_printing.printers.octoprint import OctoPrintDriver
from fluxgate_printing.printers.prusalink import PrusaLinkDriver
from fluxgate_printing.printers.virtual import VirtualPrinter
from fluxgate_printing.settings import PrintingSettings

KINDS = Kinds()
URL = "http://octopi.local"


def settings(**section: object) -> PrintingSettings:
    return msgspec.convert(section, PrintingSettings)


def octo(**more: object) -> dict[str, object]:
    return {"driver": "octoprint", "url": URL} | more


def klipper(**more: object) -> dict[str, object]:
    return {"driver": "moonraker", "url": "http://klipper.local:7125"} | more


def prusa(**more: object) -> dict[str, object]:
    return {"driver": "prusalink", "url": URL} | more


@pytest.mark.parametrize(
    ("section", "names"),
    [
        ({}, ["virtual"]),
        ({"octoprint": {"url": URL, "api_key": "k"}}, ["octoprint"]),
        ({"octoprint": {"camera_url": "http://camera/"}}, ["virtual"]),
        ({"printers": {"left": octo(), "right": {"driver": "virtual"}}}, ["left", "right"]),
        ({"printers": {"left": octo()}, "octoprint": {"url": URL}}, ["octoprint", "left"]),
        ({"printers": {"Prusa MK3S (нет)".replace("(", "").replace(")", ""): octo()}}, ["Prusa MK3S нет"]),
    ],
)
def test_printers_and_their_order(section: dict[str, object], names: list[str]) -> None:
    printers = effective_printers(settings(**section), KINDS)
    assert list(printers) == names
    assert default_printer(settings(**section)) == names[0]


def test_the_default_may_be_another() -> None:
    section = settings(printers={"left": octo(), "right": octo()}, default_printer="right")
    assert default_printer(section) == "right"


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"printers": {"left": {"driver": "octoprint"}}}, "printers.left.*url"),
        ({"printers": {"left": octo(url="ftp://octopi")}}, "printers.left.*http://"),
        ({"printers": {"left": octo(url="octopi.local")}}, "printers.left.*http://"),
        ({"printers": {"left": octo(url="http://")}}, "printers.left.*host"),
        ({"printers": {"left": octo(url="http://a:port")}}, "printers.left.*URL"),
        ({"printers": {"left": octo(url=URL + "/?a=b")}}, "printers.left.*query"),
        ({"printers": {"left": octo(api_key="kéy")}}, "printers.left.*api_key"),
        ({"printers": {"left": octo(api_key="a\nb")}}, "printers.left.*api_key"),
        ({"printers": {"left": octo(camera_url="rtsp://camera")}}, "printers.left.*camera_url"),
        ({"printers": {"left": klipper(url=None)}}, "printers.left.*url"),
        ({"printers": {"left": klipper(url="ws://klipper.local")}}, "printers.left.*http://"),
        ({"printers": {"left": klipper(api_key="kéy")}}, "printers.left.*api_key"),
        ({"printers": {"left": klipper(camera_url="rtsp://camera")}}, "printers.left.*camera_url"),
        ({"printers": {"left": {"driver": "prusalink", "api_key": "k"}}}, "printers.left.*url"),
        ({"printers": {"left": prusa(url="mk3s.local")}}, "printers.left.*http://"),
        ({"printers": {"left": prusa(url=URL + "?a=b")}}, "printers.left.*query"),
        ({"printers": {"left": prusa(api_key="kéy")}}, "printers.left.*api_key"),
        ({"printers": {"left": prusa(username="maker")}}, "printers.left.*password belong together"),
        ({"printers": {"left": prusa(password="secret")}}, "printers.left.*password belong together"),
        ({"printers": {"left": prusa(api_key="k", username="u", password="p")}}, "printers.left.*configure one"),
        ({"printers": {"left": prusa(api_key="k", camera_url="mk3s")}}, "printers.left.*camera_url"),
        ({"printers": {"left": octo(camera_snapshot_url="rtsp://camera")}}, "printers.left.*camera_snapshot_url"),
        ({"printers": {"left": octo(camera_url=URL, camera_snapshot_url=URL)}}, "printers.left.*configure one"),
        ({"printers": {"../left": octo()}}, "printers.../left.*name"),
        ({"printers": {"": octo()}}, "name"),
        ({"printers": {"x" * 101: octo()}}, "at most 100"),
        ({"printers": {"octoprint": octo()}, "octoprint": {"url": URL}}, "two printers"),
        ({"octoprint": {"api_key": "k"}}, "OCTOPRINT_URL"),
        ({"octoprint": {"url": "nowhere"}}, "printers.octoprint.*http://"),
        ({"default_printer": "left"}, "default_printer.*left.*virtual"),
    ],
)
def test_what_cant_be_right(section: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        effective_printers(settings(**section), KINDS)


def test_drivers(tmp_path: Path) -> None:
    right = {"driver": "virtual"}
    section = settings(printers={"left": octo(), "middle": klipper(), "link": prusa(api_key="k"), "right": right})
    printers = effective_printers(section, KINDS)

    def driver(name: str) -> PrinterDriver:
        return KINDS.of(printers[name]).driver(name, printers[name], tmp_path)

    assert isinstance(driver("middle"), MoonrakerDriver)
    assert isinstance(driver("left"), OctoPrintDriver)
    assert isinstance(driver("link"), PrusaLinkDriver)
    assert isinstance(driver("right"), VirtualPrinter)
    assert list(tmp_path.iterdir()) == [], "nothing happens before a printer is used"
