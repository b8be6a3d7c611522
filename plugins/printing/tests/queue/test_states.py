"""The state machine: every pair of statuses, and any walk through them."""

from __future__ import annotations

from typing import get_args

import pytest
from fluxgate_printing.queue.states import (
    ACTIVE,
    FINAL,
    TRANSITIONS,
    InvalidTransitionError,
    JobStatus,
    check_transition,
    is_allowed,
)
from hypothesis import given
from hypothesis import strategies as st

from fluxgate.errors import ConflictError

STATUSES = get_args(JobStatus)
ALLOWED = {
    ("queued", "printing"),
    ("queued", "failed"),
    ("queued", "canceled"),
    ("printing", "printing"),
    ("printing", "completed"),
    ("printing", "failed"),
    ("printing", "canceled"),
}


@pytest.mark.parametrize("old", STATUSES)
@pytest.mark.parametrize("new", STATUSES)
def test_every_pair(old: str, new: str) -> None:
    assert is_allowed(old, new) == ((old, new) in ALLOWED)
    assert is_allowed(old, new, release=True) == ((old, new) in {*ALLOWED, ("printing", "queued")})


def test_a_refusal_is_a_conflict_with_its_code() -> None:
    with pytest.raises(InvalidTransitionError) as caught:
        check_transition("failed", "printing")
    assert isinstance(caught.value, ConflictError)
    assert caught.value.problem_status == 409
    assert caught.value.problem_code == "JOB_TRANSITION_REFUSED"
    assert (caught.value.old, caught.value.new) == ("failed", "printing")


def test_the_statuses_are_active_or_final() -> None:
    assert set(STATUSES) == ACTIVE | FINAL == set(TRANSITIONS)
    assert not ACTIVE & FINAL


@given(st.text(), st.text(), st.booleans())
def test_unknown_statuses_are_refused(old: str, new: str, release: bool) -> None:
    if old not in STATUSES or new not in STATUSES:
        assert not is_allowed(old, new, release=release)


@given(st.lists(st.tuples(st.sampled_from(STATUSES), st.booleans()), max_size=30))
def test_any_walk_ends_once_and_for_good(wishes: list[tuple[str, bool]]) -> None:
    status, ended, starts = "queued", False, 0
    for wish, release in wishes:
        if not is_allowed(status, wish, release=release):
            continue
        assert not ended
        starts += (status, wish) == ("queued", "printing")
        if wish == "completed":
            assert starts
        status = wish
        ended = status in FINAL
