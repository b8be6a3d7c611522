"""Reads the trail as people ask for it: changes with their outcomes, newest first, filtered and in pages."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from fluxgate.audit.record import stamp
from fluxgate.audit_notes import Detail
from fluxgate.db import Database, Row

__all__ = ["MOST", "AuditFilter", "ChangePage", "ChangeView", "Outcome", "changes", "moment"]

MOST = 500

Outcome = Literal["done", "rejected", "failed", "interrupted", "denied", "unfinished"]


class AuditFilter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to list; empty: everything. `since` ≤ time < `until`, as records have it. `action` ending in `*` is a
    beginning. `result` `unfinished`: changes that have no outcome, being made now or cut short by the process's end.
    `before`: only records before this one, for the next page."""

    since: str = ""
    until: str = ""
    principal: str = ""
    action: str = ""
    result: Outcome | Literal[""] = ""
    before: Annotated[int, Meta(ge=0, le=2**63 - 1)] = 0
    limit: Annotated[int, Meta(ge=1, le=MOST)] = 50


class ChangeView(msgspec.Struct, frozen=True, kw_only=True):
    """One change, or one attempt that was denied. `seq`: its first record. `finished_at`: when its outcome was
    known."""

    seq: int
    at: str
    finished_at: str | None
    result: Outcome
    status: int
    code: str
    principal: str
    principal_name: str
    method: str
    credential: str
    action: str
    http_method: str
    path: str
    params: dict[str, str]
    target: str
    details: dict[str, Detail]
    client: str
    user_agent: str
    request_id: str
    hash: str


class ChangePage(msgspec.Struct, frozen=True):
    """`next`: what `before` is to be for the next page; None on the last."""

    items: list[ChangeView]
    next: int | None


def moment(text: str) -> str:
    """An ISO 8601 date or time as records have it; without a zone it is UTC. ValueError: it is neither."""
    try:
        found = datetime.fromisoformat(text)
        return stamp(found if found.tzinfo else found.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is no date or time such as 2026-11-24 or 2026-11-24T08:30:00Z") from None


_COLUMNS = (
    "i.seq, i.kind, i.at, i.principal, i.principal_name, i.method, i.credential, i.action, i.http_method, i.path, "
    "i.params, i.client, i.user_agent, i.request_id, i.hash, i.result, i.status, i.code, i.details, i.target, "
    "o.at AS o_at, o.result AS o_result, o.status AS o_status, o.code AS o_code, o.details AS o_details, "
    "o.target AS o_target"
)


async def changes(database: Database, wanted: AuditFilter) -> ChangePage:
    """One page. Raises UnavailableError."""
    where = ["i.kind <> 'outcome'"]
    values: list[object] = []

    def only(condition: str, value: object) -> None:
        where.append(condition)
        values.append(value)

    if wanted.since:
        only("i.at >= {}", wanted.since)
    if wanted.until:
        only("i.at < {}", wanted.until)
    if wanted.principal:
        only("i.principal = {}", wanted.principal)
    if wanted.action.endswith("*"):
        # not LIKE, which would take a beginning's own % and _
        only(f"substr(i.action, 1, {len(wanted.action) - 1}) = {{}}", wanted.action[:-1])
    elif wanted.action:
        only("i.action = {}", wanted.action)
    if wanted.before:
        only("i.seq < {}", wanted.before)
    if wanted.result == "unfinished":
        where.append("i.kind = 'intent' AND o.seq IS NULL")
    elif wanted.result:
        only("COALESCE(o.result, i.result) = {}", wanted.result)
    rows = await database.fetch(
        f"SELECT {_COLUMNS} FROM audit_records i LEFT JOIN audit_records o ON o.change = i.seq "  # noqa: S608
        f"WHERE {' AND '.join(where)} ORDER BY i.seq DESC LIMIT {wanted.limit + 1}",
        *values,
    )
    items = [_view(row) for row in rows[: wanted.limit]]
    return ChangePage(items, items[-1].seq if len(rows) > wanted.limit else None)


def _view(row: Row) -> ChangeView:
    own: dict[str, Any] = dict(row)
    finished = own["o_at"] is not None
    result: Any = own["o_result"] if finished else own["result"] or "unfinished"
    return ChangeView(
        finished_at=own["o_at"] if finished else (None if own["kind"] == "intent" else own["at"]),
        result=result,
        status=own["o_status"] if finished else own["status"],
        code=own["o_code"] if finished else own["code"],
        target=own["o_target"] if finished else own["target"],
        details=_decoded(own["o_details"] if finished else own["details"]),
        params=_decoded(own["params"]),
        **{
            name: own[name]
            for name in ("seq", "at", "principal", "principal_name", "method", "credential", "action", "http_method")
        },
        **{name: own[name] for name in ("path", "client", "user_agent", "request_id", "hash")},
    )


def _decoded(text: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.MsgspecError:
        # whoever changed it shows in `verify`; the rest can still be read
        return {"unreadable": text}
