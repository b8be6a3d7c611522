"""Cross-site request forgery: a page of another site can't use the session of whoever looks at it, on any route."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.adversarial.guarded import Guarded, guarded_gateway
from tests.adversarial.ledger import Ledger
from tests.support.identity import bearer, token

SAFE = {"GET", "HEAD", "OPTIONS"}


@pytest.fixture(scope="module")
def target() -> Iterator[Guarded]:
    with guarded_gateway() as guarded:
        yield guarded


@pytest.fixture(scope="module")
def session(target: Guarded) -> tuple[str, str]:
    """The cookie and the CSRF token of an operator's browser."""
    signed_in = target.ask("POST", "/-/auth/session", *bearer(token("RS256", roles=["operator"])).items())
    assert signed_in.status == 201, signed_in.body
    cookies = [value.decode().partition(";")[0] for value in signed_in.all(b"set-cookie")]
    cookie = next(one for one in cookies if one.startswith("fluxgate_session="))
    csrf = json.loads(target.ask("GET", "/-/auth/csrf", ("Cookie", cookie)).body)["csrfToken"]
    return cookie, csrf


def test_the_sessions_own_page_may(target: Guarded, session: tuple[str, str], ledger: Ledger) -> None:
    """Else what follows would prove nothing."""
    cookie, csrf = session
    fields = (("Cookie", cookie), ("X-CSRF-Token", csrf), ("Origin", "http://gateway.test"))
    assert target.ask("DELETE", "/api/printing/queue", *fields).status == 200
    ledger.enter("nothing but the cookie", through=target.ask("DELETE", "/api/printing/queue", fields[0]).status != 403)


def forgeries(cookie: str, csrf: str) -> dict[str, list[tuple[str, str]]]:
    sent = ("Cookie", cookie)
    right = ("X-CSRF-Token", csrf)
    return {
        "no proof": [sent],
        "no proof, no Origin, a form": [sent, ("Content-Type", "text/plain")],
        "a foreign Origin": [sent, ("Origin", "https://evil.example.org")],
        "a foreign Origin with the proof": [sent, right, ("Origin", "https://evil.example.org")],
        "a null Origin with the proof": [sent, right, ("Origin", "null")],
        "an Origin that begins alike": [sent, right, ("Origin", "http://gateway.test.evil.example.org")],
        "an Origin that ends alike": [sent, right, ("Origin", "http://evil-gateway.test")],
        "another port": [sent, right, ("Origin", "http://gateway.test:8443")],
        "Sec-Fetch-Site cross-site with the proof": [sent, right, ("Sec-Fetch-Site", "cross-site")],
        "Sec-Fetch-Site same-site with the proof": [sent, right, ("Sec-Fetch-Site", "same-site")],
        "a wrong proof": [sent, ("X-CSRF-Token", "a" * len(csrf))],
        "half a proof": [sent, ("X-CSRF-Token", csrf[:-1])],
        "an empty proof": [sent, ("X-CSRF-Token", "")],
        "two proofs": [sent, right, ("X-CSRF-Token", "x")],
        "the cookie as proof": [sent, ("X-CSRF-Token", cookie.partition("=")[2])],
        "a planted cookie": [("Cookie", f"{cookie}; fluxgate_csrf=planted"), ("X-CSRF-Token", "planted")],
        "a proof with an underscore": [sent, ("X_CSRF_Token", csrf)],
        "two sessions": [("Cookie", f"{cookie}; fluxgate_session=" + "b" * 43), right],
    }


def test_every_change(target: Guarded, session: tuple[str, str], ledger: Ledger) -> None:
    for operation in target.operations():
        if operation.method in SAFE or operation.is_public:
            continue
        for name, fields in forgeries(*session).items():
            kind = (
                []
                if any(field == "Content-Type" for field, _ in fields)
                else [("Content-Type", operation.content_type)]
            )
            answer = target.ask(operation.method, operation.path, *fields, *kind, body=operation.body)
            ledger.enter(
                f"{name}: {operation.method} {operation.path}",
                through=answer.status not in {401, 403} and f"status {answer.status}",
            )


def test_methods_in_disguise(target: Guarded, session: tuple[str, str], ledger: Ledger) -> None:
    """A GET stays a GET, whatever it asks to be taken for."""
    cookie, _ = session
    for field in ("X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"):
        target.running.upload("kept.gcode", b"G28\nG1 X1\n")
        for path in ("/api/printing/files", "/api/printing/queue"):
            target.ask("GET", path, ("Cookie", cookie), (field, "DELETE"))
            target.ask("GET", f"{path}?_method=DELETE", ("Cookie", cookie))
        ledger.enter(field, through=len(target.running.get("/files")["files"]) != 1)
