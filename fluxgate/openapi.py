"""One OpenAPI 3.1 document: Litestar's for the plugins' handlers, and the proxy, stream and gateway routes from the
route table, each with who may use it and the problems that it can be answered with. WebSockets aren't in it: OpenAPI
has no words for them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Litestar

from fluxgate import __version__
from fluxgate.errors import PROBLEM_TYPE, Problem
from fluxgate.policy import Public, described
from fluxgate.routedoc import Body
from fluxgate.routing import Route, RouteTable, split_template

__all__ = ["build_openapi"]

_PROBLEM = "fluxgate.Problem"
_SCHEMA_REF = "#/components/schemas/{name}"
_PROBLEMS = {
    400: "The request is malformed: `field` names what.",
    401: "Nobody is known to be calling, or a credential isn't taken.",
    403: "The caller may not do this.",
    404: "There is no such thing, or the caller may not know of it.",
    413: "The body is too large.",
    415: "The body isn't of a type that is taken.",
    429: "Too many requests; `Retry-After` says when.",
    503: "Out of service for now; `Retry-After` says when, where that is known.",
}
_SECURITY_SCHEMES: dict[str, dict[str, str]] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A JWT of a configured issuer, or an API key."},
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "An API key."},
}
_SEGMENT = r"^(?!\.{1,2}$)[^\u0000-\u001f\u007f/\\]+$"
"""What a path parameter of text can be: see `fluxgate.routing`."""
_REFERENCE = re.compile(rb'"#/components/schemas/([^"]+)"')
_TYPES = {"int": "integer", "float": "number", "uuid": "string", "str": "string", "path": "string"}


def build_openapi(litestar: Litestar, table: RouteTable, *, titles: Mapping[str, str], is_open: bool) -> dict[str, Any]:
    """The merged document as JSON-ready values. `titles`: the plugins', for the tags. `is_open`: nobody is asked who
    they are."""
    document: dict[str, Any] = litestar.openapi_schema.to_schema()
    document["info"] = {
        "title": "Fluxgate",
        "version": __version__,
        "description": "Every route of every plugin. Errors are `application/problem+json` (RFC 9457).",
    }
    paths: dict[str, Any] = document.get("paths") or {}
    document["paths"] = paths
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    components["securitySchemes"] = dict(_SECURITY_SCHEMES)
    components["responses"] = {str(status): _problem_response(text) for status, text in _PROBLEMS.items()}
    # Under a name that no plugin's own type can have.
    (_, found) = msgspec.json.schema_components([Problem], ref_template=_SCHEMA_REF)
    schemas[_PROBLEM] = found["Problem"]
    documented = [route for route in table if route.kind not in {"ui", "quarantine", "websocket"}]
    shapes = _Shapes(documented, schemas)
    for route in documented:
        path = _openapi_path(route.template)
        for method in sorted(route.methods):
            if route.kind == "handler":
                operation = paths.get(path, {}).get(method.lower())
                if operation is None:
                    continue
                _bodies(operation, route, shapes)
                _segments(operation)
            else:
                operation = _operation(route, method, shapes)
                paths.setdefault(path, {})[method.lower()] = operation
            _complete(operation, route, is_open=is_open)
    names = ["gateway", *sorted({route.plugin for route in documented} - {""})]
    document["tags"] = [{"name": name, "description": titles.get(name, "The gateway itself")} for name in names]
    _prune(document)
    return document


class _Shapes:
    """JSON schemas of the types that routes name, as components of names that can't meet the handlers'."""

    def __init__(self, routes: Iterable[Route], schemas: dict[str, Any]) -> None:
        self._schemas: dict[tuple[str, int], dict[str, Any]] = {}
        types: dict[str, list[Any]] = {}
        for route in routes:
            for body in (route.doc.request, route.doc.response, *route.doc.alternatives):
                if body is not None and body.type is not None:
                    types.setdefault(route.plugin or "gateway", []).append(body.type)
            if route.doc.query is not None:
                types.setdefault(route.plugin or "gateway", []).append(route.doc.query)
        for plugin, wanted in types.items():
            template = f"#/components/schemas/{plugin}.{{name}}"
            found, components = msgspec.json.schema_components(wanted, ref_template=template)
            schemas.update({f"{plugin}.{name}": schema for name, schema in components.items()})
            for type_, schema in zip(wanted, found, strict=True):
                self._schemas[plugin, id(type_)] = schema
        self._components = schemas

    def of(self, route: Route, type_: Any) -> dict[str, Any]:
        """The schema of a type that one of `route`'s bodies names, as a reference where it has a name."""
        return self._schemas[route.plugin or "gateway", id(type_)]

    def fields(self, route: Route, struct: Any) -> tuple[dict[str, Any], frozenset[str]]:
        """A struct's fields with their schemas, and which are required."""
        schema = self.of(route, struct)
        if "$ref" in schema:
            schema = self._components[schema["$ref"].rpartition("/")[2]]
        return schema.get("properties", {}), frozenset(schema.get("required", ()))


def _openapi_path(template: str) -> str:
    return "/" + "/".join(
        "{" + segment[1:-1].partition(":")[0] + "}" if segment.startswith("{") else segment
        for segment in split_template(template)
    )


def _operation(route: Route, method: str, shapes: _Shapes) -> dict[str, Any]:
    words = (segment.strip("{}").partition(":")[0] for segment in split_template(route.template))
    doc = route.doc
    operation: dict[str, Any] = {
        "operationId": "_".join((method.lower(), *words)).replace("-", "_").replace(".", "_"),
        "tags": [route.plugin or "gateway"],
        "summary": route.summary or route.name or route.template,
    }
    parameters = [_path_parameter(segment) for segment in split_template(route.template) if segment.startswith("{")]
    if doc.query is not None:
        properties, required = shapes.fields(route, doc.query)
        parameters += [
            {"name": name, "in": "query", "required": name in required, "schema": schema}
            for name, schema in properties.items()
        ]
    if parameters:
        operation["parameters"] = parameters
    if doc.request is not None and method not in {"GET", "HEAD", "DELETE"}:
        operation["requestBody"] = {"required": doc.request.required, "content": _content(route, doc.request, shapes)}
    success: dict[str, Any] = {"description": HTTPStatus(doc.status).phrase}
    if doc.response is not None:
        for body in (doc.response, *doc.alternatives):
            success.setdefault("content", {}).update(_content(route, body, shapes))
        success["description"] = doc.response.description or success["description"]
    elif route.kind == "proxy":
        success["description"] = "What the service behind this route answers."
    operation["responses"] = {str(doc.status): success}
    return operation


def _path_parameter(segment: str) -> dict[str, Any]:
    name, _, kind = segment[1:-1].partition(":")
    schema: dict[str, Any] = {"type": _TYPES.get(kind, "string")}
    if kind == "uuid":
        schema["format"] = "uuid"
    elif schema["type"] == "string":
        schema["pattern"] = _SEGMENT
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _content(route: Route, body: Body, shapes: _Shapes) -> dict[str, Any]:
    media: dict[str, Any] = {}
    if body.type is not None:
        media["schema"] = shapes.of(route, body.type)
    elif body.schema is not None:
        media["schema"] = dict(body.schema)
    if body.example is not None:
        media["example"] = msgspec.to_builtins(body.example)
    return {body.media_type: media}


def _bodies(operation: dict[str, Any], route: Route, shapes: _Shapes) -> None:
    """Describe a handler's JSON bodies as msgspec decodes and encodes them: Litestar forgets constraints in unions."""
    for body, parts in (
        (route.doc.request, [operation.get("requestBody", {})]),
        (route.doc.response, [part for status, part in operation["responses"].items() if status.startswith("2")]),
    ):
        media = [part["content"]["application/json"] for part in parts if "application/json" in part.get("content", {})]
        if body is not None:
            for one in media:
                one.update(next(iter(_content(route, body, shapes).values())))


def _prune(document: dict[str, Any]) -> None:
    """Drop the schemas that nothing refers to any more."""
    schemas = document["components"]["schemas"]
    kept: set[str] = set()
    texts = [msgspec.json.encode({**document, "components": {**document["components"], "schemas": {}}})]
    while texts:
        named = {match.decode() for match in _REFERENCE.findall(texts.pop())} & schemas.keys()
        texts += [msgspec.json.encode(schemas[name]) for name in named - kept]
        kept |= named
    document["components"]["schemas"] = {name: schema for name, schema in schemas.items() if name in kept}


def _segments(operation: dict[str, Any]) -> None:
    """A handler's text parameters in the path are segments, too."""
    for parameter in operation.get("parameters", ()):
        schema = parameter.get("schema", {})
        if parameter["in"] == "path" and schema.get("type") == "string" and "format" not in schema:
            schema.setdefault("pattern", _SEGMENT)


def _complete(operation: dict[str, Any], route: Route, *, is_open: bool) -> None:
    """What every operation says: who may use it, and the problems that it can be answered with."""
    public = isinstance(route.policy, Public)
    operation["security"] = [{}] if public or is_open else [{name: []} for name in _SECURITY_SCHEMES]
    description = route.doc.description or operation.get("description", "")
    who = "" if public else f"Who may: {described(route.policy)}."
    if text := "\n\n".join(part for part in (description, who) if part):
        operation["description"] = text
    responses = operation.setdefault("responses", {})
    if route.kind == "proxy":
        responses["default"] = _problem_response("A problem, or whatever else the service behind this route answers.")
        responses["default"]["content"]["*/*"] = {}
        return
    for status in _statuses(operation, route, public=public):
        responses[str(status)] = {"$ref": f"#/components/responses/{status}"}
    responses["default"] = _problem_response("Any other problem.")


def _statuses(operation: dict[str, Any], route: Route, *, public: bool) -> list[int]:
    statuses = [400]
    if not public:
        statuses += [401, 403]
    if "{" in route.template:
        statuses.append(404)
    if "requestBody" in operation:
        statuses += [413, 415]
    if route.plugin:
        statuses += [429, 503]
    return statuses


def _problem_response(description: str) -> dict[str, Any]:
    return {
        "description": description,
        "content": {PROBLEM_TYPE: {"schema": {"$ref": _SCHEMA_REF.format(name=_PROBLEM)}}},
    }
