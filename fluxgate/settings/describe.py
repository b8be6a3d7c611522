"""Settings structs as plain descriptions of tables and keys, from which the template and the reference are written.

A key's text is the `description` of its `msgspec.Meta`; a table's is the struct's docstring. A default that isn't set
(`None`) is shown by the first of `Meta(examples=…)`.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import msgspec

from fluxgate.settings.shapes import bare, fields_of, is_union, item_type, literal_choices, members_of, struct_members

__all__ = ["KeyDoc", "PluginSection", "TableDoc", "describe"]

PLACEHOLDER = "..."
TYPE_NAMES: Mapping[Any, str] = {
    str: "text",
    Path: "path",
    bool: "true or false",
    int: "integer",
    float: "number",
    list: "list",
    dict: "table",
}


class PluginSection(msgspec.Struct, frozen=True, kw_only=True):
    """An installed plugin, as far as its configuration goes; `environment` maps its own variables to key paths."""

    name: str
    title: str
    type: type[msgspec.Struct]
    environment: Mapping[str, str] = {}


class KeyDoc(msgspec.Struct, frozen=True, kw_only=True):
    """One key.

    `default` is TOML, or None if the key is unset or must be set; `example` is a TOML value that decodes; `choices` are
    the values allowed, if they can be counted.
    """

    name: str
    kind: str
    choices: tuple[str, ...] = ()
    text: str
    default: str | None
    example: str
    required: bool


class TableDoc(msgspec.Struct, frozen=True, kw_only=True):
    """One table.

    `optional`: its header may be left out, or it stands for any number of tables of this shape (`array`: as `[[…]]`).
    """

    path: tuple[str, ...]
    text: str
    keys: tuple[KeyDoc, ...]
    tables: tuple[TableDoc, ...]
    optional: bool = False
    array: bool = False

    def walk(self) -> Iterator[TableDoc]:
        """This table and all below it, each before its own tables."""
        yield self
        for table in self.tables:
            yield from table.walk()


def describe(
    struct: type[msgspec.Struct],
    path: tuple[str, ...],
    *,
    optional: bool = False,
    array: bool = False,
    tagged: bool = False,
) -> TableDoc:
    """The table that `struct` decodes, at `path`; `tagged`: it has to name its tag, being one of several."""
    keys: list[KeyDoc] = []
    tables: list[TableDoc] = []
    config = struct.__struct_config__
    if tagged and config.tag_field is not None:
        tag = _toml(config.tag)
        keys.append(KeyDoc(name=config.tag_field, kind=tag, text="", default=None, example=tag, required=True))
    for field in fields_of(struct):
        where = (*path, field.encode_name)
        own, values, items = (
            struct_members(type_) for type_ in (field.type, item_type(field.type, dict), item_type(field.type, list))
        )
        several = len(own or values or items) > 1
        if own:
            unset = optional or several or field.default is None
            tables += [describe(member, where, optional=unset, tagged=several) for member in own]
        elif values:
            tables += [describe(m, (*where, _sample_name(m)), optional=True, tagged=several) for m in values]
        elif items:
            tables += [describe(member, where, optional=True, array=True, tagged=several) for member in items]
        else:
            keys.append(_key(field))
    text = inspect.cleandoc(struct.__doc__ or "")
    return TableDoc(path=path, text=text, keys=tuple(keys), tables=tuple(tables), optional=optional, array=array)


def _key(field: msgspec.structs.FieldInfo) -> KeyDoc:
    metas = list(_metas(field.type))
    text = next((meta.description for meta in metas if meta.description), "")
    examples = next((meta.examples for meta in metas if meta.examples), None)
    value = field.default_factory() if field.default_factory is not msgspec.NODEFAULT else field.default
    default = None if value is None or value is msgspec.NODEFAULT else _toml(value)
    example = default
    if example is None:
        example = _toml(examples[0]) if examples else _placeholder(field.type)
    return KeyDoc(
        name=field.encode_name,
        kind=_kind(field.type, metas),
        choices=tuple(_toml(choice) for choice in literal_choices(field.type)),
        text=text,
        default=default,
        example=example,
        required=field.required,
    )


def _kind(type_: Any, metas: list[msgspec.Meta]) -> str:
    choices = literal_choices(type_)
    if choices:
        return " or ".join(_toml(choice) for choice in choices)
    name = " or ".join(sorted(TYPE_NAMES.get(member, "text") for member in members_of(type_) - {type(None)}))
    if members_of(type_) & {list}:
        name = f"list of {_kind(item_type(type_, list), [])}"
    limits = ((">", "gt"), ("≥", "ge"), ("<", "lt"), ("≤", "le"))
    bounds = [
        f"{sign} {getattr(meta, name)}" for meta in metas for sign, name in limits if getattr(meta, name) is not None
    ]
    return ", ".join([name, *bounds])


def _placeholder(type_: Any) -> str:
    choices = literal_choices(type_)
    if choices:
        return _toml(choices[0])
    members = members_of(type_)
    samples: tuple[tuple[Any, Any], ...] = (
        (str, PLACEHOLDER),
        (Path, PLACEHOLDER),
        (bool, False),
        (int, 1),
        (float, 1.0),
    )
    return next((_toml(sample) for kind, sample in samples if kind in members), "[]" if list in members else "{}")


def _metas(type_: Any) -> Iterator[msgspec.Meta]:
    if get_origin(type_) is Annotated:
        yield from (meta for meta in get_args(type_)[1:] if isinstance(meta, msgspec.Meta))
        yield from _metas(get_args(type_)[0])
    elif is_union(bare(type_)):
        for member in get_args(bare(type_)):
            yield from _metas(member)


def _sample_name(struct: type[msgspec.Struct]) -> str:
    tag = struct.__struct_config__.tag
    return f"my-{tag}" if isinstance(tag, str) else "name"


def _toml(value: Any) -> str:
    """A value in TOML. JSON's strings, numbers, booleans and arrays of these are TOML too."""
    if isinstance(value, Path):
        value = str(value)
    if isinstance(value, frozenset | set):
        value = sorted(value)
    if isinstance(value, Mapping) and value:
        return "{ " + ", ".join(f"{_toml(str(key))} = {_toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return msgspec.json.encode(value).decode()
