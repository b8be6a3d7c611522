"""One task a printer: it listens to the printer, or keeps asking for its state, so that nobody else has to."""

from __future__ import annotations

import asyncio
import logging
import math
import random
import time
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Self

import msgspec

from fluxgate_printing.models import PrinterState
from fluxgate_printing.printers.base import PrinterDriver, PrinterError

MAX_BACKOFF = 30.0
READ_TIMEOUT = 60.0
SILENCE = 15.0
"""Seconds after which a printer that tells its state by itself, and hasn't, is asked."""
OVERDUE = 5.0
"""Seconds after its answer was due at which a printer's state is called stale."""

log = logging.getLogger(__name__)

NOT_ASKED = PrinterState(status="offline", text="Offline", error="The printer hasn't been asked yet.")


class Subscription:
    """Changes of a printer's state, the current one first. A slow reader misses states in between, never the latest.

    An async iterator, and a context manager that ends it. It also ends when the supervisor is closed.
    """

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._latest: PrinterState | None = supervisor.state
        self._changed = asyncio.Event()
        self._closed = False
        self._changed.set()

    def publish(self, state: PrinterState) -> None:
        """For the supervisor: replace what wasn't read yet."""
        self._latest = state
        self._changed.set()

    def close(self) -> None:
        """End the iteration."""
        self._closed = True
        self._changed.set()
        self._supervisor.unsubscribe(self)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> PrinterState:
        await self._changed.wait()
        if self._closed or self._latest is None:
            raise StopAsyncIteration
        self._changed.clear()
        state, self._latest = self._latest, None
        return state

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Supervisor:
    """Owns the current state of the printer called `name`; everybody else gets it from here.

    `state` is what was last seen: its `observed_at` is when the printer or its server last answered, 0 while it never
    has. When it doesn't answer, the status becomes `offline` with the reason in `error`, the job is kept as it was last
    seen, and `observed_at` stands still. One that is only slow to answer is `stale` before that.

    A printer that tells its state by itself (`push`) is listened to, over one connection. Any other, and one that can't
    be listened to at the moment, is asked every `poll_interval` seconds; if it doesn't answer, less and less often,
    down to every 30 s.
    `on_change` is called in the event loop with each state that differs in more than its time.
    """

    def __init__(
        self,
        name: str,
        driver: PrinterDriver,
        poll_interval: float = 1.0,
        on_change: Callable[[PrinterState], None] | None = None,
    ) -> None:
        self.name = name
        self.driver = driver
        self._poll_interval = poll_interval
        self._on_change = on_change
        self._state = NOT_ASKED
        self._born = f"{time.time_ns():x}"
        self._changes = 0
        self._failures = 0
        self._logged: set[str] = set()  # reasons, since it last answered
        self._begun = 0
        self._finished = 0
        self._reading = asyncio.Lock()
        self._was_read = asyncio.Event()
        self._subscriptions: set[Subscription] = set()
        self._task: asyncio.Task[None] | None = None
        self._patience = OVERDUE + (SILENCE if "push" in driver.capabilities else poll_interval)
        self._heard = 0.0
        self._watchdog: asyncio.TimerHandle | None = None

    @property
    def state(self) -> PrinterState:
        """The current state, at once."""
        return self._state

    @property
    def version(self) -> str:
        """Names the current state, but for when it was seen: another one has another name, in every process."""
        return f"{self._born}-{self._changes}"

    def start(self) -> None:
        """Begin to ask; a no-op when begun."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=f"printer supervisor: {self.name}")

    async def aclose(self) -> None:
        """Stop asking, end the subscriptions, close the driver."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        if self._watchdog is not None:
            self._watchdog.cancel()
        for subscription in tuple(self._subscriptions):
            subscription.close()
        await self.driver.aclose()

    async def refresh(self) -> PrinterState:
        """Ask the printer now, and return what came of it; never raises. Call it after a command, so that all see its
        effect.

        The read began after the call. Callers that wait for the same printer share one.
        """
        wanted = self._begun + 1
        async with self._reading:
            if self._finished < wanted:
                await self._read()
        return self._state

    def subscribe(self) -> Subscription:
        """The states from now on; use it with `with`."""
        subscription = Subscription(self)
        self._subscriptions.add(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """For a subscription that ends."""
        self._subscriptions.discard(subscription)

    async def wait_for(self, predicate: Callable[[PrinterState], bool], timeout: float) -> PrinterState:
        """The first state, from the current one on, that satisfies `predicate`; TimeoutError after `timeout`."""
        async with asyncio.timeout(timeout):
            with self.subscribe() as states:
                async for state in states:
                    if predicate(state):
                        return state
        raise TimeoutError("the supervisor was closed")

    async def _run(self) -> None:
        if "push" in self.driver.capabilities:
            await self._listen()
        await self._poll(math.inf)

    async def _listen(self) -> None:
        """Listen for ever; while that can't be done, ask."""
        failures = 0
        while True:
            try:
                async for state in _unhurried(self.driver.watch(), SILENCE):
                    if state is None:
                        await self.refresh()
                        continue
                    failures = 0
                    self._answered(state)
                reason = "it stopped telling its state"
            except PrinterError as exc:
                reason = str(exc)
            except Exception as exc:  # a driver's mistake must not end the printer's supervision
                log.exception("printer %s: listening to it failed", self.name)
                reason = type(exc).__name__
            if not failures:
                log.info("printer %s isn't listened to at the moment: %s", self.name, reason)
            failures += 1
            longest = min(2.0 ** min(failures - 1, 16), MAX_BACKOFF)
            await self._poll(longest * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret

    async def _poll(self, seconds: float) -> None:
        """Ask, now and then for so long."""
        end = time.monotonic() + seconds
        await self.refresh()
        while (left := end - time.monotonic()) > 0:
            self._was_read.clear()
            try:
                async with asyncio.timeout(min(self._delay(), left)):
                    await self._was_read.wait()  # by somebody else: the wait begins anew
            except TimeoutError:
                if time.monotonic() < end:
                    await self.refresh()

    def _delay(self) -> float:
        if not self._failures:
            return self._poll_interval
        longest = min(self._poll_interval * 2.0 ** min(self._failures, 16), max(MAX_BACKOFF, self._poll_interval))
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret

    async def _read(self) -> None:
        self._begun += 1
        number = self._begun
        try:
            async with asyncio.timeout(READ_TIMEOUT):
                state = await self.driver.read_state()
        except PrinterError as exc:
            self._failed(str(exc))
        except TimeoutError:
            self._failed("The printer doesn't answer.")
        except Exception as exc:  # noqa: BLE001 - a driver's mistake must not end the printer's supervision
            self._failed(f"The printer's driver failed ({type(exc).__name__}).", exc)
        else:
            self._answered(state)
        self._finished = number
        self._was_read.set()

    def _answered(self, state: PrinterState) -> None:
        if self._logged:
            log.info("printer %s answers again", self.name)
        self._failures = 0
        self._logged.clear()
        self._heard = time.monotonic()
        if self._watchdog is None:
            self._watch(self._patience)
        # What was asked and what was told may pass each other on the way.
        if state.observed_at >= self._state.observed_at:
            self._publish(state)

    def _watch(self, seconds: float) -> None:
        self._watchdog = asyncio.get_running_loop().call_later(seconds, self._look_for_silence)

    def _look_for_silence(self) -> None:
        left = self._heard + self._patience - time.monotonic()
        if left > 0:
            self._watch(left)
            return
        self._watchdog = None  # the next answer begins it anew
        if self._state.status != "offline":
            self._publish(msgspec.structs.replace(self._state, stale=True))

    def _failed(self, reason: str, exc: Exception | None = None) -> None:
        self._failures += 1
        if reason not in self._logged:
            log.warning("printer %s: %s", self.name, reason, exc_info=exc)
            self._logged.add(reason)
        self._publish(
            msgspec.structs.replace(
                self._state, status="offline", text="Offline", temperature={}, error=reason, stale=False
            )
        )

    def _publish(self, state: PrinterState) -> None:
        before, self._state = self._state, state
        if msgspec.structs.replace(before, observed_at=state.observed_at) == state:
            return
        self._changes += 1
        for subscription in tuple(self._subscriptions):
            subscription.publish(state)
        if self._on_change is not None:
            try:
                self._on_change(state)
            except Exception:  # a listener's mistake isn't the printer's
                log.exception("printer %s: a listener to its state failed", self.name)


def age(state: PrinterState, now: float | None = None) -> float:
    """Seconds since the printer was seen as `state` says; infinite if it never was."""
    if not state.observed_at:
        return float("inf")
    return max((time.time() if now is None else now) - state.observed_at, 0.0)


async def _unhurried(states: AsyncIterator[PrinterState], silence: float) -> AsyncIterator[PrinterState | None]:
    """The states, and None whenever none came for so many seconds. Ends the iterator with itself."""
    coming: asyncio.Task[PrinterState] | None = None
    try:
        while True:
            if coming is None:
                coming = asyncio.ensure_future(anext(states))
            await asyncio.wait({coming}, timeout=silence)
            if not coming.done():
                yield None
                continue
            done, coming = coming, None
            try:
                state = done.result()
            except StopAsyncIteration:
                return
            yield state
    finally:
        if coming is not None:
            coming.cancel()
            await asyncio.wait({coming})
        if (close := getattr(states, "aclose", None)) is not None:
            await close()
