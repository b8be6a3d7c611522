"""The hook that a printer driver of somebody else's implements.

Its distribution has an entry point in the group `fluxgate_printing.drivers`, named as the `driver` of its printers,
that leads to a module (or an object) with the hook. It is asked without side effects, before any printer is known.
"""

from __future__ import annotations

import pluggy

from fluxgate_printing.printers.kinds import DriverKind

NAMESPACE = "fluxgate_printing"

hookspec = pluggy.HookspecMarker(NAMESPACE)
hookimpl = pluggy.HookimplMarker(NAMESPACE)


@hookspec(firstresult=True)
def fluxgate_printing_driver() -> DriverKind | None:
    """What the driver is called, what is configured for its printers, and what speaks to one."""
