"""One OpenAPI 3.1 document: Litestar's for the plugins' handlers, and the proxy, stream and gateway routes from the
route table. WebSockets aren't in it: OpenAPI has no words for them."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Litestar

from fluxgate import __version__
from fluxgate.errors import PROBLEM_TYPE, Problem
from fluxgate.routing import Route, RouteTable, split_template

_PROBLEM = "fluxgate.Problem"
_REF = "#/components/schemas/{name}"


def build_openapi(litestar: Litestar, table: RouteTable) -> dict[str, Any]:
    """The merged document as JSON-ready values."""
    document: dict[str, Any] = litestar.openapi_schema.to_schema()
    document["info"] = {"title": "Fluxgate", "version": __version__}
    paths: dict[str, Any] = document.setdefault("paths", {}) or {}
    document["paths"] = paths
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    # Under a name that no plugin's own type can have.
    (_, components) = msgspec.json.schema_components([Problem], ref_template=_REF)
    schemas[_PROBLEM] = components["Problem"]
    for route in table:
        if route.kind in {"handler", "ui", "quarantine", "websocket"}:
            continue
        path = _openapi_path(route.template)
        for method in sorted(route.methods):
            paths.setdefault(path, {})[method.lower()] = _operation(route, method)
    for operations in paths.values():
        for operation in operations.values():
            if isinstance(operation, dict):
                responses = operation.setdefault("responses", {})
                responses["default"] = {
                    "description": "A problem.",
                    "content": {PROBLEM_TYPE: {"schema": {"$ref": _REF.format(name=_PROBLEM)}}},
                }
    return document


def _openapi_path(template: str) -> str:
    return "/" + "/".join(
        "{" + segment[1:-1].partition(":")[0] + "}" if segment.startswith("{") else segment
        for segment in split_template(template)
    )


def _operation(route: Route, method: str) -> dict[str, Any]:
    parameters = [
        {"name": segment[1:-1].partition(":")[0], "in": "path", "required": True, "schema": {"type": "string"}}
        for segment in split_template(route.template)
        if segment.startswith("{")
    ]
    words = (segment.strip("{}").partition(":")[0] for segment in split_template(route.template))
    identifier = "_".join((method.lower(), *words)).replace("-", "_").replace(".", "_")
    answer = "What the upstream answers." if route.kind == "proxy" else "Success."
    operation: dict[str, Any] = {
        "operationId": identifier,
        "tags": [route.plugin or "gateway"],
        "summary": route.summary or route.name or route.template,
        "responses": {"200": {"description": answer}},
    }
    if parameters:
        operation["parameters"] = parameters
    return operation
