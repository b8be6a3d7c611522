"""Several people share one printer, each sees their own: what nobody learns, takes or prints of the others."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from plugins.printing.tests.e2e.backends import LONG
from plugins.printing.tests.e2e.callers import AUTH, NATIVE, OWN, Caller, Site, execute, serving, upload
from tests.support.printing_gateway import problem, wait_for

pytestmark = pytest.mark.xdist_group("printing-access")

PROJECT = "44444444-4444-4444-4444-444444444444"
NOW = "2026-01-01T00:00:00+00:00"


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    with serving(AUTH + NATIVE + OWN, request) as gateway:
        execute(
            gateway,
            "INSERT INTO projects (id, external_id, title, owner, created_at) VALUES"
            f" ('{PROJECT}', 'cuid-boat', 'boat', 'paula', '{NOW}')",
        )
        for number, (user, role) in enumerate([("erik", "editor"), ("viola", "viewer")]):
            execute(
                gateway,
                "INSERT INTO project_members (id, project_id, user_id, role, created_at) VALUES"
                f" ('55555555-5555-5555-5555-55555555555{number}', '{PROJECT}', '{user}', '{role}', '{NOW}')",
            )
        yield Site(gateway)


@pytest.fixture(autouse=True)
def _emptied(site: Site) -> Iterator[None]:
    yield
    site.with_("ada", "admin").delete("/queue")


def queued(caller: Caller, filename: str, **more: object) -> int:
    answer = caller.post("/queue", json={"filename": filename, **more})
    assert answer.status_code == 201, answer.text
    return int(answer.json()["queue_id"])


def order(site: Site) -> list[str]:
    return [item["filename"] for item in site.with_("ada", "admin").get("/queue").json()["items"]]


def test_nobody_moves_ahead_of_others(site: Site) -> None:
    otto, olga = site.with_("otto"), site.with_("olga")
    numbers: dict[str, int] = {}
    for caller, name in ((otto, "o1"), (olga, "p1"), (otto, "o2"), (olga, "p2")):
        upload(caller, f"{name}.gcode", f"; {name}\nG4 P100\n".encode())
        numbers[name] = queued(caller, f"{name}.gcode")
    # FluxStudio numbers the rows that it shows: p2 first, p1 second.
    items = [{"id": numbers["p2"], "position": 1}, {"id": numbers["p1"], "position": 2}]
    answer = olga.request("PUT", "/queue/reorder", json={"items": items})
    assert answer.status_code == 200, answer.text
    assert order(site) == ["o1.gcode", "p2.gcode", "o2.gcode", "p1.gcode"]
    assert [(item["filename"], item["position"]) for item in answer.json()["items"]] == [
        ("p2.gcode", 2),
        ("p1.gcode", 4),
    ]
    assert olga.post("/queue/reorder", json={"items": [{"id": numbers["p1"], "position": 1}]}).status_code == 200
    assert order(site) == ["o1.gcode", "p2.gcode", "o2.gcode", "p1.gcode"], "one job alone has nowhere to go"


def test_the_names_of_what_others_print_stay_theirs(site: Site) -> None:
    otto, olga, ada, viola = (site.with_(*who) for who in (("otto",), ("olga",), ("ada", "admin"), ("viola",)))
    upload(otto, "secret.gcode", LONG)
    upload(olga, "waits.gcode")
    number = queued(otto, "secret.gcode", print=True)
    site.gateway.wait_status(number, "printing")
    wait_for(lambda: otto.get("/job").json()["job"]["file"]["name"] == "secret.gcode", 10, "the owner sees the name")
    assert ada.get("/job").json()["job"]["file"]["name"] == "secret.gcode"
    theirs = olga.get("/job").json()
    assert theirs["state"] == "Printing"
    assert theirs["job"]["file"]["name"] not in {"secret.gcode", None}
    later = olga.post("/queue", json={"filename": "waits.gcode", "print": True}).json()
    start = olga.post(f"/queue/{later['queue_id']}/start")
    problem(start, 409, "PRINTER_BUSY")
    everything = [theirs, later, start.json(), olga.get("/queue").json(), olga.get("/status").json()]
    assert "secret" not in str(everything)
    assert otto.post("/job/cancel").status_code == 200
    site.gateway.wait_status(number, "canceled")
    wait_for(lambda: olga.get("/status").json()["state"]["flags"]["ready"], 10, "the printer is ready")
    assert "secret" not in str(olga.get("/job").json())

    upload(site.with_("erik"), "boats.gcode", LONG + b";1\n", project_id="cuid-boat")
    number = queued(site.with_("erik"), "boats.gcode", print=True)
    site.gateway.wait_status(number, "printing")
    wait_for(lambda: viola.get("/job").json()["job"]["file"]["name"] == "boats.gcode", 10, "members see the name")
    assert "boats" not in str(olga.get("/job").json())
    assert site.with_("erik").post("/job/cancel").status_code == 200
    site.gateway.wait_status(number, "canceled")


def test_looking_at_a_project_prints_none_of_its_files(site: Site) -> None:
    erik, viola, paula = (site.with_(user) for user in ("erik", "viola", "paula"))
    upload(erik, "hull.gcode", b"; hull\nG4 P100\n", project_id="cuid-boat")
    problem(viola.post("/queue", json={"filename": "hull.gcode"}), 403, "PROJECT_FORBIDDEN")
    job = site.gateway.job(queued(paula, "hull.gcode"))
    assert str(job["project_id"]) == PROJECT
    assert (job["created_by"], order(site)) == ("paula", ["hull.gcode"])
