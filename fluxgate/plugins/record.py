"""What the host knows of one plugin: its declaration once loaded, and whether and why it is in quarantine."""

from __future__ import annotations

import logging
from typing import Literal

import msgspec

from fluxgate.plugin import PluginSpec
from fluxgate.redaction import redact

logger = logging.getLogger("fluxgate.plugins")

Stage = Literal[
    "discovery", "import", "settings", "declaration", "routes", "order", "migrations", "startup", "running", "check"
]

API_PREFIX = "/api/"
_MOST_REASON = 1000


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
        self._last_failure: Quarantine | None = None

    @property
    def prefix(self) -> str:
        """Under which the plugin's routes are: `/api/<name>`."""
        return API_PREFIX + self.name

    @property
    def owned_prefixes(self) -> tuple[str, ...]:
        """Every prefix that answers 503 while the plugin is in quarantine."""
        ui = self.spec.ui.paths if self.spec is not None and self.spec.ui is not None else ()
        return (self.prefix, *(path for path in ui if ui_path_fault(path, self.prefix) is None))

    def owns(self, path: str) -> bool:
        """Whether `path` is under one of them."""
        return any(path == prefix or path.startswith(prefix + "/") for prefix in self.owned_prefixes)

    @property
    def status(self) -> Literal["active", "starting", "quarantined"]:
        """`starting` until its lifespan was entered."""
        if self.quarantine is not None:
            return "quarantined"
        return "active" if self.started else "starting"

    def fail(self, stage: Stage, error: BaseException | str) -> None:
        """Put the plugin in quarantine and the traceback in the log; the same failure's again leaves only a line."""
        # Redacted: readiness shows it to anybody, and drivers put their URL into what they raise.
        reason = redact(error if isinstance(error, str) else _reason(error))
        failure = Quarantine(stage, reason)
        trace = error if isinstance(error, BaseException) and failure != self._last_failure else None
        logger.error("plugin %s is quarantined (%s): %s", self.name, stage, reason, exc_info=trace)
        self.quarantine = self._last_failure = failure

    def recover(self) -> None:
        """Lift the quarantine."""
        self._last_failure = None
        if self.quarantine is not None:
            logger.warning("plugin %s is out of quarantine (was %s)", self.name, self.quarantine.stage)
            self.quarantine = None


def ui_path_fault(path: str, prefix: str) -> str | None:
    """Why a plugin with this prefix can't have its UI at `path`, or None."""
    if not path.startswith("/") or path.endswith("/"):
        return "must begin with '/' and not end with it"
    if path == "/-" or path.startswith("/-/"):
        return "/-/ is the gateway's own"
    if (path + "/").startswith(API_PREFIX) and path != prefix and not path.startswith(prefix + "/"):
        return f"below {API_PREFIX} a plugin owns only {prefix}"
    return None


def _reason(error: BaseException) -> str:
    """One line: the type, and all the lines of its text."""
    lines = [line.strip() for line in str(error).splitlines()]
    text = "; ".join(line for line in lines if line)
    return (f"{type(error).__name__}: {text}" if text else type(error).__name__)[:_MOST_REASON]
