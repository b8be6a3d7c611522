"""Uploads: from a drop or a button to a stored file, slow, refused, cut off and canceled."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from playwright.sync_api import Locator, Page, expect

from plugins.printing.tests.files.slicers import picture
from tests.support.printing_gateway import PrintingGateway, wait_for
from tests.support.relay import relay_to

Opened = Callable[..., Page]
DROP = """(names) => {
    const data = new DataTransfer();
    for (const name of names) data.items.add(new File(["G28\\n"], name));
    return data;
}"""


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 MB of moves."""
    path = tmp_path_factory.mktemp("big") / "big.gcode"
    lines = b"".join(b"G1 X%d Y%d E%d\n" % (step % 200, step % 180, step) for step in range(60_000))
    path.write_bytes((lines * 30)[:30_000_000])
    return path


def panel(page: Page) -> Locator:
    return page.get_by_role("region", name="Uploads")


def choose(page: Page, *files: Path) -> None:
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Upload", exact=True).click()
    chooser.value.set_files(files)


def throttle(page: Page) -> Callable[[int], None]:
    """Takes how many bytes a second this page sends from now on; -1: as many as it can."""
    session = page.context.new_cdp_session(page)

    def slow(bytes_a_second: int) -> None:
        conditions = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_a_second}
        session.send("Network.emulateNetworkConditions", conditions)

    return slow


def percent(page: Page, name: str) -> float:
    bar = panel(page).get_by_role("progressbar", name=f"Upload of {name}")
    return float(bar.get_attribute("aria-valuenow") or 0)


def sha256_of(gateway: PrintingGateway, name: str) -> str:
    answer = gateway.request("GET", f"/files/{name}/download")
    assert answer.is_success
    return hashlib.sha256(answer.content).hexdigest()


def test_files_are_dropped_onto_an_empty_page(
    open_page: Opened, accessible: Callable[[Page], None], gateway: PrintingGateway
) -> None:
    page = open_page("/files")
    expect(page.get_by_role("heading", name="No files yet")).to_be_visible()
    accessible(page)
    data = page.evaluate_handle(DROP, ["one.gcode", "two.gcode", "three.gcode"])
    page.dispatch_event("main", "dragenter", {"dataTransfer": data})
    expect(page.get_by_text("Drop G-code here to upload it")).to_be_visible()
    page.dispatch_event("main", "drop", {"dataTransfer": data})
    expect(page.get_by_text("Drop G-code here to upload it")).to_have_count(0)
    expect(panel(page).get_by_role("status")).to_have_text("3 files uploaded")
    expect(page.get_by_role("rowheader")).to_have_count(3)
    assert {file["name"] for file in gateway.get("/files")["files"]} == {"one.gcode", "two.gcode", "three.gcode"}
    accessible(page)
    panel(page).get_by_role("link", name="two.gcode").click()
    expect(page.get_by_role("heading", name="two.gcode")).to_be_visible()
    panel(page).get_by_role("button", name="Clear").click()
    expect(panel(page)).to_have_count(0)


def test_what_is_refused_says_why(
    open_page: Opened, accessible: Callable[[Page], None], gateway: PrintingGateway, big: Path, tmp_path: Path
) -> None:
    model, photo, empty = tmp_path / "model.stl", tmp_path / "photo.gcode", tmp_path / "empty.gcode"
    model.write_bytes(big.read_bytes())  # large: the answer comes while it is sent
    photo.write_bytes(picture("PNG", 300, 300))
    empty.write_bytes(b"")
    before = gateway.get("/files")["count"]
    page = open_page("/files")
    choose(page, model, photo, empty)
    expect(panel(page).get_by_role("status")).to_have_text("3 uploads didn't work")
    for name, why in (
        ("model.stl", "Only files of these types can be used: .gcode, .gco, .g."),
        ("photo.gcode", "It is called G-code, but there is none in it."),
        ("empty.gcode", "It is empty."),
    ):
        expect(panel(page).get_by_role("listitem").filter(has_text=name)).to_contain_text(why)
    wait_for(lambda: len(re.findall("/files/upload 4", gateway.log)) == 3, what="each was sent once")
    accessible(page)
    panel(page).get_by_role("button", name="Take model.stl off this list").click()
    expect(panel(page).get_by_role("status")).to_have_text("2 uploads didn't work")
    assert gateway.get("/files")["count"] == before


def test_a_slow_upload_shows_how_far_it_is_and_can_be_canceled(
    open_page: Opened, accessible: Callable[[Page], None], gateway: PrintingGateway, big: Path
) -> None:
    page = open_page("/files", width=390, height=844, dark=True)
    throttle(page)(4_000_000)
    choose(page, big)
    one = panel(page).get_by_role("listitem").filter(has_text="big.gcode")
    expect(one).to_contain_text(re.compile(r"\d MB of 30 MB · [\d.]+ MB/s · \d+ s left"))
    first = percent(page, "big.gcode")
    assert 0 < first < 90
    wait_for(lambda: first < percent(page, "big.gcode") < 100, what="it comes along")
    expect(panel(page).get_by_role("status")).to_have_text("Uploading 1 file")
    accessible(page)

    with page.expect_event("dialog") as asked:
        page.close(run_before_unload=True)
    assert asked.value.type == "beforeunload"
    asked.value.dismiss()
    page.get_by_role("link", name="Queue").click()  # another page doesn't end it
    expect(page.get_by_role("heading", name="The queue is empty")).to_be_visible()
    panel(page).get_by_role("button", name="Cancel the upload of big.gcode").click()
    expect(panel(page)).to_have_count(0)
    wait_for(lambda: re.search("/files/upload.*client_left|/files/upload 499", gateway.log), what="the gateway saw it")
    assert gateway.request("GET", "/files/big.gcode").status_code == 404


def test_an_upload_that_was_cut_off_is_completed_by_itself(
    open_page: Opened, gateway: PrintingGateway, big: Path
) -> None:
    with relay_to(gateway.url) as (relay, _):
        page = open_page("/files", gateway=SimpleNamespace(url=f"http://127.0.0.1:{relay.port}"))
        slow = throttle(page)
        slow(6_000_000)
        choose(page, big)
        wait_for(lambda: percent(page, "big.gcode") > 5, what="it is under way")
        relay.cut()
        expect(panel(page).get_by_role("status")).to_have_text("Waiting for the connection")
        expect(panel(page)).to_contain_text("The file is kept, and sent again when the gateway answers.")
        slow(-1)
        relay.restore()
        expect(panel(page).get_by_role("status")).to_have_text("1 file uploaded", timeout=30_000)
        expect(page.get_by_role("rowheader").filter(has_text="big.gcode")).to_be_visible()
        assert [file["name"] for file in gateway.get("/files?search=big")["files"]] == ["big.gcode"]
        assert sha256_of(gateway, "big.gcode") == hashlib.sha256(big.read_bytes()).hexdigest()
