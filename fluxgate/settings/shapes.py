"""What a type annotation wants: which structs, items, choices; and an environment variable's text as such a value."""

from __future__ import annotations

import types
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec

__all__ = [
    "bare",
    "convert_path",
    "fields_of",
    "from_text",
    "is_union",
    "item_type",
    "literal_choices",
    "struct_members",
]

TRUE_WORDS = frozenset({"true", "yes", "on", "1"})
FALSE_WORDS = frozenset({"false", "no", "off", "0"})


def fields_of(struct: type[msgspec.Struct]) -> tuple[msgspec.structs.FieldInfo, ...]:
    """The struct's fields with their types resolved."""
    return msgspec.structs.fields(struct)


def struct_members(type_: Any) -> list[type[msgspec.Struct]]:
    """The structs that a table at this place may be: the type itself, or the members of a union."""
    type_ = bare(type_)
    members = get_args(type_) if is_union(type_) else (type_,)
    return [member for member in map(bare, members) if isinstance(member, type) and issubclass(member, msgspec.Struct)]


def literal_choices(type_: Any) -> list[Any]:
    """The values that a `Literal` allows, also inside a union; none for other types."""
    type_ = bare(type_)
    if get_origin(type_) is Literal:
        return list(get_args(type_))
    if is_union(type_):
        return [choice for member in get_args(type_) for choice in literal_choices(member)]
    return []


def from_text(text: str, type_: Any) -> Any:
    """An environment variable's text as the value that its target wants; the text itself if it fits nothing else.

    Lists are written as JSON or with commas, tables as JSON, truth as true/false/yes/no/on/off/1/0.
    """
    members = members_of(type_)
    if str in members or not text:
        return text
    if bool in members and text.casefold() in TRUE_WORDS | FALSE_WORDS:
        return text.casefold() in TRUE_WORDS
    if members & {list, dict}:
        return _composite(text, members)
    # First the very type; then, for the sake of the message, a number that is out of the type's range.
    for wanted in (type_, *(kind for kind in (int, float) if kind in members)):
        try:
            plain = msgspec.convert(text, wanted, strict=False, dec_hook=convert_path)
        except msgspec.ValidationError:
            continue
        return plain if isinstance(plain, bool | int | float | None) else text
    return text


def _composite(text: str, members: set[Any]) -> Any:
    if text.lstrip()[:1] in ("[", "{"):
        try:
            return msgspec.json.decode(text.encode("utf-8", "surrogateescape"))
        except (msgspec.DecodeError, UnicodeError):
            return text
    return [item.strip() for item in text.split(",")] if list in members else text


def members_of(type_: Any) -> set[Any]:
    """The plain types that a value may have: `list` for every sequence, `dict` for every table."""
    type_ = bare(type_)
    origin = get_origin(type_)
    if is_union(type_):
        return {member for part in get_args(type_) for member in members_of(part)}
    if origin in (list, tuple, set, frozenset) or type_ in (list, tuple, set, frozenset):
        return {list}
    if origin is dict or type_ is dict or (isinstance(type_, type) and issubclass(type_, msgspec.Struct)):
        return {dict}
    if origin is Literal:
        return {type(choice) for choice in get_args(type_)}
    return {type_}


def item_type(type_: Any, kind: type) -> Any:
    """The type of the items of a `dict` (its values) or a `list` (any sequence); `Any` if it isn't said."""
    type_ = bare(type_)
    origin, arguments = get_origin(type_), get_args(type_)
    if is_union(type_):
        return next((item_type(part, kind) for part in arguments if kind in members_of(part)), Any)
    if kind is dict and (origin is dict or (isinstance(origin, type) and issubclass(origin, Mapping))):
        return arguments[1]
    if kind is list and origin in (list, set, frozenset):
        return arguments[0]
    if kind is list and origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
        return arguments[0]
    return Any


def is_union(type_: Any) -> bool:
    """Whether the type is written `A | B` or `Union[A, B]`."""
    return get_origin(type_) in (Union, types.UnionType)


def bare(type_: Any) -> Any:
    """The type without its `Annotated`."""
    return bare(get_args(type_)[0]) if get_origin(type_) is Annotated else type_


def convert_path(type_: type, value: Any) -> Any:
    """msgspec's `dec_hook` for the one type that it lacks."""
    if type_ is Path and isinstance(value, str):
        return Path(value)
    if type_ is Path:
        raise TypeError("must be a path (a string)")
    raise NotImplementedError(f"settings of type {type_.__name__} aren't supported")
