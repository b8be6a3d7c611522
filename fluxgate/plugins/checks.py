"""Asks the plugins' health checks, each at most once an interval, for `/-/health` and for quarantine alike."""

from __future__ import annotations

import asyncio
import time

import msgspec

from fluxgate.plugin import CheckResult, HealthCheck

__all__ = ["Asked", "HealthChecks"]


class Asked(msgspec.Struct, frozen=True):
    """A check's last result, and when it came (`time.monotonic()`)."""

    result: CheckResult
    at: float


class HealthChecks:
    """The last result of every plugin's every check."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, str], Asked] = {}
        self._locks: dict[tuple[str, str], asyncio.Lock] = {}

    async def ask(self, plugin: str, check: HealthCheck) -> Asked:
        """The result, at most `check.interval` old. Never raises: a check that raises, answers nonsense or not in time
        is down."""
        key = (plugin, check.name)
        async with self._locks.setdefault(key, asyncio.Lock()):
            last = self._last.get(key)
            if last is None or time.monotonic() - last.at >= check.interval:
                last = self._last[key] = Asked(await _ask(check), time.monotonic())
        return last

    def forget(self, plugin: str) -> None:
        """Ask this plugin's checks anew: it was started again."""
        for key in [key for key in self._last if key[0] == plugin]:
            del self._last[key]


async def _ask(check: HealthCheck) -> CheckResult:
    # A task of its own, not awaited beyond its time: a check that ignores its cancellation must not hold anybody up.
    task = asyncio.create_task(_result(check), name=f"check {check.name}")
    try:
        await asyncio.wait({task}, timeout=check.timeout)
    finally:
        task.cancel()
    if not task.done():
        return CheckResult(status="down", detail=f"no answer in {check.timeout:g} s")
    if task.cancelled():
        return CheckResult(status="down", detail="the check was cancelled")
    return task.result()


async def _result(check: HealthCheck) -> CheckResult:
    try:
        result: object = await check.check()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin's code
        return CheckResult(status="down", detail=f"the check failed with {type(error).__name__}")
    if not isinstance(result, CheckResult):
        return CheckResult(status="down", detail=f"the check returned {type(result).__name__}, not a CheckResult")
    return result
