"""Checks a declaration's types when it is handed over, so that a mistake in it is its plugin's and no one else's.

Structs don't check what they are constructed with; a string where a set of names belongs would otherwise surface in the
middle of the gateway.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from fluxgate.errors import PluginError


@cache
def _hints(struct: type[msgspec.Struct]) -> dict[str, Any]:
    # No class's names: PluginSettings has a field `type`, annotated `type[…]`.
    return get_type_hints(struct, localns={})


def check_types(declaration: msgspec.Struct) -> None:
    """Raise `PluginError` naming the first field whose value isn't of its declared type, at any depth."""
    _struct(declaration, type(declaration).__name__)


def _struct(value: msgspec.Struct, where: str) -> None:
    hints = _hints(type(value))
    for name in value.__struct_fields__:
        _check(getattr(value, name), hints[name], f"{where}.{name}")


def _check(value: Any, hint: Any, where: str) -> None:
    origin = get_origin(hint)
    arguments = get_args(hint)
    if hint is Any:
        return
    if origin in {Union, types.UnionType}:
        _union(value, arguments, where)
    elif origin is Literal:
        if value not in arguments:
            raise PluginError(f"{where}: must be one of {', '.join(map(repr, arguments))}, not {value!r}")
    elif origin is tuple:
        _tuple(value, arguments, where)
    elif origin is frozenset:
        _expect(isinstance(value, AbstractSet), value, "a frozenset", where)
        for item in value:
            _check(item, arguments[0], where)
    elif origin is not None and issubclass(origin, Mapping):
        _expect(isinstance(value, Mapping), value, "a mapping", where)
        for key, item in value.items():
            _check(key, arguments[0], where)
            _check(item, arguments[1], f"{where}[{key!r}]")
    elif origin is Callable:
        _expect(callable(value), value, "callable", where)
    else:
        _plain(value, origin or hint, where)


def _union(value: Any, options: tuple[Any, ...], where: str) -> None:
    if value is None and type(None) in options:
        return
    options = tuple(option for option in options if option is not type(None))
    for option in options[:-1]:
        try:
            _check(value, option, where)
        except PluginError:
            continue
        return
    _check(value, options[-1], where)


def _tuple(value: Any, arguments: tuple[Any, ...], where: str) -> None:
    _expect(isinstance(value, tuple), value, "a tuple", where)
    if arguments[-1] is Ellipsis:
        arguments = (arguments[0],) * len(value)
    _expect(len(value) == len(arguments), value, f"a tuple of {len(arguments)}", where)
    for position, (item, hint) in enumerate(zip(value, arguments, strict=True)):
        _check(item, hint, f"{where}[{position}]")


def _plain(value: Any, wanted: type, where: str) -> None:
    if wanted is float:
        _expect(isinstance(value, int | float) and not isinstance(value, bool), value, "a number", where)
    elif wanted is int:
        _expect(isinstance(value, int) and not isinstance(value, bool), value, "a whole number", where)
    else:
        _expect(isinstance(value, wanted), value, wanted.__name__, where)
    if isinstance(value, msgspec.Struct):
        _struct(value, where)


def _expect(holds: bool, value: Any, wanted: str, where: str) -> None:
    if not holds:
        raise PluginError(f"{where}: must be {wanted}, not {type(value).__name__}")
