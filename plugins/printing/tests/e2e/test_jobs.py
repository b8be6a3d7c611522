"""History, links, statistics, estimates and quick prints through a real gateway, on SQLite and PostgreSQL; and what of
that FluxPrint's jobs have."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from plugins.printing.tests.e2e.backends import SHORT
from plugins.printing.tests.e2e.callers import AUTH, NATIVE, OWN, Caller, Site, as_, execute, serving, upload
from tests.support.fluxprint import running_fluxprint
from tests.support.printing_gateway import PrintingGateway, problem, wait_for

pytestmark = pytest.mark.xdist_group("printing-jobs")

COSTS = """
[plugins.printing.costs]
currency = "USD"
machine_per_hour = 0.5
default_material = 30.0
[plugins.printing.costs.materials]
pla = 20.0
"Wood PLA" = 45.0
"""
SLICED = SHORT + (
    b"; filament_type = PLA\n; filament used [g] = 10.0\n; estimated printing time (normal mode) = 1h 30m 0s\n"
)
WHEN = datetime(2026, 1, 10, 12, tzinfo=UTC)
SNAKE = {
    "id", "file_name", "status", "project_name", "duration_seconds", "completed_at", "material_type", "material_color",
    "material_used", "error_message", "progress",
}  # fmt: skip
CAMEL = {"fileName", "completedAt", "materialType", "materialColor", "materialUsed", "errorMessage"}


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    with serving(AUTH + NATIVE + OWN + COSTS, request) as gateway:
        yield Site(gateway)


@pytest.fixture
def otto(site: Site) -> Caller:
    return site.with_("otto")


def project(site: Site, external: str, owner: str, title: str = "Boat") -> str:
    """A project's UUID."""
    made = str(uuid4())
    execute(
        site.gateway,
        "INSERT INTO projects (id, external_id, title, owner, created_at) VALUES"
        f" ('{made}', '{external}', '{title}', '{owner}', '{WHEN.isoformat()}')",
    )
    return made


def member(site: Site, of: str, user: str, role: str) -> None:
    execute(
        site.gateway,
        "INSERT INTO project_members (id, project_id, user_id, role, created_at) VALUES"
        f" ('{uuid4()}', '{of}', '{user}', '{role}', '{WHEN.isoformat()}')",
    )


def ended(site: Site, name: str, by: str, days_ago: int = 0, **columns: object) -> str:
    """A job that ended, as if it had been printed; its UUID."""
    moment = (WHEN - timedelta(days=days_ago)).isoformat()
    values = {
        "id": str(uuid4()),
        "file_name": name,
        "created_by": by,
        "status": "completed",
        "progress": 100,
        "completed_at": moment,
        "queued_at": moment,
        "created_at": moment,
        "updated_at": moment,
        **columns,
    }
    quoted = ", ".join(str(value) if isinstance(value, int | float) else f"'{value}'" for value in values.values())
    execute(site.gateway, f"INSERT INTO print_jobs ({', '.join(values)}) VALUES ({quoted})")
    return str(values["id"])


def sliced(caller: Caller, name: str, content: bytes = SLICED) -> None:
    """Upload a file, and wait until it has been read."""
    assert upload(caller, name, content).status_code == 201

    def read() -> bool:
        files = {file["name"]: file for file in caller.get("/files").json()["files"]}
        return bool(files[name]["metadata"]["analysed"])

    wait_for(read, 30, f"{name} is analysed")


def listed(caller: Caller, query: str) -> list[str]:
    answer = caller.get(f"/jobs/history/filter?limit=100{query}")
    assert answer.status_code == 200, answer.text
    found = [job["file_name"] for job in answer.json()]
    assert answer.headers["x-total-count"] == str(len(found))
    return found


# -- history


def test_history_as_fluxstudio_reads_it(site: Site) -> None:
    paula = site.with_("paula")
    boat = project(site, "cuid-history", "paula")
    ended(
        site,
        "read.gcode",
        "paula",
        project_id=boat,
        actual_time=7200,
        material_type="PLA",
        material_color="red",
        material_used=50.5,
        printer_name="first",
    )
    for path in ("/jobs/history?limit=20", "/jobs/history/filter?limit=20&offset=0&project_id=cuid-history"):
        answer = paula.get(path)
        (job,) = answer.json()
        assert set(job) >= SNAKE | CAMEL
        assert (job["fileName"], job["file_name"]) == ("read.gcode", "read.gcode")
        assert (job["duration_seconds"], job["progress"], job["materialUsed"]) == (7200, 100.0, 50.5)
        assert (job["project_name"], job["materialType"], job["materialColor"]) == ("Boat", "PLA", "red")
        assert datetime.fromisoformat(job["completedAt"]) == datetime.fromisoformat(job["completed_at"]) == WHEN
        assert job["errorMessage"] is None
        assert job["cost"] == 2.01
        assert answer.headers["x-total-count"] == "1"
    assert paula.get(f"/jobs/{job['id']}").json() == job


def test_history_is_sifted(site: Site) -> None:
    hugo = site.with_("hugo")
    ended(site, "Benchy.gcode", "hugo", 0, material_type="PLA", printer_name="first")
    ended(site, "vase.gcode", "hugo", 2, material_type="PETG", printer_name="second", status="failed")
    ended(site, "cube 100%.gcode", "hugo", 4, status="canceled")
    assert listed(hugo, "") == ["Benchy.gcode", "vase.gcode", "cube 100%.gcode"]
    assert listed(hugo, "&status=failed") == ["vase.gcode"]
    assert listed(hugo, "&printer=first") == ["Benchy.gcode"]
    assert listed(hugo, "&material=PETG") == ["vase.gcode"]
    assert listed(hugo, "&search=BENCH") == ["Benchy.gcode"]
    assert listed(hugo, "&search=%25") == ["cube 100%.gcode"]
    assert listed(hugo, "&from=2026-01-08") == ["Benchy.gcode", "vase.gcode"]
    assert listed(hugo, "&to=2026-01-08") == ["vase.gcode", "cube 100%.gcode"]
    assert listed(hugo, "&from=2026-01-07T00:00:00Z&to=2026-01-10T12:00:00Z") == ["vase.gcode"]
    assert listed(hugo, "&from=2026-01-08T14:00:00+02:00") == ["Benchy.gcode", "vase.gcode"]
    page = hugo.get("/jobs/history?limit=1&offset=1")
    assert [job["file_name"] for job in page.json()] == ["vase.gcode"]
    assert page.headers["x-total-count"] == "3"
    beyond = hugo.get("/jobs/history?limit=5&offset=50")
    assert (beyond.json(), beyond.headers["x-total-count"]) == ([], "3")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("limit=many", "limit"),
        ("offset=-1", "offset"),
        ("offset=1000001", "offset"),
        ("status=bananas", "status"),
        ("from=yesterday", "from"),
        ("to=2026-13-01", "to"),
        ("to=9999-12-31", "to"),
        ("search=%00", "search"),
    ],
)
def test_bad_filters_are_named(otto: Caller, query: str, field: str) -> None:
    answer = otto.get(f"/jobs/history?{query}")
    assert answer.status_code in {400, 422}, answer.text
    assert answer.json()["field"] == field
    assert answer.json()["message"]


def test_history_shows_nobody_elses(site: Site) -> None:
    theirs = project(site, "cuid-theirs", "olga", "Olgas secret")
    ended(site, "olgas.gcode", "olga", project_id=theirs)
    otto = site.with_("otto")
    assert "olgas" not in otto.get("/jobs/history?limit=500").text
    assert "olgas" not in otto.get("/jobs/history?search=olgas").text
    assert otto.get("/jobs/history?search=olgas").headers["x-total-count"] == "0"
    for path in (
        "/jobs/history?project_id={}",
        "/projects/{}/stats",
        "/projects/{}/stats/detailed",
        "/projects/{}/files",
    ):
        for name in ("cuid-theirs", theirs):
            problem(otto.get(path.format(name)), 404, "PROJECT_NOT_FOUND")
    mine = ended(site, "once-olgas.gcode", "otto", project_id=theirs)
    assert otto.get(f"/jobs/{mine}").json()["project_name"] is None, "a title is the project's members' business"


# -- settling and linking


def test_sync_moves_one_job(site: Site, otto: Caller) -> None:
    upload(otto, "sync.gcode")
    made = otto.post("/queue", json={"filename": "sync.gcode"}).json()
    number = made["queue_id"]
    older = ended(site, "sync.gcode", "otto", 3, fluxprint_queue_id=number, status="failed", progress=3)
    same = ended(site, "sync.gcode", "otto", 3, fluxprint_queue_id=number, status="queued", progress=0)
    assert otto.post(f"/jobs/sync/{number}", json={"status": "queued", "progress": 0}).json()["id"] == made["job_id"]
    problem(otto.post(f"/jobs/sync/{number}", json={"status": "completed"}), 409, "JOB_TRANSITION_REFUSED")
    for progress in (0, 37.5):
        answer = otto.post(f"/jobs/sync/{number}", json={"status": "printing", "progress": progress})
        assert (answer.status_code, answer.json()["progress"]) == (200, progress)
    answer = otto.post(f"/jobs/sync/{number}", json={"status": "completed", "progress": 100})
    assert (answer.json()["id"], answer.json()["status"]) == (made["job_id"], "completed")
    left = {each: otto.get(f"/jobs/{each}").json()["status"] for each in (older, same)}
    assert left == {older: "failed", same: "queued"}
    problem(otto.post("/jobs/sync/2147483600", json={"status": "failed"}), 404, "JOB_NOT_FOUND")
    assert otto.post(f"/jobs/sync/{number}", json={"status": "bananas"}).status_code == 400
    assert otto.post(f"/jobs/sync/{number}", json={"status": "canceled", "progress": 101}).status_code == 400
    otto.post(f"/jobs/sync/{number}", json={"status": "canceled"})
    otto.delete("/files/sync.gcode")


def test_a_job_is_linked(site: Site) -> None:
    lena, viola = site.with_("lena"), site.with_("viola")
    mine, other = project(site, "cuid-lena", "lena"), project(site, "cuid-lena-2", "lena")
    member(site, mine, "viola", "viewer")
    job = ended(site, "link.gcode", "lena")
    assert upload(lena, "link.gcode").status_code == 201
    file_id = site.gateway.rows("SELECT id FROM files WHERE name = 'link.gcode'")[0]["id"]
    first = lena.post(f"/jobs/{job}/link", json={"project_id": "cuid-lena", "file_id": str(file_id)})
    assert first.status_code == 200, first.text
    assert (first.json()["project_id"], first.json()["file_id"]) == (mine, str(file_id))
    assert lena.post(f"/jobs/{job}/link", json={"project_id": mine}).status_code == 200
    elsewhere = lena.post(f"/jobs/{job}/link", json={"project_id": "cuid-lena-2"})
    assert mine not in problem(elsewhere, 409, "JOB_LINKED_ELSEWHERE")["message"]
    theirs = project(site, "cuid-not-lenas", "olga")
    free = ended(site, "free.gcode", "lena")
    for name in ("cuid-not-lenas", theirs, "cuid-nobodys"):
        problem(lena.post(f"/jobs/{free}/link", json={"project_id": name}), 404, "PROJECT_NOT_FOUND")
    violas = ended(site, "violas.gcode", "viola")
    problem(viola.post(f"/jobs/{violas}/link", json={"project_id": mine}), 403, "PROJECT_FORBIDDEN")
    problem(viola.post(f"/jobs/{free}/link", json={"project_id": mine}), 404, "JOB_NOT_FOUND")
    problem(
        viola.post(f"/jobs/{violas}/link", json={"project_id": other, "file_id": str(file_id)}),
        404,
        "PROJECT_NOT_FOUND",
    )
    vera = site.with_("vera")
    verase = project(site, "cuid-vera", "vera")
    veras = ended(site, "veras.gcode", "vera")
    stolen = vera.post(f"/jobs/{veras}/link", json={"project_id": verase, "file_id": str(file_id)})
    problem(stolen, 404, "FILE_NOT_FOUND", "file_id")


def test_a_file_is_linked(site: Site) -> None:
    fred, olga, viola = site.with_("fred"), site.with_("olga"), site.with_("viola")
    mine = project(site, "cuid-fred", "fred")
    project(site, "cuid-fred-2", "fred")
    member(site, mine, "viola", "viewer")
    sliced(fred, "fred s.gcode")
    path, body = "/files/fred%20s.gcode/link", {"json": {"project_id": "cuid-fred"}}
    answers = [fred.post(path, **body) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 200]
    assert [answer.json()["changed"] for answer in answers] == [True, False]
    elsewhere = problem(fred.post(path, json={"project_id": "cuid-fred-2"}), 409, "FILE_LINKED_ELSEWHERE")
    assert mine not in json.dumps(elsewhere)
    (file,) = fred.get("/projects/cuid-fred/files").json()["files"]
    assert (file["name"], file["gcodeAnalysis"]["estimatedPrintTime"]) == ("fred s.gcode", 5400.0)
    assert [each["name"] for each in viola.get(f"/projects/{mine}/files").json()["files"]] == ["fred s.gcode"]
    assert fred.get("/projects/cuid-fred-2/files").json()["files"] == []
    for method in ("POST", "DELETE"):
        problem(viola.request(method, path, **body), 403, "PROJECT_FORBIDDEN")
        problem(olga.request(method, path, **body), 404, "FILE_NOT_FOUND")
        problem(fred.request(method, "/files/no.gcode/link", **body), 404, "FILE_NOT_FOUND")
        problem(fred.request(method, path, json={"project_id": "nobodys"}), 404, "PROJECT_NOT_FOUND")
        assert fred.request(method, path, json={}).status_code == 400
    problem(fred.request("DELETE", path, json={"project_id": "cuid-fred-2"}), 409, "FILE_LINKED_ELSEWHERE")
    assert [fred.request("DELETE", path, **body).json()["changed"] for _ in range(2)] == [True, False]
    assert fred.get("/projects/cuid-fred/files").json()["files"] == []


# -- numbers


def test_statistics(site: Site) -> None:
    sven, otto = site.with_("sven"), site.with_("otto")
    mine = project(site, "cuid-sven", "sven")
    empty = sven.get("/projects/cuid-sven/stats").json()
    assert (empty["total_jobs"], empty["success_rate"], bool(empty["message"])) == (0, None, True)
    pla = {"project_id": mine, "material_type": "PLA", "printer_name": "first"}
    ended(site, "same.gcode", "sven", 0, **pla, actual_time=7200, material_used=100)
    ended(site, "same.gcode", "sven", 20, **pla, actual_time=3600, material_used=50.5)
    ended(site, "same.gcode", "otto", 0, **pla, status="failed", actual_time=600, material_used=3)
    ended(site, "same.gcode", "sven", 0, project_id=mine, material_type="PEEK", material_used=10)
    ended(site, "same.gcode", "sven", 0, actual_time=99_999, material_used=9999)  # the same name, no project
    ended(site, "same.gcode", "sven", 0, project_id=project(site, "cuid-sven-2", "sven"), material_used=9999)
    stats = sven.get("/projects/cuid-sven/stats").json()
    assert "message" not in stats
    assert (stats["total_jobs"], stats["completed_jobs"], stats["failed_jobs"]) == (4, 3, 1)
    assert (stats["success_rate"], stats["total_print_time"], stats["total_print_hours"]) == (75.0, 11_400, 3.17)
    assert (stats["total_material_used"], stats["average_print_time"]) == (163.5, 5400.0)
    assert (stats["currency"], stats["material_cost"], stats["machine_cost"]) == ("USD", 3.37, 1.58)
    assert stats["total_cost"] == 4.95
    detailed = sven.get(f"/projects/{mine}/stats/detailed").json()
    assert {key: detailed[key] for key in stats} == stats
    assert [(part["name"], part["total_jobs"]) for part in detailed["by_material"]] == [("PLA", 3), ("PEEK", 1)]
    assert [(part["name"], part["total_jobs"]) for part in detailed["by_printer"]] == [("first", 3), (None, 1)]
    assert [(part["name"], part["total_jobs"]) for part in detailed["by_month"]] == [("2025-12", 1), ("2026-01", 3)]
    assert detailed["by_material"][1]["material_cost"] == 0.3
    problem(otto.get(f"/projects/{mine}/stats"), 404, "PROJECT_NOT_FOUND")


# -- estimates


def test_an_estimate_from_the_files_word(otto: Caller) -> None:
    sliced(otto, "known.gcode")
    answer = otto.post("/estimate", json={"filename": "known.gcode", "quality": "standard", "copies": 2}).json()
    assert (answer["timeHours"], answer["timeMinutes"], answer["slicedSeconds"]) == (3, 0, 10_800)
    assert (answer["material"], answer["materialGrams"], answer["materialCost"]) == ("PLA", 20.0, 0.4)
    assert (answer["machineCost"], answer["totalCost"], answer["currency"]) == (1.5, 1.9, "USD")
    assert answer["confidence"] == "high"
    assert answer["range"]["low"] < answer["timeSeconds"] < answer["range"]["high"]
    dear = otto.post("/estimate", json={"filename": "known.gcode", "material": "TPU", "copies": 1}).json()
    assert (dear["material"], dear["materialCost"]) == ("TPU", 0.3)


def test_an_estimate_learns_from_the_printer(site: Site, otto: Caller) -> None:
    sliced(otto, "learn.gcode", SLICED + b"; another\n")
    file_id = site.gateway.rows("SELECT id FROM files WHERE name = 'learn.gcode'")[0]["id"]
    for _ in range(15):
        ended(site, "learn.gcode", "otto", 50, file_id=file_id, actual_time=10_800, printer_name="second")
    slow = otto.post("/estimate", json={"filename": "learn.gcode", "printer": "second"}).json()
    assert (slow["correction"], slow["correctedBy"]) == (1.75, 15)
    assert slow["timeSeconds"] == 9450
    problem(otto.post("/estimate", json={"filename": "learn.gcode", "printer": "third"}), 404, "PRINTER_NOT_FOUND")


def test_a_guess_says_so(otto: Caller) -> None:
    upload(otto, "silent.gcode", SHORT)
    answer = otto.post("/estimate", json={"filename": "silent.gcode"}).json()
    assert answer["confidence"] == "low"
    assert "guessed" in answer["basis"]
    for key in ("timeHours", "timeMinutes", "materialGrams", "materialCost", "totalCost"):
        assert isinstance(answer[key], int | float)
    assert answer["range"]["high"] > answer["range"]["low"]


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"material": "WOOD"}, 422),
        ({"quality": "best"}, 400),
        ({"copies": 0}, 400),
        ({"copies": "many"}, 400),
        ({"filename": ""}, 400),
    ],
)
def test_a_bad_estimate_is_refused(otto: Caller, wrong: dict[str, object], status: int) -> None:
    answer = otto.post("/estimate", json={"filename": "known.gcode", **wrong})
    assert answer.status_code == status
    problem(otto.post("/estimate", json={"filename": "nowhere.gcode"}), 404, "FILE_NOT_FOUND")


def test_a_material_with_a_price_is_known(otto: Caller) -> None:
    answer = otto.post("/estimate", json={"filename": "known.gcode", "material": "wood pla"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["materialCost"] == 0.45
    answer = otto.post("/quick-print", json={"filename": "known.gcode", "config": {"material": "Wool"}})
    problem(answer, 422, "MATERIAL_UNKNOWN", "config.material")


def test_quick_print(site: Site) -> None:
    quinn = site.with_("quinn")
    mine = project(site, "cuid-quinn", "quinn")
    sliced(quinn, "quick.gcode", SLICED + b"; quick\n")
    config = {"material": "PETG", "quality": "high", "copies": 2, "supports": True, "infill": 0, "notes": "for Ada"}
    body = {"filename": "quick.gcode", "projectId": "cuid-quinn", "config": config}
    answer = quinn.post("/quick-print", json=body, headers={"Idempotency-Key": "quick"})
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert (made["success"], made["started"], made["estimate"]["materialGrams"]) == (True, False, 20.0)
    again = quinn.post("/quick-print", json=body, headers={"Idempotency-Key": "quick"}).json()
    assert (again["jobId"], again["queueId"]) == (made["jobId"], made["queueId"])
    job = quinn.get(f"/jobs/{made['jobId']}").json()
    assert job["print_settings"] == {"quality": "high", "supports": True, "copies": 2, "infill": 0}
    assert (job["project_id"], job["copies"], job["material_type"], job["notes"]) == (mine, 2, "PETG", "for Ada")
    assert job["estimated_time"] == 5400
    for wrong in (
        {"infill": 101},
        {"infill": "x"},
        {"supports": "maybe"},
        {"copies": 0},
        {"quality": "x"},
    ):
        assert quinn.post("/quick-print", json={**body, "config": {**config, **wrong}}).status_code == 400, wrong
    problem(quinn.post("/quick-print", json={**body, "projectId": "nobodys"}), 404, "PROJECT_NOT_FOUND")
    problem(quinn.post("/quick-print", json={**body, "filename": "nowhere.gcode"}), 404, "FILE_NOT_FOUND")
    bare = quinn.post("/quick-print", json={"filename": "quick.gcode"}).json()
    assert quinn.get(f"/jobs/{bare['jobId']}").json()["material_type"] == "PLA"
    assert quinn.delete("/queue").json()["count"] == 3, "two copies, and the bare one"


def test_a_print_says_what_it_took_and_cost(site: Site) -> None:
    ada = site.with_("ada", "admin")
    sliced(ada, "cost.gcode", SLICED + b"; cost\n")
    started = ada.post("/queue", json={"filename": "cost.gcode", "print": True}).json()
    site.gateway.wait_status(started["queue_id"], "completed", 60)
    job = ada.get(f"/jobs/{started['job_id']}").json()
    assert (job["material_used"], job["material_type"], job["cost"]) == (10.0, "PLA", 0.2)


# -- FluxPrint


def test_fluxprints_jobs_have_them_too() -> None:
    with running_fluxprint() as service:
        config = AUTH + f'[plugins.printing.fluxprint]\nurl = "{service.url}"\n' + COSTS
        with PrintingGateway(config, headers=as_("admin")) as gateway:
            site, ada = Site(gateway), Caller(gateway, as_("admin"))
            boat = project(site, "cuid-flux", "paula")
            ada.post("/files/upload", files={"files": ("flux.gcode", SHORT)})
            number = ada.post("/queue", json={"filename": "flux.gcode"}).json()["queue_id"]
            job = ada.get("/jobs/active").json()[0]
            assert ada.post(f"/jobs/{job['id']}/link", json={"project_id": "cuid-flux"}).status_code == 200
            for status, progress in (("printing", 10), ("printing", 50), ("completed", 100)):
                answer = ada.post(f"/jobs/sync/{number}", json={"status": status, "progress": progress})
                assert (answer.json()["status"], answer.json()["progress"]) == (status, progress)
            answer = ada.get("/jobs/history?project_id=cuid-flux&status=completed")
            assert [each["fileName"] for each in answer.json()] == ["flux.gcode"]
            assert answer.headers["x-total-count"] == "1"
            problem(ada.patch(f"/jobs/{job['id']}/status", json={"status": "printing"}), 409, "JOB_TRANSITION_REFUSED")
            assert ada.get(f"/projects/{boat}/stats").json()["completed_jobs"] == 1
            assert ada.get(f"/projects/{boat}/stats/detailed").json()["by_material"][0]["total_jobs"] == 1


def test_fluxprint_is_asked_for_quick_prints_and_estimates() -> None:
    with running_fluxprint() as service:
        config = AUTH + f'[plugins.printing.fluxprint]\nurl = "{service.url}"\n' + COSTS
        with PrintingGateway(config, headers=as_("admin")) as gateway:
            site, ada, otto = Site(gateway), Caller(gateway, as_("admin")), Caller(gateway, as_("operator"))
            boat = project(site, "cuid-quick", "otto")
            project(site, "cuid-other", "olga")
            asked = {"filename": "flux.gcode", "quality": "high", "material": "PLA", "copies": 2}
            answer = otto.post("/estimate", json=asked).json()
            assert (answer["timeHours"], answer["timeMinutes"], answer["materialGrams"]) == (2, 46, 43.0)
            assert (answer["materialCost"], answer["machineCost"], answer["confidence"]) == (0.86, 1.38, "high")
            config_ = {"material": "PETG", "infill": 0, "copies": 2}
            body = {"filename": "flux.gcode", "projectId": "cuid-quick", "config": config_}
            made = otto.post("/quick-print", json=body)
            assert made.status_code == 201, made.text
            job = otto.get(f"/jobs/{made.json()['jobId']}").json()
            assert (job["fluxprint_queue_id"], job["project_id"]) == (made.json()["queueId"], boat)
            assert (job["print_settings"]["infill"], job["material_type"], job["created_by"]) == (0, "PETG", "otto")
            assert made.json()["estimate"]["timeMinutes"] == 46
            (seen,) = [request for request in service.requests("/api/queue") if request.method == "POST"]
            assert "authorization" not in {name.lower() for name, _ in seen.headers}
            problem(otto.post("/quick-print", json={**body, "projectId": "cuid-other"}), 404, "PROJECT_NOT_FOUND")
            problem(ada.post("/quick-print", json={**body, "filename": "x.exe"}), 415, "UNSUPPORTED_FILE_TYPE")
            assert len([each for each in service.requests("/api/queue") if each.method == "POST"]) == 1
            service.kill()
            for path, wanted in (("/estimate", asked), ("/quick-print", body)):
                problem(otto.post(path, json=wanted), 503, "PRINTING_SERVICE_UNAVAILABLE")
            assert len(ada.get("/jobs/active").json()) == 1
