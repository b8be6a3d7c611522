"""Finds the drivers that other distributions bring: the entry points of group `fluxgate_printing.drivers`.

Each is loaded by itself. One that can't be used leaves its printers offline, which say why; all others work.
"""

from __future__ import annotations

import asyncio
import logging
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import msgspec
import pluggy

from fluxgate_printing import hookspecs
from fluxgate_printing.models import PrinterState
from fluxgate_printing.printers.base import PrinterDriver, PrinterOfflineError
from fluxgate_printing.printers.kinds import BUILT_IN, DriverKind
from fluxgate_printing.settings import AnyPrinterSettings

__all__ = ["GROUP", "UnusableDriver", "other_kinds"]

log = logging.getLogger(__name__)

GROUP = "fluxgate_printing.drivers"
# what somebody else's code may raise without taking the process with it
ERRORS = (Exception, SystemExit, asyncio.CancelledError)


def other_kinds() -> list[DriverKind]:
    """Every kind that is installed beside the plugin's own, in the order of their names."""
    own = {kind.type for kind in BUILT_IN}
    kinds: dict[str, DriverKind] = {}
    for entry_point in sorted(entry_points(group=GROUP)):
        if entry_point.name in own or entry_point.name in kinds:
            log.warning(
                "the driver %s of %s is left out: there is one of that name", entry_point.name, entry_point.value
            )
            continue
        kinds[entry_point.name] = _load(entry_point)
    return list(kinds.values())


def _load(entry_point: EntryPoint) -> DriverKind:
    try:
        manager = pluggy.PluginManager(hookspecs.NAMESPACE)
        manager.add_hookspecs(hookspecs)
        manager.register(entry_point.load(), entry_point.name)
        manager.check_pending()
        return _checked(entry_point.name, manager.hook.fluxgate_printing_driver())
    except ERRORS as error:
        log.exception("the driver %s can't be used; printers that need it are offline", entry_point.name)
        return unusable(entry_point.name, f"Its driver can't be used ({type(error).__name__}: {error}).")


def _checked(name: str, kind: object) -> DriverKind:
    if not isinstance(kind, DriverKind):
        raise TypeError(f"fluxgate_printing_driver must return a DriverKind, not {type(kind).__name__}")
    settings: object = kind.settings
    if not (isinstance(settings, type) and issubclass(settings, AnyPrinterSettings)):
        raise TypeError("settings must be a struct that extends AnyPrinterSettings")
    if kind.type != name:
        raise ValueError(f"the entry point is called {name!r} and the tag of {kind.settings.__name__} is {kind.type!r}")
    if unknown := set(kind.secrets) - set(kind.settings.__struct_fields__):
        raise ValueError(f"secrets names what {kind.settings.__name__} hasn't: {', '.join(sorted(unknown))}")
    return kind


def unusable(driver: str, reason: str) -> DriverKind:
    """A kind that stands for one that isn't there: it takes any settings, and its printers are offline."""
    settings: Any = msgspec.defstruct(
        "UnusableSettings",
        [],
        bases=(AnyKeySettings,),
        frozen=True,
        kw_only=True,
        forbid_unknown_fields=False,
        tag=driver,
        tag_field="driver",
    )
    return DriverKind(title=driver, settings=settings, make=lambda settings, folder: UnusableDriver(reason))


class AnyKeySettings(AnyPrinterSettings, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """Settings of a printer whose kind isn't there: nobody knows which keys it has."""

    accepts_any_key: ClassVar[bool] = True


class UnusableDriver(PrinterDriver):
    """A printer that is offline for a `reason`."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    async def read_state(self) -> PrinterState:
        """Always offline."""
        self._refuse()

    async def upload(self, name: str, path: Path) -> str:
        """Offline."""
        self._refuse()

    async def start(self, name: str) -> None:
        """Offline."""
        self._refuse()

    async def pause(self) -> None:
        """Offline."""
        self._refuse()

    async def resume(self) -> None:
        """Offline."""
        self._refuse()

    async def cancel(self) -> None:
        """Offline."""
        self._refuse()

    async def connect(self) -> None:
        """Offline."""
        self._refuse()

    async def delete_file(self, name: str) -> None:
        """Offline."""
        self._refuse()

    async def camera_url(self) -> str | None:
        """It announces none."""
        return None

    async def aclose(self) -> None:
        """There is nothing to close."""

    def _refuse(self) -> NoReturn:
        raise PrinterOfflineError(self._reason)
