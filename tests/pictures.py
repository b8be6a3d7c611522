"""Takes the pictures of the dashboard in docs/pictures anew: `make pictures`. A workshop of simulated printers, seeded
with files, jobs and a history."""

from __future__ import annotations

import sqlite3
import sys
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from tests.support.chromium import chromium
from tests.support.printing_gateway import PrintingGateway, wait_for
from tests.support.sliced import sliced

FOLDER = Path(__file__).parents[1] / "docs/pictures"
PRINTERS = {"ender-3": ("Ender 3", 0.4), "mk4": ("MK4", 0.4), "voron": ("Voron 2.4", 0.6), "mini": ("MINI+", 0.4)}
CONFIG = "".join(
    f'[plugins.printing.printers.{name}]\ndriver = "virtual"\nmodel = "{model}"\nnozzle = {nozzle}\nspeed_factor = 2\n'
    for name, (model, nozzle) in PRINTERS.items()
)
FILES: dict[str, dict[str, Any]] = {
    "vase.gcode": {"color": "#2a9d8f", "waves": 5, "seconds": 5400, "grams": 21.4},
    "pen-holder.gcode": {"color": "#e07a3f", "waves": 8, "seconds": 9300, "grams": 48.0, "material": "PETG"},
    "planter.gcode": {"color": "#6d83c2", "waves": 3, "seconds": 14_700, "grams": 96.3},
    "lamp-shade.gcode": {"color": "#d9b44a", "waves": 12, "seconds": 19_800, "grams": 77.9, "material": "PETG"},
    "bottle-stand.gcode": {"color": "#b5576b", "waves": 6, "seconds": 4200, "grams": 15.2},
    "bracket.gcode": {"color": "#5c8a4d", "waves": 4, "seconds": 2700, "grams": 9.8, "material": "ABS"},
}
PAGES = {
    "overview": "",
    "printer": "/printers/ender-3",
    "queue": "/queue",
    "files": "/files",
    "history": "/history",
}


def main() -> int:
    FOLDER.mkdir(exist_ok=True)
    with (
        PrintingGateway(f"[plugins.printing]\ndefault_printer = 'ender-3'\nbed_gate = true\n{CONFIG}") as gateway,
        sync_playwright() as playwright,
    ):
        seed(gateway)
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        for name, path in PAGES.items():
            take(browser, gateway.url + "/printing" + path, name)
        browser.close()
    return 0


def seed(gateway: PrintingGateway) -> None:
    for name, about in FILES.items():
        gateway.upload(name, sliced(layers=400, **about))
    gateway.enqueue("vase.gcode", printer="ender-3", print=True)
    gateway.enqueue("planter.gcode", printer="mk4", print=True)
    gateway.enqueue("lamp-shade.gcode", priority=5)
    gateway.enqueue("pen-holder.gcode", copies=2)
    gateway.enqueue("bracket.gcode", printer="voron", on_hold=True)
    for name, kind, color, grams in (
        ("ender-3", "PLA", "#2a9d8f", 640),
        ("mk4", "PLA", "#6d83c2", 210),
        ("voron", "PETG", "#e07a3f", 870),
    ):
        body = {"type": kind, "color": color, "grams": grams}
        gateway.request("PUT", f"/printers/{name}/material", json=body).raise_for_status()
    history(gateway)
    wait_for(lambda: gateway.get("/printers/ender-3")["progress"], 90, "a print has begun")


def history(gateway: PrintingGateway) -> None:
    """Five weeks of prints, straight into the database."""
    now = datetime.now(UTC)
    database = sqlite3.connect(gateway.database_url.removeprefix("sqlite:///"), timeout=30)
    names = list(FILES)
    with database:
        columns = [row[1] for row in database.execute("PRAGMA table_info(print_jobs)")]
        source = database.execute("SELECT * FROM print_jobs WHERE status = 'queued' LIMIT 1").fetchone()
        for number in range(120):
            name = names[number * 7 % len(names)]
            about = FILES[name]
            ended = now - timedelta(hours=7 * number + number % 5)
            seconds = int(about["seconds"] * (0.9 + number % 7 / 30))
            status = "failed" if number % 11 == 3 else "canceled" if number % 17 == 5 else "completed"
            values = dict(zip(columns, source, strict=True)) | {
                "id": str(uuid.uuid4()),
                "fluxprint_queue_id": 1000 + number,
                "file_name": name,
                "status": status,
                "progress": 100 if status == "completed" else 37,
                "queued_at": str(ended - timedelta(seconds=seconds + 600)),
                "started_at": str(ended - timedelta(seconds=seconds)),
                "completed_at": str(ended),
                "created_at": str(ended - timedelta(seconds=seconds + 600)),
                "updated_at": str(ended),
                "actual_time": seconds,
                "estimated_time": about["seconds"],
                "printer_name": list(PRINTERS)[number % 4],
                "material_type": about.get("material", "PLA"),
                "material_used": about["grams"],
                "error_message": "The nozzle was clogged" if status == "failed" else None,
                "on_hold": 0,
                "target_printer": None,
            }
            marks = ", ".join("?" * len(columns))
            database.execute(f"INSERT INTO print_jobs VALUES ({marks})", [values[one] for one in columns])
    database.close()


def take(browser: Browser, url: str, name: str) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 800}, locale="en-GB", reduced_motion="reduce")
    page.goto(url)
    page.get_by_role("heading", level=1).wait_for()
    page.wait_for_timeout(3000)
    page.screenshot(path=FOLDER / f"{name}.png")
    page.close()


if __name__ == "__main__":
    sys.exit(main())
