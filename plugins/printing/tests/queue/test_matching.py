"""Which printer could print which job, and why the others can't."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from fluxgate_printing.models import BuildVolume
from fluxgate_printing.queue.matching import Loaded, PrinterProfile, least_used, unfit
from fluxgate_printing.queue.records import JobRecord
from fluxgate_printing.queue.requirements import Requirements
from hypothesis import given
from hypothesis import strategies as st

PRUSA = PrinterProfile(
    name="mk4",
    model="Prusa MK4",
    groups=frozenset({"front"}),
    nozzle=0.4,
    materials=frozenset({"PLA", "PETG"}),
    build_volume=BuildVolume(250, 210, 220),
)
NOBODY_SAID = PrinterProfile(name="old")


def job(**values: Any) -> JobRecord:
    now = datetime.now(UTC)
    blank: dict[str, Any] = dict.fromkeys(JobRecord.__struct_fields__)
    return msgspec.convert(
        {
            **blank,
            "id": uuid4(),
            "file_name": "a.gcode",
            "status": "queued",
            "outcome_unknown": False,
            "progress": 0.0,
            "position": 1,
            "priority": 0,
            "copies": 1,
            "queued_at": now,
            "print_settings": {},
            "metadata": {},
            "copy_number": 1,
            "on_hold": False,
            "created_at": now,
            "updated_at": now,
            **values,
        },
        JobRecord,
    )


@pytest.mark.parametrize(
    ("needs", "loaded", "code"),
    [
        (Requirements(), Loaded(), None),
        (Requirements(model="prusa mk4 "), Loaded(), None),
        (Requirements(model="Ender 3"), Loaded(), "model"),
        (Requirements(group="front"), Loaded(), None),
        (Requirements(group="back"), Loaded(), "group"),
        (Requirements(nozzle=0.4), Loaded(), None),
        (Requirements(nozzle=0.6), Loaded(), "nozzle"),
        (Requirements(material="petg"), Loaded(), None),
        (Requirements(material="ABS"), Loaded(), "material"),
        (Requirements(material="PLA"), Loaded("PETG"), "material"),
        (Requirements(material="ABS"), Loaded("ABS"), None),  # who loaded it knows better than the configuration
        (Requirements(grams=50), Loaded(), None),
        (Requirements(grams=50), Loaded("PLA", 50.0), None),
        (Requirements(grams=50), Loaded("PLA", 49.0), "filament"),
        (Requirements(build_volume=BuildVolume(250, 210, 220)), Loaded(), None),
        (Requirements(build_volume=BuildVolume(250, 210, 221)), Loaded(), "build_volume"),
    ],
)
def test_what_a_job_needs(needs: Requirements, loaded: Loaded, code: str | None) -> None:
    reason = unfit(job(requirements=needs), PRUSA, loaded)
    assert (reason and reason.code) == code


def test_what_nobody_said_is_no_obstacle_but_for_model_and_group() -> None:
    easy = Requirements(nozzle=0.6, material="ABS", grams=500, build_volume=BuildVolume(999, 999, 999))
    assert unfit(job(requirements=easy), NOBODY_SAID, Loaded()) is None
    for needs in (Requirements(model="x"), Requirements(group="x")):
        assert unfit(job(requirements=needs), NOBODY_SAID, Loaded()) is not None


def test_target_and_permission_come_first() -> None:
    hard = Requirements(model="none such")
    other = unfit(job(target_printer="xl", requirements=hard), PRUSA, Loaded())
    assert other is not None
    assert other.code == "other_printer"
    mine = unfit(job(target_printer="mk4", allowed_printers={"xl"}), PRUSA, Loaded())
    assert mine is not None
    assert mine.code == "not_allowed"
    assert unfit(job(target_printer="mk4", allowed_printers={"mk4"}), PRUSA, Loaded()) is None


@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 5)), st.sets(st.sampled_from("abcdef")))
def test_the_least_used_first(used: dict[str, int], names: set[str]) -> None:
    order = least_used(names, used)
    assert sorted(order) == sorted(names)
    assert [used.get(name, 0) for name in order] == sorted(used.get(name, 0) for name in names)
