"""Fixtures of all tests below this folder."""

from __future__ import annotations

from tests.support.moonraker import moonraker, moonraker_server
from tests.support.octoprint import octoprint, octoprint_server
from tests.support.prusalink import prusalink, prusalink_server

__all__ = [
    "moonraker",
    "moonraker_server",
    "octoprint",
    "octoprint_server",
    "prusalink",
    "prusalink_server",
]
