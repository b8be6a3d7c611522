"""Waiting for a condition instead of sleeping for a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from inspect import isawaitable


async def eventually(
    predicate: Callable[[], object | Awaitable[object]], timeout: float = 10, interval: float = 0.02
) -> None:
    """Return once `predicate()` is true (it may be async); `AssertionError` after `timeout` seconds."""
    deadline = asyncio.get_running_loop().time() + timeout
    while True:
        value = predicate()
        if isawaitable(value):
            value = await value
        if value:
            return
        if asyncio.get_running_loop().time() > deadline:
            raise AssertionError(f"not true within {timeout} s: {predicate}")
        await asyncio.sleep(interval)
