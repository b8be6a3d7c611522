"""`POST /-/auth/links`: a signed link for what the caller may itself get at that moment."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import unquote

from fluxgate.answer import send_json
from fluxgate.auth.links import LinkClaims, Links
from fluxgate.auth.session_api import KNOWN
from fluxgate.auth.sessions import LiveSession
from fluxgate.auth.views import LinkRequest, LinkView
from fluxgate.credentials import LINK_PARAMETER
from fluxgate.errors import BadRequestError, MethodNotAllowedError, UnprocessableError
from fluxgate.jsonbody import read_json
from fluxgate.policy import authorize
from fluxgate.principal import Principal
from fluxgate.routedoc import Body, RouteDoc
from fluxgate.routing import Match, Route
from fluxgate.settings import LinkSettings
from fluxgate.types import Receive, Scope, Send

__all__ = ["LinkApi", "Resolve"]

Resolve = Callable[[str, bytes], Match]
"""The route table: a method and a raw path → the route. Raises ProblemError."""

_OWN = b"/-/auth/"


class LinkApi:
    """The route. `base`: the public URL, or nothing."""

    def __init__(self, settings: LinkSettings, links: Links, resolve: Resolve, base: str) -> None:
        self._settings = settings
        self._links = links
        self._resolve = resolve
        self._base = base.rstrip("/")

    def routes(self) -> list[Route]:
        """For the route table."""
        return [
            Route(
                plugin="",
                kind="gateway",
                methods=frozenset({"POST"}),
                template="/-/auth/links",
                endpoint=self._sign,
                name="links",
                summary="Sign a link",
                policy=KNOWN,
                rate="gateway",
                action="gateway.link.create",
                doc=RouteDoc(
                    description="Whoever has the link may make this one request until it expires, as the caller.",
                    request=Body(type=LinkRequest, example={"path": "/api/hello/report.pdf", "expires_in": 300}),
                    response=Body(type=LinkView),
                    status=201,
                ),
            )
        ]

    async def _sign(self, scope: Scope, receive: Receive, send: Send) -> None:
        principal: Principal = scope["fluxgate.principal"]
        wanted = await read_json(scope, receive, LinkRequest)
        if wanted.expires_in > self._settings.max_age:
            raise UnprocessableError(
                f"A link may work for {self._settings.max_age:g} seconds at most.", field="expires_in"
            )
        path, query = _target(wanted.path)
        await self._check_may(principal, scope, wanted.method, path, query)
        expires_at = int(time.time() + wanted.expires_in)
        url = self._base + wanted.path
        if principal.method != "open":
            session: LiveSession | None = scope.get("fluxgate.session")
            key_id = principal.credential if principal.method == "key" else session.key_id if session else ""
            claims = LinkClaims(
                expires_at, wanted.method, principal.id, principal.roles, principal.groups, principal.scopes, key_id
            )
            parameter = f"{LINK_PARAMETER.decode()}={self._links.sign(claims, path, query)}"
            url += ("&" if query else "" if wanted.path.endswith("?") else "?") + parameter
        await send_json(send, 201, LinkView(url, datetime.fromtimestamp(expires_at, UTC)))

    async def _check_may(self, principal: Principal, scope: Scope, method: str, path: bytes, query: bytes) -> None:
        """Raise what the request itself would be answered, as far as the route table and the policy decide it."""
        try:
            match = self._resolve(method, path)
        except (BadRequestError, MethodNotAllowedError) as error:
            raise UnprocessableError(error.message, field="path") from None
        asked: Scope = {
            **scope,
            "method": method,
            "path": unquote(path.decode("ascii")),
            "raw_path": path,
            "query_string": query,
            "headers": [],
            "path_params": match.path_params,
            "fluxgate.route": match.route,
            "fluxgate.params": match.params,
        }
        if (asking := authorize(match.route.policy, principal, asked)) is not None:
            await asking


def _target(text: str) -> tuple[bytes, bytes]:
    """Path and query of a link, as the bytes that will come. Raises UnprocessableError for what can't be one."""
    path, _, query = text.encode("ascii").partition(b"?")
    if path.startswith(_OWN):
        raise UnprocessableError("What is about sign-ins can't be linked to.", field="path")
    if LINK_PARAMETER in (part.partition(b"=")[0] for part in query.split(b"&")):
        raise UnprocessableError("The path has a link's signature already.", field="path")
    return path, query
