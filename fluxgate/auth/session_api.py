"""`/-/auth/me`, `/-/auth/csrf` and `/-/auth/session`: who am I, and a browser's sign-in and sign-out."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

from fluxgate.answer import send_json
from fluxgate.auth.cookies import csrf_cookie, removed_cookies, session_cookies
from fluxgate.auth.sessions import LiveSession, Sessions
from fluxgate.auth.views import CsrfView, MeView, SessionView, SignedOutView, SignOut
from fluxgate.errors import BadRequestError, ForbiddenError, UnauthenticatedError
from fluxgate.policy import PUBLIC, Authenticated
from fluxgate.principal import Principal
from fluxgate.routedoc import Body, RouteDoc
from fluxgate.routing import Route
from fluxgate.settings import SessionSettings
from fluxgate.types import Receive, Scope, Send

__all__ = ["KNOWN", "SessionApi"]

KNOWN = Authenticated(any_scope=True)
_TRUTH = {"true": True, "1": True, "false": False, "0": False, "": False}


class SessionApi:
    """The routes. `secure`: whether a request's client speaks https."""

    def __init__(self, settings: SessionSettings, sessions: Sessions) -> None:
        self._settings = settings
        self._sessions = sessions

    def routes(self) -> list[Route]:
        """For the route table."""
        return [
            Route(
                plugin="",
                kind="gateway",
                methods=frozenset({"GET"}),
                template="/-/auth/me",
                endpoint=self._me,
                name="me",
                summary="Who is calling",
                policy=KNOWN,
                rate="gateway",
                doc=RouteDoc(response=Body(type=MeView)),
            ),
            Route(
                plugin="",
                kind="gateway",
                methods=frozenset({"GET"}),
                template="/-/auth/csrf",
                endpoint=self._csrf,
                name="csrf",
                summary="The session's CSRF token",
                policy=KNOWN,
                rate="gateway",
                doc=RouteDoc(response=Body(type=CsrfView)),
            ),
            Route(
                plugin="",
                kind="gateway",
                methods=frozenset({"POST"}),
                template="/-/auth/session",
                endpoint=self._sign_in,
                name="session",
                summary="Begin a browser's session",
                policy=KNOWN,
                rate="gateway",
                action="gateway.session.begin",
                doc=RouteDoc(
                    description="With a bearer token or an API key; the answer sets the cookies.",
                    response=Body(type=SessionView),
                    status=201,
                ),
            ),
            Route(
                plugin="",
                kind="gateway",
                methods=frozenset({"DELETE"}),
                template="/-/auth/session",
                endpoint=self._sign_out,
                name="session",
                summary="End the browser's session",
                # Whoever's session has ended already is to lose the cookies too.
                policy=PUBLIC,
                rate="gateway",
                action="gateway.session.end",
                doc=RouteDoc(query=SignOut, response=Body(type=SignedOutView)),
            ),
        ]

    async def _me(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send_json(send, 200, MeView.of(scope["fluxgate.principal"]))

    async def _csrf(self, scope: Scope, receive: Receive, send: Send) -> None:
        session: LiveSession | None = scope.get("fluxgate.session")
        if session is None:
            await send_json(send, 200, CsrfView(""))
            return
        field = csrf_cookie(
            session.csrf, int(self._settings.max_age), self._settings.same_site, secure=scope["fluxgate.secure"]
        )
        await send_json(send, 200, CsrfView(session.csrf), [field])

    async def _sign_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        principal: Principal = scope["fluxgate.principal"]
        if principal.method == "open":
            await send_json(send, 201, SessionView(principal=MeView.of(principal), csrfToken="", expires_at=None))
            return
        if principal.method not in {"token", "key"}:
            raise BadRequestError("A session is begun with a bearer token or an API key.", code="NO_CREDENTIAL")
        session = await self._sessions.create(
            principal,
            key_id=principal.credential if principal.method == "key" else "",
            ends_at=scope.get("fluxgate.expires_at"),
        )
        view = SessionView(
            principal=MeView.of(principal),
            csrfToken=session.csrf,
            expires_at=datetime.fromtimestamp(int(time.time()), UTC) + timedelta(seconds=session.max_age),
        )
        cookies = session_cookies(session, self._settings.same_site, secure=scope["fluxgate.secure"])
        await send_json(send, 201, view, cookies)

    async def _sign_out(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = scope.get("fluxgate.refused")
        if isinstance(refused, ForbiddenError):
            # A good session on behalf of a foreign page; one that isn't good only loses its cookies.
            raise refused
        principal: Principal = scope["fluxgate.principal"]
        session: LiveSession | None = scope.get("fluxgate.session")
        ended = "nothing"
        if _everywhere(scope):
            if principal.is_anonymous:
                raise refused or UnauthenticatedError()
            await self._sessions.end_all(principal.id)
            ended = "everywhere"
        elif session is not None:
            await self._sessions.end(session.id_hash)
            ended = "session"
        fields = removed_cookies(self._settings.same_site, secure=scope["fluxgate.secure"])
        await send_json(send, 200, SignedOutView(ended), fields)  # type: ignore[arg-type]


def _everywhere(scope: Scope) -> bool:
    values = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True).get("everywhere", ["false"])
    if len(values) != 1 or values[0] not in _TRUTH:
        raise BadRequestError("everywhere must be true or false.", code="INVALID_REQUEST", field="everywhere")
    return _TRUTH[values[0]]
