"""Jobs that find their printers by themselves, on two printers of a whole gateway: in their order, each printed once,
only where they fit, and only onto a bed that somebody says is clear."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from plugins.printing.tests.e2e.backends import LONG, SHORT
from tests.support.printing_gateway import PrintingGateway, ok, problem, wait_for

CONFIG = """
[plugins.printing]
backend = "native"
auto_start = true
[plugins.printing.printers.left]
driver = "virtual"
speed_factor = 1
model = "Mini"
nozzle = 0.4
materials = ["PLA"]
build_volume = { x = 180, y = 180, z = 180 }
[plugins.printing.printers.right]
driver = "virtual"
speed_factor = 1
model = "XL"
nozzle = 0.6
materials = ["PLA", "PETG"]
build_volume = { x = 360, y = 360, z = 360 }
"""
BY_HAND = CONFIG.replace("auto_start = true", "")
GATED = {"FLUXGATE_PLUGINS__PRINTING__BED_GATE": "true"}


@pytest.fixture
def gateway() -> Iterator[PrintingGateway]:
    with PrintingGateway(CONFIG) as gateway:
        gateway.upload("part.gcode", SHORT)
        gateway.upload("long.gcode", LONG)
        yield gateway


@pytest.fixture
def by_hand() -> Iterator[PrintingGateway]:
    with PrintingGateway(BY_HAND) as gateway:
        gateway.upload("part.gcode", SHORT)
        yield gateway


def waiting(gateway: PrintingGateway, queue_id: int) -> dict[str, str | None]:
    """Why a job waits, by printer."""
    return {each["printer"]: each["code"] for each in gateway.get(f"/queue/{queue_id}/waiting")["printers"]}


def ended(gateway: PrintingGateway, count: int) -> list[dict[str, Any]]:
    return wait_for(  # type: ignore[return-value]
        lambda: len(done := gateway.rows("SELECT * FROM print_jobs WHERE status = 'completed'")) == count and done,
        60,
        f"{count} jobs are done",
    )


def test_five_jobs_with_copies_and_priorities_on_two_printers(gateway: PrintingGateway) -> None:
    gateway.post("/queue/pause")
    asked = (("a", 0, 1), ("b", 0, 3), ("c", 5, 1), ("d", -1, 2), ("e", 5, 2))
    for name, _, _ in asked:
        gateway.upload(f"{name}.gcode", SHORT + f"; {name}\n".encode())
    for name, priority, copies in asked:
        answer = gateway.post("/queue", {"filename": f"{name}.gcode", "priority": priority, "copies": copies})
        assert len(set(answer["queue_ids"])) == copies
        assert answer["queue_ids"][0] == answer["queue_id"]
    items = gateway.get("/queue")["items"]
    assert [item["filename"][0] for item in items] == list("ceeabbbdd")
    assert [item["position"] for item in items] == list(range(1, 10))
    assert [(item["copies"], item["copyNumber"]) for item in items][4:7] == [(3, 1), (3, 2), (3, 3)]
    assert {item["detail"] for item in items} == {"The queue is paused."}
    gateway.post("/queue/resume")
    done = ended(gateway, 9)
    assert Counter(row["file_name"][0] for row in done) == {"a": 1, "b": 3, "c": 1, "d": 2, "e": 2}
    assert {row["printer_name"] for row in done} == {"left", "right"}
    began = [row["file_name"][0] for row in sorted(done, key=lambda row: row["started_at"])]
    assert sorted(began[:3]) == ["c", "e", "e"]
    assert began[-1] == "d"
    assert gateway.get("/queue")["items"] == []


def test_a_job_goes_only_where_it_fits(gateway: PrintingGateway) -> None:
    for needs, printer in (
        ({"model": "xl"}, "right"),
        ({"nozzle": 0.4}, "left"),
        ({"material": "PETG"}, "right"),
        ({"build_volume": {"x": 200, "y": 10, "z": 10}}, "right"),
    ):
        queue_id = gateway.enqueue("part.gcode", requirements=needs)
        assert gateway.wait_status(queue_id, "completed")["printer_name"] == printer
    queue_id = gateway.enqueue("part.gcode", printer="left")
    assert gateway.wait_status(queue_id, "completed")["printer_name"] == "left"
    nowhere = gateway.enqueue("part.gcode", requirements={"material": "ABS"})
    assert waiting(gateway, nowhere) == {"left": "material", "right": "material"}
    ok(gateway.request("PUT", "/printers/left/material", json={"type": "ABS", "color": "black", "grams": 500}))
    assert gateway.wait_status(nowhere, "completed")["printer_name"] == "left"
    hungry = gateway.enqueue("part.gcode", requirements={"material": "ABS", "grams": 501})
    assert waiting(gateway, hungry) == {"left": "filament", "right": "material"}
    ok(gateway.request("PATCH", f"/queue/{hungry}", json={"requirements": None}))
    gateway.wait_status(hungry, "completed")


def test_what_cant_be_needed_is_refused(gateway: PrintingGateway) -> None:
    for body, field in (
        ({"requirements": {"modell": "x"}}, "requirements"),
        ({"requirements": {"nozzle": 0}}, "requirements.nozzle"),
        ({"copies": 0}, "copies"),
        ({"copies": 101}, "copies"),
        ({"priority": 101}, "priority"),
    ):
        answer = gateway.request("POST", "/queue", json={"filename": "part.gcode", **body})
        problem(answer, 400, "INVALID_REQUEST")
        assert field in answer.json()["message"] or field in str(answer.json().get("field"))
    answer = gateway.request("POST", "/queue", json={"filename": "part.gcode", "printer": "none such"})
    problem(answer, 404, "PRINTER_NOT_FOUND", "printer")


def test_the_least_used_printer_is_taken(gateway: PrintingGateway) -> None:
    queue_id = gateway.enqueue("part.gcode", printer="left")
    gateway.wait_status(queue_id, "completed")
    for _ in range(2):  # as long as right has printed less
        gateway.write("UPDATE print_printers SET used_seconds = 1000 WHERE name = 'left'")
        queue_id = gateway.enqueue("part.gcode")
        assert gateway.wait_status(queue_id, "completed")["printer_name"] == "right"


def test_a_bed_is_cleared_by_somebody_and_no_restart() -> None:
    with PrintingGateway(CONFIG, **GATED) as gateway:
        gateway.upload("part.gcode", SHORT)
        first = gateway.enqueue("part.gcode", printer="left")
        gateway.wait_status(first, "completed")
        second = gateway.enqueue("part.gcode", printer="left")
        assert waiting(gateway, second)["left"] == "bed_not_clear"
        problem(gateway.request("POST", f"/queue/{second}/start"), 409, "BED_NOT_CLEAR")
        gateway.restart()
        wait_for(lambda: gateway.get("/printers/left")["status"] == "idle")
        assert waiting(gateway, second)["left"] == "bed_not_clear"
        bed = gateway.get("/printers/left")["bed"]
        assert (bed["clear"], bed["reason"], bed["jobId"]) == (False, "completed", gateway.job(first)["id"])
        cleared = gateway.post("/printers/left/bed-clear")
        assert (cleared["clear"], cleared["clearedBy"]) == (True, "local")
        gateway.wait_status(second, "completed")
        [entry] = gateway.client.get(f"{gateway.url}/-/audit?action=printing.printer.bed_clear").json()["items"]
        assert (entry["target"], entry["principal"]) == ("printer:left", "local")


def test_hold_and_release(gateway: PrintingGateway) -> None:
    held = gateway.enqueue("part.gcode", on_hold=True)
    assert set(waiting(gateway, held).values()) == {"on_hold"}
    problem(gateway.request("POST", f"/queue/{held}/start"), 409, "JOB_ON_HOLD")
    gateway.post(f"/queue/{held}/hold", {"reason": "wrong colour"})
    [item] = gateway.get("/queue")["items"]
    assert (item["onHold"], item["detail"]) == (True, "It is on hold: wrong colour")
    other = gateway.enqueue("part.gcode")
    gateway.wait_status(other, "completed")
    gateway.post(f"/queue/{held}/release")
    gateway.wait_status(held, "completed")
    problem(gateway.request("POST", f"/queue/{held}/hold"), 404, "JOB_NOT_FOUND")
    printing = gateway.enqueue("long.gcode")
    gateway.wait_status(printing, "printing")
    problem(gateway.request("POST", f"/queue/{printing}/hold"), 409, "JOB_NOT_QUEUED")


def test_printers_that_wait_for_a_person(by_hand: PrintingGateway) -> None:
    first, second = by_hand.enqueue("part.gcode"), by_hand.enqueue("part.gcode", priority=1)
    assert waiting(by_hand, first) == {"left": "by_hand", "right": "by_hand"}
    assert [item["id"] for item in by_hand.get("/queue")["items"]] == [second, first]
    ok(by_hand.request("PATCH", f"/queue/{first}", json={"priority": 2}))
    assert [item["id"] for item in by_hand.get("/queue")["items"]] == [first, second]
    assert ok(by_hand.request("PATCH", "/printers/right", json={"autoStart": True}))["autoStart"] is True
    by_hand.wait_status(first, "completed")
    assert by_hand.wait_status(second, "completed")["printer_name"] == "right"
    by_hand.restart()
    assert {each["name"]: each["autoStart"] for each in by_hand.get("/printers")["printers"]} == {
        "left": False,
        "right": True,
    }


def test_a_start_on_a_printer_that_cant_print_it_is_refused(by_hand: PrintingGateway) -> None:
    queue_id = by_hand.enqueue("part.gcode", requirements={"nozzle": 0.6})
    answer = by_hand.request("POST", f"/queue/{queue_id}/start", json={"printer": "left"})
    problem(answer, 409, "PRINTER_UNFIT")
    by_hand.post(f"/queue/{queue_id}/start", {"printer": "right"})
    by_hand.wait_status(queue_id, "completed")


def test_a_kill_in_mid_print_loses_nothing_and_prints_nothing_twice(gateway: PrintingGateway) -> None:
    running = [gateway.enqueue("long.gcode", printer=name) for name in ("left", "right")]
    for queue_id in running:
        wait_for(lambda queue_id=queue_id: gateway.job(queue_id)["printer_status"] == "printing")  # type: ignore[misc]
    behind = gateway.post("/queue", {"filename": "part.gcode", "copies": 3})["queue_ids"]
    gateway.restart()
    rows = gateway.rows("SELECT * FROM print_jobs")
    assert len(rows) == 5
    assert [gateway.job(queue_id)["copy_number"] for queue_id in behind] == [1, 2, 3]
    # A simulated printer's print ends with its process, and that wasn't seen: a person has to say what became of it.
    for queue_id in running:
        row = wait_for(lambda queue_id=queue_id: (row := gateway.job(queue_id))["outcome_unknown"] and row)  # type: ignore[misc]
        assert row["status"] == "printing"
    assert {code for queue_id in behind for code in waiting(gateway, queue_id).values()} == {"outcome_unknown"}
    for queue_id in running:
        gateway.delete(f"/queue/{queue_id}")
    for queue_id in behind:
        gateway.wait_status(queue_id, "completed")


def test_each_printer_by_its_name(gateway: PrintingGateway) -> None:
    queue_id = gateway.enqueue("long.gcode", printer="right")
    wait_for(lambda: gateway.get("/printers/right/status")["state"]["text"] == "Printing")
    assert gateway.get("/printers/right/job")["job"]["file"]["name"]
    assert set(gateway.get("/printers/left/temperature")) >= {"bed", "tool0"}
    assert gateway.get("/printers/left/status")["printer"] == "left"
    right = gateway.get("/printers/right")
    assert (right["driver"], right["job"], right["model"], right["nozzle"]) == ("virtual", queue_id, "XL", 0.6)
    gateway.post("/printers/right/job/pause")
    wait_for(lambda: gateway.get("/printers/right")["status"] == "paused")
    gateway.post("/printers/right/job/resume")
    wait_for(lambda: gateway.get("/printers/right")["status"] == "printing")
    gateway.post("/printers/right/job/cancel")
    gateway.wait_status(queue_id, "canceled")
    picture = gateway.request("GET", "/printers/left/camera/snapshot")
    assert picture.headers["content-type"] == "image/jpeg"
    for method, path in (
        ("GET", "/printers/none"),
        ("GET", "/printers/none/status"),
        ("GET", "/printers/none/camera/snapshot"),
        ("POST", "/printers/none/bed-clear"),
        ("POST", "/printers/none/job/cancel"),
    ):
        problem(gateway.request(method, path), 404, "PRINTER_NOT_FOUND", "printer")
