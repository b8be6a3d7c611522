"""What putting a gateway together costs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType

import msgspec
from litestar import get
from litestar.handlers import HTTPRouteHandler

from fluxgate.assembly import assemble
from fluxgate.plugin import PUBLIC, PluginSpec
from fluxgate.plugins.record import PluginRecord
from fluxgate.settings import Settings


class Thing(msgspec.Struct):
    """What every handler answers."""

    name: str


def _handler(number: int) -> HTTPRouteHandler:
    @get(f"/things/{number}", opt={"policy": PUBLIC}, name=f"thing-{number}")
    async def thing() -> Thing:
        return Thing("x")

    return thing


def _calls(work: Callable[[], object]) -> int:
    """How many Python functions are called while `work` runs: a cost that no busy machine changes."""
    count = 0

    def profile(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


def _cost(handlers: int) -> int:
    spec = PluginSpec(title="Things", version="1", handlers=tuple(_handler(number) for number in range(handlers)))
    record = PluginRecord("t")
    record.spec = spec
    calls = _calls(lambda: assemble([record], Settings()))
    assert record.quarantine is None
    return calls


def test_the_cost_of_a_handler_doesnt_grow_with_the_others() -> None:
    _cost(1)  # what is imported and compiled once
    few, some, many = _cost(1), _cost(21), _cost(41)
    assert many - some < 1.2 * (some - few)
