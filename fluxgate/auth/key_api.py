"""`/-/auth/keys`: API keys made, listed and revoked over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from fluxgate.answer import send_json
from fluxgate.auth.keystore import KeyStore
from fluxgate.auth.views import KeyCreated, KeyRequest, KeyView
from fluxgate.errors import ConflictError, ForbiddenError, NotFoundError
from fluxgate.jsonbody import read_json
from fluxgate.policy import Require
from fluxgate.principal import ADMIN, Principal
from fluxgate.routedoc import Body, RouteDoc
from fluxgate.routing import Route
from fluxgate.store import Store
from fluxgate.types import Receive, Scope, Send

__all__ = ["KeyApi"]

KEYS_SCOPE = "keys"
"""What a key that is restricted to scopes needs to manage keys."""
MAY = Require(roles=frozenset({ADMIN}), scopes=frozenset({KEYS_SCOPE}))


class KeyApi:
    """The routes. `forget`: called with the id of a key that was revoked."""

    def __init__(self, store: Store, forget: Callable[[str], None], *, enabled: bool) -> None:
        self._store = store
        self._forget = forget
        self._enabled = enabled

    def routes(self) -> list[Route]:
        """For the route table."""
        return [
            Route(
                plugin="",
                kind="gateway",
                methods=frozenset({"GET"}),
                template="/-/auth/keys",
                endpoint=self._list,
                name="keys",
                summary="API keys, the newest first",
                policy=MAY,
                rate="gateway",
                doc=RouteDoc(response=Body(type=list[KeyView])),
            ),
            Route(
                plugin="",
                kind="gateway",
                methods=frozenset({"POST"}),
                template="/-/auth/keys",
                endpoint=self._create,
                name="keys",
                summary="Make an API key",
                policy=MAY,
                rate="gateway",
                action="gateway.key.create",
                doc=RouteDoc(
                    description="The key is in this answer, and nowhere afterwards. No key can be given more than its "
                    "maker may.",
                    request=Body(
                        type=KeyRequest, example={"name": "build server", "roles": ["operator"], "expires_in": 7776000}
                    ),
                    response=Body(type=KeyCreated),
                    status=201,
                ),
            ),
            Route(
                plugin="",
                kind="gateway",
                methods=frozenset({"DELETE"}),
                template="/-/auth/keys/{id}",
                endpoint=self._revoke,
                name="keys",
                summary="Revoke an API key",
                policy=MAY,
                rate="gateway",
                action="gateway.key.revoke",
                doc=RouteDoc(
                    description="Here at once, at other replicas within `auth.keys.cache_seconds`. Its sessions and "
                    "links end with it.",
                    response=Body(type=KeyView),
                ),
            ),
        ]

    async def _list(self, scope: Scope, receive: Receive, send: Send) -> None:
        now = datetime.now(UTC)
        await send_json(send, 200, [KeyView.of(record, now) for record in await self._keys().all()])

    async def _create(self, scope: Scope, receive: Receive, send: Send) -> None:
        principal: Principal = scope["fluxgate.principal"]
        wanted = await read_json(scope, receive, KeyRequest)
        if not self._enabled:
            raise ConflictError("API keys aren't taken by this gateway.", code="KEYS_DISABLED")
        _check_within(wanted, principal)
        now = datetime.now(UTC)
        record, key = await self._keys().create(wanted.grant(now), created_by=principal.id)
        await send_json(send, 201, KeyCreated(key=key.text, record=KeyView.of(record, now)))

    async def _revoke(self, scope: Scope, receive: Receive, send: Send) -> None:
        record = await self._keys().revoke(scope["path_params"]["id"])
        if record is None:
            raise NotFoundError("There is no such key.", code="KEY_NOT_FOUND", field="id")
        self._forget(record.id)
        await send_json(send, 200, KeyView.of(record, datetime.now(UTC)))

    def _keys(self) -> KeyStore:
        return KeyStore(self._store.require())


def _check_within(wanted: KeyRequest, principal: Principal) -> None:
    """Raise ForbiddenError for more than the caller may."""
    if ADMIN not in principal.roles and not wanted.roles <= principal.roles:
        raise ForbiddenError("A key can't have roles that its maker doesn't have.", field="roles")
    if principal.scopes is not None and (wanted.scopes is None or not wanted.scopes <= principal.scopes):
        raise ForbiddenError("A key can't have scopes that its maker doesn't have.", field="scopes")
