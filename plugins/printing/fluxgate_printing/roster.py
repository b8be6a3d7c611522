"""The printers that are running: kept to what the inventory says, at the start, after each change, and now and then,
because another gateway on the same database may have changed it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fluxgate.errors import NotFoundError, ProblemError
from fluxgate_printing.access import Access
from fluxgate_printing.camera import Camera
from fluxgate_printing.inventory import Inventory, ListedPrinter
from fluxgate_printing.live import Live
from fluxgate_printing.queue.dispatch import Station
from fluxgate_printing.stations import RunningPrinter, StationMaker

__all__ = ["Roster"]

log = logging.getLogger(__name__)

LOOK_EVERY = 5.0


class Roster:
    """One per process. `stations` is shared with whoever has to do with the running printers, and changes."""

    def __init__(
        self, inventory: Inventory, maker: StationMaker, access: Access, live: Live, stations: dict[str, Station]
    ) -> None:
        self._inventory = inventory
        self._maker = maker
        self._access = access
        self._live = live
        self.stations = stations
        self.cameras: dict[str, Camera] = {}
        self.default = ""
        """The printer that routes without a name speak of."""
        self._running: dict[str, RunningPrinter] = {}
        self._arranging = asyncio.Lock()
        self._warned: set[str] = set()

    def station(self, printer: str | None = None) -> Station:
        """A printer, by default the one that routes without a name speak of; NotFoundError PRINTER_NOT_FOUND."""
        station = self.stations.get(printer or self.default)
        if station is None:
            raise NotFoundError(f"There is no printer {printer!r}.", code="PRINTER_NOT_FOUND", field="printer")
        return station

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the printers, and follow the inventory, until the end of the block."""
        try:
            await self.arrange()
            following = asyncio.create_task(self._follow(), name="printers by inventory")
            try:
                yield
            finally:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)
        finally:
            for name in tuple(self._running):
                await self._running.pop(name).aclose()

    async def arrange(self) -> None:
        """Start and stop printers as the inventory says. UnavailableError when the database doesn't answer."""
        async with self._arranging:
            listed = await self._inventory.read()
            wanted = {name: printer for name, printer in listed.items() if printer.enabled}
            default = next(name for name, printer in listed.items() if printer.is_default)
            for name, running in tuple(self._running.items()):
                if name not in wanted:
                    await self._stop(name, running)
                    continue
                running.station.lane.out_of_service = False
                if _differ(running.listed, wanted[name]):
                    await self._restart(name, wanted[name])
            for name, printer in wanted.items():
                if name not in self._running:
                    await self._start(printer)
            self._tell(list(listed), default)

    async def _start(self, printer: ListedPrinter) -> None:
        running = self._maker.make(printer)
        try:
            await running.start()
        except BaseException:
            await running.aclose()  # the next look begins it again
            raise
        self._running[printer.name] = running
        self.cameras[printer.name] = running.camera
        self.stations[printer.name] = running.station
        self._live.printer_changed(printer.name)
        if printer.problem is not None:
            log.warning("printer %s: %s", printer.name, printer.problem)

    async def _restart(self, name: str, printer: ListedPrinter) -> None:
        log.info("printer %s has other settings now", name)
        await self._running[name].station.lane.withdraw()
        await self._running.pop(name).aclose()
        await self._start(printer)

    async def _stop(self, name: str, running: RunningPrinter) -> None:
        if await running.station.lane.withdraw() is not None:
            return  # until its print has ended
        del self._running[name], self.stations[name], self.cameras[name]
        await running.aclose()
        self._live.printer_changed(name)
        log.info("printer %s is out of service", name)

    def _tell(self, order: list[str], default: str) -> None:
        ordered = {name: self.stations[name] for name in order if name in self.stations}
        ordered |= self.stations  # one that is still to end its print
        self.stations.clear()
        self.stations.update(ordered)
        self.default = default
        self._access.arrange({name: station.profile.groups for name, station in ordered.items()}, default)
        for name in self._access.granted_nowhere:
            if name not in self._warned:
                self._warned.add(name)
                log.warning("plugins.printing.access grants something on %s; there is no such printer or group", name)

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY)
            try:
                await self.arrange()
            except ProblemError as error:
                log.warning("which printers there are can't be read: %s", error)
            except Exception:
                log.exception("following the inventory of printers failed")


def _differ(running: ListedPrinter, wanted: ListedPrinter) -> bool:
    if wanted.problem is not None:  # what stands for its kind is made anew whenever it is read
        return running.problem != wanted.problem
    return (running.kind, running.settings) != (wanted.kind, wanted.settings)
