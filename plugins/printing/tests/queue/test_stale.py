"""A printer that is overdue to answer: nothing is begun on it, and nothing is concluded from it."""

from __future__ import annotations

import msgspec
import pytest
from fluxgate_printing.models import PrinterState
from fluxgate_printing.queue.judging import WAIT, Ended, Held, judge
from fluxgate_printing.queue.refusals import check_ready

from fluxgate.errors import UnavailableError

AT_ITS_END = PrinterState(status="idle", text="Operational", file="a", completion=100.0, observed_at=1.0)


def test_it_gets_no_job() -> None:
    check_ready("mk4", AT_ITS_END)
    with pytest.raises(UnavailableError, match="overdue"):
        check_ready("mk4", msgspec.structs.replace(AT_ITS_END, stale=True))


def test_its_job_is_not_judged_by_it() -> None:
    held = Held(job=None, phase="started", file="a", seen=True)  # type: ignore[arg-type]
    assert judge(held, msgspec.structs.replace(AT_ITS_END, stale=True)) == WAIT
    assert judge(held, AT_ITS_END) == Ended("completed")
