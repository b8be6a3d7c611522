"""The page of one printer: what it does, what it waits for, and what can be done with it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from plugins.printing.tests.e2e.backends import LONG, SHORT
from plugins.printing.tests.e2e.callers import AUTH, as_
from tests.support.printing_gateway import PrintingGateway, wait_for

CONFIG = """
[plugins.printing]
backend = "native"
default_printer = "bench"
[plugins.printing.printers.bench]
driver = "virtual"
speed_factor = 1
model = "Mini"
allowed_gcode = ["M117"]
max_hotend = 280
[plugins.printing.printers.busy]
driver = "virtual"
speed_factor = 1
[plugins.printing.printers.away]
driver = "octoprint"
url = "http://127.0.0.1:9"
api_key = "none"
[plugins.printing.printers.blind]
driver = "virtual"
camera_url = "http://127.0.0.1:9/stream"
"""

Opened = Callable[..., Page]
Check = Callable[[Page], None]


def gated(config: str = CONFIG, headers: dict[str, str] | None = None) -> PrintingGateway:
    """A gateway whose printers wait for somebody who clears their beds."""
    return PrintingGateway(config, headers=headers, FLUXGATE_PLUGINS__PRINTING__BED_GATE="true")


@pytest.fixture(scope="module")
def gateway() -> Iterator[PrintingGateway]:
    with gated() as running:
        running.upload("part.gcode", SHORT)
        running.upload("long.gcode", LONG)
        yield running


def start(gateway: PrintingGateway, file: str, printer: str) -> int:
    """A print that is under way; its number in the queue."""
    number = gateway.enqueue(file, printer=printer)
    gateway.post(f"/queue/{number}/start", {"printer": printer})
    wait_for(lambda: gateway.get(f"/printers/{printer}")["status"] == "printing", what=f"{printer} prints")
    return number


def card(page: Page, title: str) -> Locator:
    return page.get_by_role("region", name=title, exact=True)


def target(gateway: PrintingGateway, heater: str) -> float:
    return float(gateway.get("/printers/bench")["temperature"][heater]["target"])


def test_a_print_is_paused_resumed_and_canceled_and_the_bed_cleared(
    gateway: PrintingGateway, open_page: Opened, accessible: Check
) -> None:
    number = start(gateway, "long.gcode", "busy")
    page = open_page("/printers/busy")
    print_ = card(page, "Print")
    expect(print_.get_by_role("link", name="long.gcode")).to_have_attribute("href", re.compile("/files/long.gcode$"))
    expect(print_.get_by_role("progressbar", name="Progress of busy")).to_be_visible()
    expect(card(page, "Move")).to_contain_text("Not while it prints.")
    expect(card(page, "Temperatures").locator("canvas")).to_be_visible()
    accessible(page)
    print_.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("status").filter(has_text="Paused")).to_be_visible()
    print_.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("status").filter(has_text="Printing")).to_be_visible()
    print_.get_by_role("button", name="Cancel print").click()
    question = page.get_by_role("dialog", name="Cancel this print?")
    expect(question).to_contain_text("long.gcode")
    question.get_by_role("button", name="Cancel print").click()
    bed = page.get_by_role("region", name="Is the bed clear?")
    expect(bed).to_contain_text("canceled print")
    assert gateway.job(number)["status"] == "canceled"
    accessible(page)
    bed.get_by_role("button", name="The bed is clear").click()
    expect(bed).to_have_count(0)
    assert gateway.get("/printers/busy")["bed"]["clear"] is True
    expect(page.get_by_role("status").filter(has_text="Ready")).to_be_visible()


def test_it_is_heated_within_its_bounds(gateway: PrintingGateway, open_page: Opened) -> None:
    page = open_page("/printers/bench")
    field = page.get_by_label("Target of Hotend")
    heat = card(page, "Temperatures")
    field.fill("281")
    field.press("Enter")
    expect(heat.get_by_role("alert")).to_contain_text("280 °C")
    assert target(gateway, "tool0") == 0
    field.fill("150")
    field.press("Enter")
    expect(heat).to_contain_text("→ 150 °C")
    heat.get_by_role("button", name="Switch Hotend off").click()
    expect(heat).not_to_contain_text("→ 150 °C")
    assert target(gateway, "tool0") == 0
    heat.get_by_role("button", name=re.compile("^PLA: hotend 210")).click()
    expect(heat).to_contain_text("→ 210 °C")
    wait_for(lambda: (target(gateway, "tool0"), target(gateway, "bed")) == (210, 60))
    heat.get_by_role("button", name="All off").click()
    wait_for(lambda: (target(gateway, "tool0"), target(gateway, "bed")) == (0, 0))
    heat.get_by_text("As a table").click()
    expect(heat.get_by_role("columnheader", name="Hotend")).to_be_visible()
    expect(heat.get_by_role("row")).not_to_have_count(0)


def test_it_is_moved_and_sent_what_is_allowed(gateway: PrintingGateway, open_page: Opened, accessible: Check) -> None:
    page = open_page("/printers/bench")
    with page.expect_response("**/printers/bench/home") as homed:
        card(page, "Move").get_by_role("button", name="All axes").click()
    assert homed.value.request.post_data_json == {"axes": ["x", "y", "z"]}
    card(page, "Move").get_by_role("radio", name="0.1 mm").check()
    with page.expect_response("**/printers/bench/jog") as moved:
        card(page, "Move").get_by_role("button", name="Move Z by −0.1 mm").click()
    assert (moved.value.status, moved.value.request.post_data_json) == (200, {"z": -0.1})
    code = card(page, "G-code")
    code.get_by_label("Command").fill("M117 Hello")
    code.get_by_role("button", name="Send").click()
    expect(code.get_by_role("listitem").first).to_contain_text("M117 Hello")
    code.get_by_label("Command").fill("M500")
    code.get_by_label("Command").press("Enter")
    expect(code.get_by_role("listitem").first).to_contain_text("not sent")
    accessible(page)


def test_its_spool_and_whether_it_takes_jobs_are_said(
    gateway: PrintingGateway, open_page: Opened, accessible: Check
) -> None:
    page = open_page("/printers/bench")
    setup = card(page, "Setup")
    setup.get_by_role("button", name="Change").click()
    dialog = page.get_by_role("dialog", name="Which spool is loaded?")
    dialog.get_by_label("Material").fill("PETG")
    dialog.get_by_label("Colour", exact=True).fill("orange")
    dialog.get_by_label("What is left of it").fill("much")
    expect(dialog.get_by_role("alert")).to_be_visible()
    accessible(page)
    dialog.get_by_label("What is left of it").fill("640")
    dialog.get_by_role("button", name="Save").click()
    expect(setup).to_contain_text("PETG · orange · 640 g left")
    assert gateway.get("/printers/bench")["material"] == {"type": "PETG", "color": "orange", "grams": 640}
    setup.get_by_role("switch", name="Takes jobs by itself").click()
    wait_for(lambda: gateway.get("/printers/bench")["autoStart"])
    expect(setup.get_by_role("switch")).to_be_checked()
    setup.get_by_role("switch").click()
    wait_for(lambda: not gateway.get("/printers/bench")["autoStart"])


def test_what_waits_for_it_is_listed(gateway: PrintingGateway, open_page: Opened) -> None:
    numbers = [gateway.enqueue("part.gcode", printer=printer) for printer in ("away", "bench")]
    page = open_page("/printers/away")
    waiting = card(page, "Up next")
    expect(waiting.get_by_role("listitem")).to_have_count(1)
    expect(waiting).to_contain_text("for this printer")
    number = gateway.enqueue("long.gcode")
    expect(waiting.get_by_role("listitem")).to_have_count(2)  # told live
    for each in (*numbers, number):
        gateway.delete(f"/queue/{each}")
    expect(waiting).to_contain_text("No job waits")


def test_a_printer_that_does_not_answer(open_page: Opened, accessible: Check) -> None:
    page = open_page("/printers/away", width=390, height=844, dark=True)
    expect(page.get_by_text("It hasn't been heard of since the gateway started.")).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="Offline")).to_be_visible()
    expect(card(page, "Move")).to_contain_text("Not while the printer is away.")
    expect(card(page, "Camera").get_by_role("button", name="Try again")).to_be_visible()
    accessible(page)


def test_the_camera_is_watched_only_while_it_is_shown(gateway: PrintingGateway, open_page: Opened) -> None:
    def viewers() -> int:
        return int(gateway.get("/printers/busy/camera")["viewers"])

    page = open_page("/printers/busy")
    expect(page.get_by_role("img", name="Camera of busy")).to_be_visible()
    wait_for(lambda: viewers() == 1)
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download this picture").click()
    assert re.fullmatch(r"busy [\d-]+ [\d.]+\.jpg", saved.value.suggested_filename)
    assert saved.value.path().read_bytes().startswith(b"\xff\xd8")
    page.get_by_role("button", name="Fill the screen").click()
    page.wait_for_function("() => document.fullscreenElement?.querySelector('img')")
    page.evaluate("() => document.exitFullscreen()")
    page.evaluate(
        """() => {
          Object.defineProperty(document, "visibilityState", { value: "hidden", configurable: true });
          document.dispatchEvent(new Event("visibilitychange"));
        }"""
    )
    wait_for(lambda: viewers() == 0)
    page.evaluate(
        """() => {
          delete document.visibilityState;
          document.dispatchEvent(new Event("visibilitychange"));
        }"""
    )
    wait_for(lambda: viewers() == 1)
    page.get_by_role("link", name="All printers").click()
    expect(page.get_by_role("article", name="busy")).to_be_visible()
    wait_for(lambda: viewers() == 0)


def test_a_camera_that_does_not_answer_is_tried_again(open_page: Opened) -> None:
    page = open_page("/printers/blind")
    camera = card(page, "Camera")
    expect(camera).to_contain_text("The camera doesn't answer")
    with page.expect_response("**/printers/blind/camera/snapshot") as asked:
        camera.get_by_role("button", name="Try again").click()
    assert asked.value.status == 503
    expect(camera.get_by_role("button", name="Download this picture")).to_have_count(0)


def test_a_printer_that_there_is_not(open_page: Opened, accessible: Check) -> None:
    page = open_page("/printers/nobody")
    expect(page.get_by_role("heading", name="There is no printer nobody")).to_be_visible()
    accessible(page)


def test_a_print_whose_end_nobody_saw_is_settled(open_page: Opened, accessible: Check) -> None:
    with gated() as gateway:
        gateway.upload("long.gcode", LONG)
        number = start(gateway, "long.gcode", "bench")
        wait_for(lambda: gateway.job(number)["printer_status"] == "printing")
        gateway.restart()
        wait_for(lambda: gateway.job(number)["outcome_unknown"], what="it isn't known what became of it")
        page = open_page("/printers/bench", gateway=gateway)
        held = page.get_by_role("region", name="What became of this print?")
        expect(held).to_contain_text("long.gcode")
        expect(card(page, "Print")).to_contain_text("when it was last seen")
        accessible(page)
        held.get_by_role("button", name="It failed").click()
        page.get_by_role("dialog").get_by_role("button", name="It failed").click()
        expect(held).to_have_count(0)
        assert gateway.wait_status(number, "failed")
        expect(page.get_by_role("region", name="Is the bed clear?")).to_be_visible()


def test_a_viewer_is_offered_nothing_that_would_be_refused(open_page: Opened, accessible: Check) -> None:
    with gated(CONFIG + AUTH, as_("admin")) as gateway:
        gateway.upload("long.gcode", LONG)
        start(gateway, "long.gcode", "bench")
        page = open_page("/printers/bench", gateway=gateway)
        page.get_by_label("API key or token").fill(as_("viewer")["Authorization"].removeprefix("Bearer "))
        page.get_by_role("button", name="Sign in").click()
        expect(card(page, "Print").get_by_role("progressbar")).to_be_visible()
        expect(card(page, "Camera").get_by_role("button", name="Download this picture")).to_be_visible()
        for title in ("Move", "G-code"):
            expect(card(page, title)).to_have_count(0)
        main = page.get_by_role("main")
        for name in ("Pause", "Cancel print", "Set", "Off", "Change", "The bed is clear"):
            expect(main.get_by_role("button", name=name, exact=True)).to_have_count(0)
        expect(main.get_by_role("link", name="Print a file")).to_have_count(0)
        expect(main.get_by_role("switch")).to_have_count(0)
        accessible(page)
