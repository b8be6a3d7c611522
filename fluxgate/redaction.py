"""Keeps secrets out of log records: what looks like one is replaced, whoever wrote it, a library's traceback too.

Callers choose a part of what is logged, so every repetition is either consumed by the match or bounded: the time grows
with the text's length and no faster.
"""

from __future__ import annotations

import re

__all__ = ["HIDDEN", "redact"]

HIDDEN = "[hidden]"

# Between a name and its value: `name: value`, `name=value`, `"name": "value"`, `(b'name', b'value')`.
_QUOTED_NAME = r"""\\?["']\s?[,:=]\s?"""
_TO = rf"(?:{_QUOTED_NAME}|\s?[:=]\s?)"
_TO_IF_CODE = rf"(?:{_QUOTED_NAME}|=)"

_SECRETS = re.compile(
    rf"""
    # All of the value is secret: every cookie of a field, every parameter of a scheme.
    (?P<field>(?:cookie|authorization){_TO})
        (?: (?P<field_quote>b?(?P<field_mark>["'])) (?:\\.|(?!(?P=field_mark))[^\\\n])* | [^\r\n]{{3,}} )
    | (?P<name>(?:pass(?:word|wd|phrase)?|(?<![a-z])pwd|secret|credentials?|api[_-]?key)(?:[_-](?:key|value))?{_TO}
        | (?:token|signature|session(?:[_-]?id)?|fg_link|(?<![a-z])(?:sid|sig)){_TO_IF_CODE})
        (?: (?P<name_quote>b?(?P<name_mark>["'])) (?:\\.|(?!(?P=name_mark))[^\\\n])*
          | (?P<escaped>\\["']) [^"'\\]* | [^\s"',;&}})\]\\]{{3,}} )
    # The credentials of an Authorization field, with nothing before them: a word alone is prose.
    | (?P<scheme>\b(?:bearer|basic|digest|negotiate|token)\s{{1,4}})
        (?-i:(?=[a-z]*[A-Z0-9_~+/=-]))[A-Za-z0-9._~+/=-]{{8,}}
    | (?P<key>(?<![a-z0-9])fg_[a-z0-9]{{1,64}}_)[A-Za-z0-9_-]{{8,}}
    | (?<![a-z0-9_-])eyJ[A-Za-z0-9_-]{{8,}}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*
    # In a URL: a password, whatever is in it, but no port; or a token that stands for both.
    | (?P<user>(?<=://)[^\s/:@'"]{{0,128}}:)(?!\d{{1,5}}(?:[/?\#\s'",)]|\Z))[^\s'"]{{1,256}}(?=@)
    | (?<=://)[^\s/:@'"]{{20,256}}(?=@)
    | -----BEGIN[ ][A-Z ]{{0,40}}PRIVATE[ ]KEY-----.*?(?:-----END[ ][A-Z ]{{0,40}}PRIVATE[ ]KEY-----|\Z)
    """,
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
_KEPT = ("field", "field_quote", "name", "name_quote", "escaped", "scheme", "key", "user")


def redact(text: str) -> str:
    """`text` with `[hidden]` in place of every secret in it."""
    return _SECRETS.sub(_hide, text)


def _hide(found: re.Match[str]) -> str:
    return "".join(found[name] or "" for name in _KEPT) + HIDDEN
