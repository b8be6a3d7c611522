"""The secure default: who isn't asked for anything may only be on this machine."""

from __future__ import annotations

import logging
from typing import Literal

from fluxgate.auth.surroundings import is_loopback
from fluxgate.settings import Settings
from fluxgate.settings.sources import Issue

__all__ = ["Access", "access_of", "refuse_exposure", "warn_of_exposure"]

Access = Literal["asked", "open", "insecure"]
"""`asked`: callers are asked who they are; `open`: nobody is, on this machine only; `insecure`: nobody is, anywhere."""

logger = logging.getLogger("fluxgate.auth")


def access_of(settings: Settings) -> Access:
    """How the gateway treats its callers."""
    if settings.auth.has_provider:
        return "asked"
    return "open" if is_loopback(settings.gateway.host) else "insecure"


def refuse_exposure(settings: Settings) -> None:
    """Raise SettingsError if other machines could do everything, and nobody has said that they may."""
    if access_of(settings) == "insecure" and not settings.auth.insecure:
        raise settings.sources.error(
            [
                Issue(
                    path=("auth",),
                    message=f"listening on {settings.gateway.host} lets other machines in, and nothing asks them who "
                    "they are. Set auth.keys.enabled = true (FLUXGATE_AUTH__KEYS__ENABLED=true) and make a key with "
                    "`fluxgate keys create`, or set [auth.jwt]; or listen on 127.0.0.1; or, to let everybody do "
                    "everything, set auth.insecure = true",
                )
            ]
        )


def warn_of_exposure(settings: Settings) -> None:
    """Say loudly, at start, what `insecure` means."""
    if access_of(settings) == "insecure":
        logger.critical(
            "INSECURE: everybody who reaches %s port %d may do everything (auth.insecure)",
            settings.gateway.host,
            settings.gateway.port,
        )
    elif settings.auth.insecure:
        logger.warning("auth.insecure is set and changes nothing here; take it out")
