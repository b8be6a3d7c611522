"""Raw configuration → a msgspec struct, with every mistake reported at its exact key.

msgspec alone stops at the first mistake, doesn't name keys of a dict (`[...]`) and can't suggest. So the raw tree is
walked along the types first: references are resolved, environment texts decoded, unknown keys refused with the nearest
valid one, but for a struct whose class says `accepts_any_key`. msgspec still decides what is valid: each part in which
the walk found nothing wrong is converted by it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from fluxgate.settings.secrets import SecretError, SecretResolver
from fluxgate.settings.shapes import convert_path, fields_of, from_text, item_type, literal_choices, struct_members
from fluxgate.settings.sources import EnvironmentValue, Issue, KeyPath, Sources
from fluxgate.settings.suggest import suggestion

__all__ = ["decode"]

S = TypeVar("S", bound=msgspec.Struct)

MSGSPEC_PATH = re.compile(r" - at `(?:key in )?\$(?P<path>[^`]*)`$")
MSGSPEC_STEP = re.compile(r"\.(?P<key>\w+)|\[(?P<index>\d+)\]")
FIELD_PREFIX = re.compile(r"(?P<field>\w+): (?P<rest>.+)", re.DOTALL)
SAFE_MESSAGES = ("expected ", "table ", "must be one of ")
"""How messages begin that never repeat the value; others come from a `__post_init__` and are redacted."""


def decode(
    raw: Mapping[str, Any], struct: type[S], *, path: KeyPath, sources: Sources, environ: Mapping[str, str]
) -> S:
    """The struct that `raw` describes; `path` is where `raw` stands in the document.

    Raises `SettingsError` with all mistakes that were found.
    """
    decoder = _Decoder(SecretResolver(environ, sources.base))
    plain = decoder.walk(raw, struct, path)
    if decoder.issues:
        raise sources.error(decoder.issues)
    return msgspec.convert(plain, struct, dec_hook=convert_path)


class _Decoder:
    def __init__(self, secrets: SecretResolver) -> None:
        self.issues: list[Issue] = []
        self._secrets = secrets
        self._setters: dict[KeyPath, str] = {}

    def walk(self, value: Any, type_: Any, path: KeyPath) -> Any:
        """The value in msgspec's builtin types, references resolved; mistakes go to `issues`."""
        before = len(self.issues)
        if isinstance(value, EnvironmentValue):
            self._setters[path] = value.variable
            value = self._resolve(value.text, path)
            if len(self.issues) == before:
                self._secrets.hide(value)
                value = from_text(value, type_)
        elif isinstance(value, str):
            value = self._resolve(value, path)
        if len(self.issues) == before:
            value = self._descend(value, type_, path)
        if len(self.issues) == before:
            self._convert(value, type_, path)
        return value

    def _descend(self, value: Any, type_: Any, path: KeyPath) -> Any:
        if isinstance(value, Mapping):
            structs = struct_members(type_)
            if structs:
                struct = self._choose(value, structs, path)
                return value if struct is None else self._struct(value, struct, path)
            of_values = item_type(type_, dict)
            return {key: self.walk(item, of_values, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            of_items = item_type(type_, list)
            return [self.walk(item, of_items, (*path, index)) for index, item in enumerate(value)]
        return value

    def _struct(self, value: Mapping[str, Any], struct: type[msgspec.Struct], path: KeyPath) -> dict[str, Any]:
        fields = {field.encode_name: field.type for field in fields_of(struct)}
        if struct.__struct_config__.tag_field is not None:
            fields[struct.__struct_config__.tag_field] = str | int
        plain: dict[str, Any] = {}
        for key, item in value.items():
            if key in fields or getattr(struct, "accepts_any_key", False):
                plain[key] = self.walk(item, fields.get(key, Any), (*path, key))
                continue
            if isinstance(item, EnvironmentValue):
                self._setters[(*path, key)] = item.variable
            self._add((*path, key), f"unknown key.{suggestion(key, fields)}")
        return plain

    def _choose(
        self, value: Mapping[str, Any], structs: list[type[msgspec.Struct]], path: KeyPath
    ) -> type[msgspec.Struct] | None:
        """The struct that a table is meant to be; of several, the one that its tag names."""
        if len(structs) == 1:
            return structs[0]
        tags = {str(struct.__struct_config__.tag): struct for struct in structs}
        tag_field = str(structs[0].__struct_config__.tag_field)
        choices = ", ".join(f'"{tag}"' for tag in tags)
        if tag_field not in value:
            self._add(path, f"needs the key `{tag_field}`, one of {choices}")
            return None
        tag = self.walk(value[tag_field], str, (*path, tag_field))
        if tag in tags:
            return tags[tag]
        if isinstance(tag, str):
            self._add((*path, tag_field), f"must be one of {choices}.{suggestion(tag, tags)}")
        return None

    def _resolve(self, text: str, path: KeyPath) -> str:
        try:
            return self._secrets.resolve(text)
        except SecretError as error:
            self._add(path, str(error))
            return text

    def _convert(self, value: Any, type_: Any, path: KeyPath) -> None:
        if isinstance(value, float) and math.isnan(value):
            self._add(path, "must be a number")
            return
        try:
            msgspec.convert(value, type_, dec_hook=convert_path)
        except msgspec.ValidationError as error:
            rest, message = _explain(str(error), type_, value)
            if not message.startswith(SAFE_MESSAGES):
                message = self._secrets.redact(message)
            self._add((*path, *rest), message)

    def _add(self, path: KeyPath, message: str) -> None:
        lengths = range(len(path), 0, -1)
        variable = next((self._setters[path[:n]] for n in lengths if path[:n] in self._setters), None)
        if variable is not None:
            message = message.replace(", got `str`", "")
        self.issues.append(Issue(path=path, message=message, variable=variable))


def _explain(text: str, type_: Any, value: Any) -> tuple[KeyPath, str]:
    """msgspec's error as a path below the converted value and a message."""
    path: list[str | int] = []
    found = MSGSPEC_PATH.search(text)
    if found:
        text = text[: found.start()]
        path = [step["key"] or int(step["index"]) for step in MSGSPEC_STEP.finditer(found["path"])]
    choices = literal_choices(type_)
    if choices and text.startswith("Invalid enum value"):
        named = ", ".join(msgspec.json.encode(choice).decode() for choice in choices)
        return tuple(path), f"must be one of {named}.{suggestion(str(value), [str(choice) for choice in choices])}"
    structs = struct_members(type_)
    by_field = FIELD_PREFIX.fullmatch(text)
    if not path and by_field and len(structs) == 1 and by_field["field"] in {f.name for f in fields_of(structs[0])}:
        return (by_field["field"],), by_field["rest"]
    text = text.replace("Object ", "table ", 1).replace("`object`", "a table").replace("`array`", "an array")
    return tuple(path), text[:1].lower() + text[1:]
