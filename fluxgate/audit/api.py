"""`GET /-/audit`: the trail for the gateway's admins."""

from __future__ import annotations

from urllib.parse import parse_qsl

import msgspec

from fluxgate.answer import send_json
from fluxgate.audit.reading import AuditFilter, ChangePage, changes, moment
from fluxgate.audit_notes import clean
from fluxgate.errors import BadRequestError, UnprocessableError
from fluxgate.policy import Require
from fluxgate.principal import ADMIN
from fluxgate.routedoc import Body, RouteDoc
from fluxgate.routing import Route
from fluxgate.store import Store
from fluxgate.types import Receive, Scope, Send

__all__ = ["audit_route"]


def audit_route(store: Store) -> Route:
    """The route, over the trail in `store`."""

    async def listed(scope: Scope, receive: Receive, send: Send) -> None:
        wanted = _wanted(scope["query_string"])
        await send_json(send, 200, await changes(store.require(), wanted))

    return Route(
        plugin="",
        kind="gateway",
        methods=frozenset({"GET"}),
        template="/-/audit",
        endpoint=listed,
        name="audit",
        summary="Who changed what, newest first",
        policy=Require(roles=frozenset({ADMIN}), scopes=frozenset({"audit:read"})),
        rate="gateway",
        doc=RouteDoc(
            description="`next` of an answer is `before` of the next page's request.",
            query=AuditFilter,
            response=Body(type=ChangePage),
        ),
    )


def _wanted(query: bytes) -> AuditFilter:
    values: dict[str, str] = {}
    for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        if name in values:
            raise BadRequestError(f"{name} is given twice.", code="INVALID_REQUEST", field=name)
        values[name] = clean(value)
    for name in ("since", "until"):
        if values.get(name):
            try:
                values[name] = moment(values[name])
            except ValueError as error:
                raise UnprocessableError(f"{error}.", code="INVALID_REQUEST", field=name) from None
    for name in values:
        if name not in AuditFilter.__struct_fields__:
            raise BadRequestError(f"There is no parameter {name}.", code="INVALID_REQUEST", field=name)
    try:
        return msgspec.convert(values, AuditFilter, strict=False)
    except msgspec.ValidationError as error:
        message, _, field = str(error).partition(" - at `$.")
        raise BadRequestError(f"{message}.", code="INVALID_REQUEST", field=field.rstrip("`") or None) from None
