"""Keeps secrets out of log records: what looks like one is replaced, whoever wrote it, a library's traceback too."""

from __future__ import annotations

import re

__all__ = ["HIDDEN", "redact"]

HIDDEN = "[hidden]"

_SECRETS = re.compile(
    r"""
    (?P<scheme>\b(?:bearer|basic|digest|token)\s+)[A-Za-z0-9._~+/=-]{8,}   # of an Authorization field
    | (?P<key>\bfg_[a-z0-9]+_)[A-Za-z0-9_-]{8,}                            # an API key of ours
    | \beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*               # a JWT
    | (?P<user>\b[a-z][a-z0-9+.-]*://[^\s/:@'"]*:)[^\s/@'"]+(?=@)          # the password of a URL
    | (?P<name>(?:pass(?:word|wd)?|secret|api[_-]?key|access[_-]?token|csrf[_-]?token|authorization|cookie
        |fluxgate_session|fg_link|x-api-key)["']?\s*[=:]\s*(?:b["']|["'])?(?:(?:bearer|basic|digest|token)\s+)?)[^\s"',;&}]{3,}
    | -----BEGIN[ ][A-Z ]*PRIVATE[ ]KEY-----.*?(?:-----END[ ][A-Z ]*PRIVATE[ ]KEY-----|\Z)
    """,
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)


def redact(text: str) -> str:
    """`text` with `[hidden]` in place of every secret in it."""
    return _SECRETS.sub(_hide, text)


def _hide(found: re.Match[str]) -> str:
    kept = next((part for part in found.groups() if part is not None), "")
    return kept + HIDDEN
