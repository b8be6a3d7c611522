"""What counts as a URL in settings."""

from __future__ import annotations

from urllib.parse import urlsplit

__all__ = ["check_http_url"]


def check_http_url(url: str, field: str) -> None:
    """Raise `ValueError("field: …")` unless `url` is an absolute http(s) URL with a host."""
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        valid = False
    if not valid:
        raise ValueError(f"{field}: must be an absolute URL such as `http://host:port`")
