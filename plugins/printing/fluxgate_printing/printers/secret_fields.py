"""Which of a printer's settings nobody is shown, and how they are kept apart from the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from fluxgate_printing.printers.kinds import DriverKind

__all__ = ["kept_secrets", "parted"]


def parted(kind: DriverKind, raw: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """`raw` settings without what is secret, and what is: the kind's secrets, and URLs that have a password in them."""
    secret = {key: value for key, value in raw.items() if isinstance(value, str) and _is_secret(kind, key, value)}
    return {key: value for key, value in raw.items() if key not in secret and key not in kind.secrets}, secret


def kept_secrets(
    raw: Mapping[str, Any], before: Mapping[str, Any], secrets: Mapping[str, str]
) -> tuple[dict[str, str], list[str]]:
    """Of the `secrets` of a printer that had the settings `before`: those that stay with new settings, because these
    don't mention them; and those that would, and mustn't be sent to another server than before."""
    staying = {key: value for key, value in secrets.items() if key not in raw}
    if raw.get("driver") != before.get("driver"):
        return {}, []
    if _origin(raw) != _origin({**before, **secrets}):
        return {}, sorted(staying)
    return staying, []


def _is_secret(kind: DriverKind, key: str, value: str) -> bool:
    return key in kind.secrets or ("://" in value and "@" in _authority(value))


def _authority(url: str) -> str:
    try:
        return urlsplit(url).netloc
    except ValueError:
        return ""


def _origin(raw: Mapping[str, Any]) -> tuple[str, str]:
    url = raw.get("url")
    if not isinstance(url, str):
        return "", ""
    return url.partition("://")[0], _authority(url).rpartition("@")[2].lower()
