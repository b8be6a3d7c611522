"""The prints of some days in numbers, through a real gateway, on SQLite, PostgreSQL and FluxPrint."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from plugins.printing.tests.e2e.callers import AUTH, NATIVE, OWN, Caller, Site, serving
from plugins.printing.tests.e2e.test_jobs import COSTS, WHEN, ended, project
from tests.support.fluxprint import running_fluxprint
from tests.support.printing_gateway import PrintingGateway, ok, problem

pytestmark = pytest.mark.xdist_group("printing-jobs")

NOTHING: dict[str, Any] = {
    "total": 0,
    "completed": 0,
    "failed": 0,
    "canceled": 0,
    "successRate": None,
    "printSeconds": 0,
    "materialGrams": 0.0,
    "cost": 0.0,
    "printers": [],
    "materials": [],
}


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    with serving(AUTH + NATIVE + OWN + COSTS, request) as gateway:
        yield Site(gateway)


def stats(caller: Caller, query: str = "") -> Any:
    return ok(caller.get(f"/jobs/stats{query}"))


def some(site: Site, user: str, **columns: object) -> None:
    """Four jobs that ended around `WHEN`, 2026-01-10, and one long before."""
    ended(site, "Boat.gcode", user, 0, printer_name="first", material_type="PLA", actual_time=7200, material_used=50.5)
    ended(site, "boat.gcode", user, 2, printer_name="first", material_type="pla", actual_time=3600, material_used=0.25)
    ended(site, "vase.gcode", user, 2, status="failed", printer_name="second", material_type="PEEK", material_used=10)
    ended(site, "cube.gcode", user, 2, status="canceled", **columns)
    ended(site, "cube.gcode", user, 900, printer_name="first", actual_time=999, material_used=9)


def test_all_of_it(site: Site) -> None:
    some(site, "alma")
    day = {"completed": 0, "failed": 0, "canceled": 0, "printSeconds": 0, "materialGrams": 0.0}
    assert stats(site.with_("alma"), "?from=2026-01-08&to=2026-01-10") == {
        "total": 4,
        "completed": 2,
        "failed": 1,
        "canceled": 1,
        "successRate": 66.67,
        "printSeconds": 10_800,
        "materialGrams": 60.75,
        "cost": 2.82,  # 1.01 and 0.01 of PLA, 0.30 of something else, 3 h
        "currency": "USD",
        "days": [
            {
                "day": "2026-01-08",
                "completed": 1,
                "failed": 1,
                "canceled": 1,
                "printSeconds": 3600,
                "materialGrams": 10.25,
            },
            {"day": "2026-01-09", **day},
            {"day": "2026-01-10", **day, "completed": 1, "printSeconds": 7200, "materialGrams": 50.5},
        ],
        "printers": [
            {
                "printer": "first",
                "jobs": 2,
                "completed": 2,
                "failed": 0,
                "printSeconds": 10_800,
                "materialGrams": 50.75,
            },
            {"printer": None, "jobs": 1, "completed": 0, "failed": 0, "printSeconds": 0, "materialGrams": 0.0},
            {"printer": "second", "jobs": 1, "completed": 0, "failed": 1, "printSeconds": 0, "materialGrams": 10.0},
        ],
        "materials": [
            {"material": None, "jobs": 1, "grams": 0.0, "cost": 0.0},
            {"material": "PEEK", "jobs": 1, "grams": 10.0, "cost": 0.3},
            {"material": "PLA", "jobs": 1, "grams": 50.5, "cost": 1.01},
            {"material": "pla", "jobs": 1, "grams": 0.25, "cost": 0.01},
        ],
    }


def test_it_is_sifted_as_the_history_is(site: Site) -> None:
    boat = project(site, "cuid-stats", "berta")
    some(site, "berta", project_id=boat)
    berta = site.with_("berta")
    ranges = ("&from=2026-01-01&to=2026-01-31", "&from=2026-01-08T12:00:00Z&to=2026-01-10T12:00:00Z", "&to=2026-01-09")
    counts = []
    for when in ranges:
        for query in (
            "",
            "&status=failed",
            "&printer=first",
            "&material=PLA",
            "&search=BOAT",
            "&project_id=cuid-stats",
        ):
            since = "" if "from=" in when else "&from=2025-12-11"
            listed = berta.get(f"/jobs/history?limit=500{query}{when}{since}").json()
            told = stats(berta, f"?{query}{when}")
            assert told["total"] == len(listed), (query, when)
            assert told["printSeconds"] == sum(job["actual_time"] or 0 for job in listed)
            assert sum(each["jobs"] for each in told["printers"]) == len(listed)
            assert sum(each["jobs"] for each in told["materials"]) == len(listed)
            counts.append(len(listed))
    assert counts == [4, 1, 2, 1, 2, 1, 3, 1, 1, 0, 1, 1, 3, 1, 1, 0, 1, 1]


def test_one_sees_ones_own(site: Site) -> None:
    theirs = project(site, "cuid-not-mine", "dora", "Doras secret")
    some(site, "dora", project_id=theirs)
    carl, when = site.with_("carl"), "from=2026-01-01&to=2026-01-31"
    seen = stats(carl, f"?{when}")
    assert {name: seen[name] for name in NOTHING} == NOTHING
    problem(carl.get(f"/jobs/stats?{when}&project_id=cuid-not-mine"), 404, "PROJECT_NOT_FOUND")
    assert stats(site.with_("dora"), f"?{when}")["total"] == 4
    ada = site.with_("ada", "admin")
    assert stats(ada, f"?{when}&project_id=cuid-not-mine")["total"] == 1
    assert stats(ada, f"?{when}")["total"] >= 4


def test_the_last_thirty_days(site: Site) -> None:
    emil = site.with_("emil")
    before = datetime.now(UTC)
    since_then = (before - WHEN).days
    for days_ago in (0, 1, 28, 31, 100):
        ended(site, "a.gcode", "emil", days_ago - since_then)
    told = stats(emil)
    days = [date.fromisoformat(each["day"]) for each in told["days"]]
    assert before.date() <= days[-1] <= datetime.now(UTC).date()
    assert [days[-1] - day for day in days] == [timedelta(days=number) for number in reversed(range(30))]
    assert told["total"] == sum(each["completed"] for each in told["days"]) == 3
    assert len(stats(emil, "?to=2026-01-31")["days"]) == 30
    assert len(stats(emil, "?from=2026-01-01&to=2027-02-04")["days"]) == 400
    assert stats(emil, "?from=2026-01-31&to=2026-01-01")["days"] == []
    assert len(stats(emil, "?from=2026-01-01T23:00:00Z&to=2026-01-02T01:00:00Z")["days"]) == 2
    assert len(stats(emil, "?to=0001-01-03")["days"]) == 3


def test_days_are_those_of_the_callers_zone(site: Site) -> None:
    fina = site.with_("fina")
    ended(site, "a.gcode", "fina", 0)  # at noon in UTC
    for zone, day in {"UTC": 10, "Asia/Tokyo": 10, "Pacific/Kiritimati": 11}.items():
        told = stats(fina, f"?from=2026-01-08&to=2026-01-12&tz={zone}")
        assert [each["day"] for each in told["days"]] == [f"2026-01-{number:02}" for number in range(8, 13)]
        assert {each["day"] for each in told["days"] if each["completed"]} == {f"2026-01-{day:02}"}, zone
    for edge in ("to=0001-01-03", "to=9999-12-31T23:59:59Z"):
        for zone in ("Asia/Tokyo", "America/New_York"):
            assert fina.get(f"/jobs/stats?{edge}&tz={zone}").status_code in {200, 422}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("from=2026-01-01&to=2027-02-05", "from"),
        ("from=2001-01-01", "from"),
        ("from=yesterday", "from"),
        ("to=9999-12-31", "to"),
        ("status=queued", "status"),
        ("printer=%00", "printer"),
        ("tz=Europe", "tz"),
        ("tz=../tzdata", "tz"),
        ("tz=Mars/Olympus", "tz"),
        ("tz=Asia/Tokyo&from=0001-01-01", "from"),
    ],
)
def test_what_cannot_be_asked_is_named(site: Site, query: str, field: str) -> None:
    answer = site.with_("otto").get(f"/jobs/stats?{query}")
    assert answer.status_code in {400, 422}, answer.text
    assert answer.json()["field"] == field


def test_where_fluxprint_prints() -> None:
    with (
        running_fluxprint() as service,
        PrintingGateway(f'[plugins.printing.fluxprint]\nurl = "{service.url}"\n{COSTS}') as gateway,
    ):
        some(Site(gateway), "ada")
        told = gateway.get("/jobs/stats?from=2026-01-08&to=2026-01-10")
        assert (told["total"], told["cost"], len(told["days"])) == (4, 2.82, 3)
