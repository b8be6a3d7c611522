"""Content-Security-Policy: what a page of the gateway's origin may load, and who may frame it.

A web UI loads from its own origin, and runs no inline script; what else it needs it declares (`StaticUI.csp`). All
else is data: as a page it may do nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

__all__ = ["check_additions", "data_policy", "framing_policy", "ui_policy"]

_UI: dict[str, tuple[str, ...]] = {
    "default-src": ("'self'",),
    "base-uri": ("'self'",),
    "form-action": ("'self'",),
    "object-src": ("'none'",),
}
_ADDABLE = frozenset(
    {
        "connect-src",
        "font-src",
        "form-action",
        "frame-src",
        "img-src",
        "manifest-src",
        "media-src",
        "script-src",
        "style-src",
        "worker-src",
    }
)
_SOURCE = re.compile(r"[!-+\--:<-~]+\Z")
"""Printable, without blank, comma and semicolon."""
_ANYWHERE = frozenset({"'unsafe-inline'", "'unsafe-eval'", "'unsafe-hashes'", "*", "data:", "blob:", "http:", "https:"})
# A worker made of a blob has its page's own policy.
_REFUSED = {"script-src": _ANYWHERE, "worker-src": _ANYWHERE - {"blob:"}}


def check_additions(additions: Mapping[str, Iterable[str]]) -> None:
    """Raise ValueError for what a UI may not declare: other directives (who frames it is the operators' to say), what
    isn't a source, and scripts from anywhere."""
    for directive, sources in additions.items():
        if directive not in _ADDABLE:
            raise ValueError(f"csp: {directive!r} is none of {', '.join(sorted(_ADDABLE))}")
        for source in sources:
            if not _SOURCE.match(source):
                raise ValueError(f"csp: {directive}: {source!r} is no source")
            if source.lower() in _REFUSED.get(directive, frozenset()):
                raise ValueError(f"csp: {directive}: {source} would let a page run what anybody slips into it")


def ui_policy(additions: Mapping[str, Iterable[str]], ancestors: Iterable[str]) -> str:
    """A web UI's policy. `ancestors`: origins that may frame it, beside its own."""
    directives = {name: list(sources) for name, sources in _UI.items()}
    for name, sources in additions.items():
        directives.setdefault(name, ["'self'"]).extend(sources)
    directives["frame-ancestors"] = ["'self'", *ancestors]
    return "; ".join(" ".join([name, *sources]) for name, sources in directives.items())


def data_policy(ancestors: Iterable[str] = ()) -> str:
    """The policy of what isn't a page."""
    return f"default-src 'none'; {framing_policy(ancestors)}"


def framing_policy(ancestors: Iterable[str] = ()) -> str:
    """Who may frame it, and nothing else: goes beside a policy that an answer has of its own."""
    return "frame-ancestors " + (" ".join(ancestors) or "'none'")
