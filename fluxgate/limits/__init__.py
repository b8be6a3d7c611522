"""How much one caller, one plugin, one upstream may take of the gateway."""

from fluxgate.limits.limits import Limits

__all__ = ["Limits"]
