"""The line of every key. Whatever tomllib accepts, the locator finds exactly the keys that tomllib finds."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from fluxgate.settings.locate import locate_keys
from fluxgate.settings.sources import KeyPath, Sources, key_name

STYLES = '''\
top = 1

[gateway]   # trailing
host = "a # b = [c]"
"quoted \\"key\\" \\u00e9" = 1
'literal.key' = 2
dotted . path."with space" = true
text = """
not = a key
[not a table]
"quotes\\""""""
raw = \'\'\'
also = not
\'\'\'\'\'
list = [
  1, # one
  [2, 3],
  { a = 1, b = { c = "}" } },
]
inline = { x = 1, "y.z" = [ { w = 2 } ] }
when = 1979-05-27T07:32:00Z

[[printers]]
name = "one"
[printers.limits]
max = 1
[[printers.tools]]
id = 1
[[printers.tools]]
id = 2

[[printers]]
name = "two"
[[printers.tools]]
id = 3
[a.b."c.d"]
e = 1
'''


def paths(value: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    if path:
        yield path
    if isinstance(value, dict):
        for key, item in value.items():
            yield from paths(item, (*path, key))
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from paths(item, (*path, index))


def test_every_style_of_toml_is_found_on_its_line() -> None:
    found = locate_keys(STYLES)
    assert set(found) == set(paths(tomllib.loads(STYLES)))
    lines = STYLES.splitlines()
    expected: dict[KeyPath, str] = {
        ("top",): "top = 1",
        ("gateway", "host"): 'host = "a # b = [c]"',
        ("gateway", "literal.key"): "'literal.key' = 2",
        ("gateway", "dotted", "path", "with space"): 'dotted . path."with space" = true',
        ("gateway", "list", 2, "b", "c"): '  { a = 1, b = { c = "}" } },',
        ("gateway", "inline", "y.z", 0, "w"): 'inline = { x = 1, "y.z" = [ { w = 2 } ] }',
        ("printers", 0, "limits", "max"): "max = 1",
        ("printers", 0, "tools", 1, "id"): "id = 2",
        ("printers", 1, "name"): 'name = "two"',
        ("printers", 1, "tools", 0, "id"): "id = 3",
        ("a", "b", "c.d"): '[a.b."c.d"]',
    }
    assert {path: lines[found[path] - 1] for path in expected} == expected


def test_windows_line_ends_count_once() -> None:
    assert locate_keys("a = 1\r\n[b]\r\nc = 2\r\n") == {("a",): 1, ("b",): 2, ("b", "c"): 3}


KEYS = st.one_of(st.sampled_from(["a", "b", "url", "x-1", "7"]), st.text(max_size=4))
TEXTS = st.text(alphabet=st.sampled_from("ab#=[]{}.,\"'\\\n é"), max_size=8)
LEAVES = st.one_of(st.integers(), st.booleans(), TEXTS, st.floats(allow_nan=False, allow_infinity=False))
TREES = st.dictionaries(
    KEYS,
    st.recursive(
        LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
    ),
    max_size=4,
)


def bare_or_quoted(key: str) -> str:
    return key_name((key,)).replace("\x7f", "\\u007f")


def inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{bare_or_quoted(key)} = {inline(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[\n" + ",\n".join(inline(item) for item in value) + "]"
    if isinstance(value, str) and "'" not in value and "\n" in value:
        return f"'''\n{value}'''"
    return msgspec.json.encode(value).decode().replace("\x7f", "\\u007f")


def document(tree: dict[str, Any], table: KeyPath = ()) -> list[str]:
    """The tree as TOML: its tables by header, all else inline."""
    lines = [f"{bare_or_quoted(k)} = {inline(v)}  # note" for k, v in tree.items() if not isinstance(v, dict)]
    for key, value in tree.items():
        if isinstance(value, dict):
            path = (*table, key)
            lines += [f"[ {' . '.join(bare_or_quoted(str(part)) for part in path)} ]", *document(value, path)]
    return lines


@given(TREES)
def test_finds_exactly_the_keys_that_tomllib_finds(tree: dict[str, Any]) -> None:
    text = "\n".join(document(tree))
    parsed = tomllib.loads(text)
    found = locate_keys(text)
    assert set(found) == set(paths(parsed))
    starts = text.split("\n")
    for path, line in found.items():
        if all(isinstance(part, str) for part in path) and not isinstance(parsed.get(str(path[0])), list):
            assert bare_or_quoted(str(path[-1])) in starts[line - 1]


TOML_SOUP = st.lists(
    st.sampled_from(
        [
            "[",
            "]",
            "[[",
            "]]",
            "{",
            "}",
            "=",
            ",",
            ".",
            '"',
            "'",
            '"""',
            "'''",
            "\\",
            "#",
            "\n",
            "\r",
            " ",
            "a",
            "b",
            "1",
            "é",
        ]
    ),
    max_size=40,
).map("".join)


@given(TOML_SOUP | st.text())
@example('"')
@example("[")
@example("a = '''")
@example('a."b')
@example('"\\q" = 1')
def test_never_fails_and_never_leaves_the_text(text: str) -> None:
    for path, line in locate_keys(text).items():
        assert path
        assert 1 <= line <= text.count("\n") + 1


@given(TOML_SOUP)
def test_agrees_with_tomllib_on_whatever_it_accepts(text: str) -> None:
    try:
        parsed = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    assert set(locate_keys(text)) == set(paths(parsed))


def test_deep_nesting_gives_up_quietly() -> None:
    assert ("a",) in locate_keys("a = " + "[" * 100_000)


def test_a_key_that_is_not_in_the_file_has_its_tables_line() -> None:
    sources = Sources(lines=locate_keys("[a]\n[a.b]\nc = 1\n"))
    assert sources.line(("a", "b", "missing", "deeper")) == 2
    assert sources.line(("a", "x")) == 1
    assert sources.line(("nothing",)) is None
