"""What the host knows of one plugin: its declaration once loaded, and whether and why it is in quarantine."""

from __future__ import annotations

import logging
import traceback
from typing import Literal

import msgspec

from fluxgate.plugin import PluginSpec

logger = logging.getLogger("fluxgate.plugins")

Stage = Literal["discovery", "import", "settings", "declaration", "routes", "order", "migrations", "startup", "check"]

API_PREFIX = "/api/"


class Quarantine(msgspec.Struct, frozen=True):
    """Where a plugin failed, and why, in one line for people; the traceback is in the log."""

    stage: Stage
    reason: str


class PluginRecord:
    """One enabled plugin. The host is its only writer."""

    def __init__(self, name: str, distribution: str | None = None, version: str | None = None) -> None:
        self.name = name
        self.distribution = distribution
        self.version = version
        self.spec: PluginSpec | None = None
        self.quarantine: Quarantine | None = None
        self.started = False

    @property
    def prefix(self) -> str:
        """Under which the plugin's routes are: `/api/<name>`."""
        return API_PREFIX + self.name

    @property
    def owned_prefixes(self) -> tuple[str, ...]:
        """Every prefix that answers 503 while the plugin is in quarantine."""
        ui = self.spec.ui.paths if self.spec is not None and self.spec.ui is not None else ()
        return (self.prefix, *ui)

    @property
    def status(self) -> Literal["active", "starting", "quarantined"]:
        """`starting` until its lifespan was entered."""
        if self.quarantine is not None:
            return "quarantined"
        return "active" if self.started else "starting"

    def fail(self, stage: Stage, error: BaseException | str) -> None:
        """Put the plugin in quarantine and the traceback in the log."""
        if isinstance(error, str):
            reason = error
            logger.error("plugin %s is quarantined (%s): %s", self.name, stage, reason)
        else:
            reason = f"{type(error).__name__}: {error}".strip().splitlines()[0] if str(error) else type(error).__name__
            text = "".join(traceback.format_exception(error)).rstrip()
            logger.error("plugin %s is quarantined (%s): %s\n%s", self.name, stage, reason, text)
        self.quarantine = Quarantine(stage, reason)

    def recover(self) -> None:
        """Lift the quarantine."""
        if self.quarantine is not None:
            logger.warning("plugin %s is out of quarantine (was %s)", self.name, self.quarantine.stage)
            self.quarantine = None
