"""Live events: what is so now, told to whoever listens, each thing by its latest state.

An event has a key, and replaces what was told under that key before. So a listener who falls behind misses states in
between and never the latest, one who comes back is told what changed meanwhile, and nothing has to be kept but the
latest of each key.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import msgspec

__all__ = ["Event", "EventHub", "Listener", "Sees"]

REMEMBERED = 300.0
"""Seconds for which it is remembered that something is gone, for those who come back."""


class Event(msgspec.Struct, frozen=True, gc=False):
    """One thing's state. `data`: JSON, made once for all who get it; `scope`: what decides who may; `parting`: JSON for
    those who could see it before and can't now; `gone`: it is the last of its key."""

    number: int
    key: str
    name: str
    data: bytes
    scope: object
    parting: bytes
    gone: bool = False


Sees = Callable[[Event], bool]
"""Whether a listener is told an event."""


class EventHub:
    """One per kind of listener. Everything happens in the event loop; publishing wakes, and never waits."""

    def __init__(self) -> None:
        # Numbers of an earlier process mean nothing here.
        self.epoch = f"{time.time_ns():x}"
        self._number = 0
        self._latest: dict[str, Event] = {}
        self._gone: dict[str, float] = {}
        self._rescoped: dict[str, int] = {}
        """By key: the last event with another scope than the one before it."""
        self._forgotten = 0
        """The last event of a key that isn't remembered any more."""
        self._listeners: set[Listener] = set()
        self.dropped = 0
        """States that listeners missed, summed over listeners."""

    @property
    def listeners(self) -> int:
        """How many listen."""
        return len(self._listeners)

    def publish(
        self, key: str, name: str, data: bytes, *, scope: object = None, parting: bytes = b"null", gone: bool = False
    ) -> None:
        """This is so now; `gone`: and is the last that there is to tell of it. What is as it was is told to nobody."""
        before = self._latest.get(key)
        if before is not None and (before.data, before.name, before.scope, before.gone) == (data, name, scope, gone):
            return
        self._number += 1
        event = self._latest[key] = Event(self._number, key, name, data, scope, parting, gone)
        if before is not None and before.scope != scope:
            self._rescoped[key] = event.number
        if gone:
            self._forget_gone()
            self._gone[key] = time.monotonic()
        else:
            self._gone.pop(key, None)
        lost = None if before is None or before.gone else self._farewell(event, before)
        for listener in self._listeners:
            listener.tell(event, before, lost)

    def listen(self, sees: Sees, last: str | None = None) -> Listener:
        """Everything that is so now and that `sees` lets pass, then what changes. `last`: the last id that the listener
        has; it is told only what came after, if that can be said. To be used with `with`."""
        after = self._after(last)
        if any(number > after and not sees(self._latest[key]) for key, number in self._rescoped.items()):
            after = 0  # it may know what it may no longer see, and would keep it
        told = [
            event
            for event in self._latest.values()
            if event.number > after and not (after == 0 and event.gone) and sees(event)
        ]
        listener = Listener(self, sees, sorted(told, key=lambda event: event.number), resumed=after > 0)
        self._listeners.add(listener)
        return listener

    def leave(self, listener: Listener) -> None:
        """For a listener that ends."""
        self._listeners.discard(listener)

    def close(self) -> None:
        """End every listener."""
        for listener in tuple(self._listeners):
            listener.close()

    def id_of(self, event: Event) -> str:
        """What `Last-Event-ID` names it by."""
        return f"{self.epoch}-{event.number}"

    @property
    def id_now(self) -> str:
        """The id of the last event."""
        return f"{self.epoch}-{self._number}"

    @staticmethod
    def _farewell(event: Event, before: Event) -> Event:
        """What is told to those who could see it before."""
        return msgspec.structs.replace(event, name=f"{before.name}-gone", data=before.parting, gone=True)

    def _after(self, last: str | None) -> int:
        epoch, _, number = (last or "").partition("-")
        if epoch != self.epoch or not number.isascii() or not number.isdigit() or len(number) > 18:
            return 0
        return int(number) if self._forgotten <= int(number) <= self._number else 0

    def _forget_gone(self) -> None:
        horizon = time.monotonic() - REMEMBERED
        for key in [key for key, since in self._gone.items() if since < horizon]:
            del self._gone[key]
            self._rescoped.pop(key, None)
            self._forgotten = max(self._forgotten, self._latest.pop(key).number)


class Listener:
    """One who listens: an async iterator of lists of events, what is so now in the first. `resumed`: that one has only
    what changed since the listener left; `told_before`: it isn't the first."""

    def __init__(self, hub: EventHub, sees: Sees, told: list[Event], *, resumed: bool) -> None:
        self.resumed = resumed
        self.told_before = False
        self._taken = 0
        self._hub = hub
        self._sees = sees
        self._pending = {event.key: event for event in told}
        self._wake = asyncio.Event()
        self._wake.set()
        self._closed = False

    def tell(self, event: Event, before: Event | None, lost: Event | None) -> None:
        """For the hub. `lost` is told in place of an event that isn't seen, if the one `before` was."""
        if not self._sees(event):
            if lost is None or before is None or not self._sees(before):
                return
            event = lost
        if self._pending.pop(event.key, None) is not None:
            self._hub.dropped += 1
        self._pending[event.key] = event
        self._wake.set()

    def close(self) -> None:
        """End the iteration."""
        self._closed = True
        self._wake.set()
        self._hub.leave(self)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> list[Event]:
        await self._wake.wait()
        if self._closed:
            raise StopAsyncIteration
        self._wake.clear()
        events = list(self._pending.values())
        self._pending.clear()
        self.told_before = self._taken > 0
        self._taken += 1
        return events

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
