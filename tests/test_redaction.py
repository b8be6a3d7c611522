"""Nothing that looks like a secret gets into the log."""

from __future__ import annotations

import logging
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxgate.logs import ConsoleFormatter, JsonFormatter
from fluxgate.redaction import HIDDEN, redact

SECRET = "hunter2Hunter2"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {SECRET}",
        f"authorization=b'bearer {SECRET}'",
        f"headers={{'Authorization': 'Basic {SECRET}'}}",
        f"('authorization', 'Token {SECRET}')",
        f"postgresql://user:{SECRET}@db.example.org/fluxgate can't be opened",
        f"connect to redis://:{SECRET}@127.0.0.1:6379/0",
        f"https://octo:{SECRET}@printer.local/webcam",
        f"password={SECRET}",
        f'{{"password": "{SECRET}"}}',
        f"OCTOPRINT_API_KEY={SECRET}",
        f"X-Api-Key: {SECRET}",
        f"api_key='{SECRET}'",
        f"the key fg_abc123_{SECRET}{SECRET} isn't known",
        f"Cookie: fluxgate_session={SECRET}",
        f"/api/printing/files?fg_link={SECRET}&x=1",
        f"access_token={SECRET}&x=1",
        f"secret: {SECRET}",
        f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----",
        f"-----BEGIN RSA PRIVATE KEY-----\n{SECRET}",
        f"Cookie: theme=dark; fluxgate_session={SECRET}",
        f"{{'cookie': 'theme=dark; sid={SECRET}'}}",
        f"(b'cookie', b'theme=dark; sid={SECRET}')",
        f"Set-Cookie: sid={SECRET}; Path=/",
        f"(b'x-api-key', b'{SECRET}')",
        f'Authorization: Digest username="ada", response="{SECRET}"',
        f"Authorization: ApiKey {SECRET}",
        f"Proxy-Authorization: Negotiate {SECRET}",
        f"password='three words {SECRET}'",
        f"pwd={SECRET}",
        f'{{\\"password\\": \\"{SECRET}\\"}}',
        f"db_password: {SECRET}",
        f"GET http://octopi.local/api?token={SECRET}&x=1 failed",
        f"refresh_token={SECRET}",
        f'{{"id_token": "{SECRET}"}}',
        f"client_secret={SECRET}",
        f"?signature={SECRET}&x=1",
        f"session={SECRET}",
        f"postgresql://user:{SECRET}/x@db.example.org/fluxgate",
        f"postgresql://user:p@{SECRET}@db.example.org/fluxgate",
        f"https://{SECRET}{SECRET}@git.example.org/x",
    ],
)
def test_secrets_are_hidden(text: str) -> None:
    hidden = redact(text)
    assert SECRET not in hidden
    assert HIDDEN in hidden


def test_a_token_is_hidden_wherever_it_stands() -> None:
    assert "eyJ" not in redact(f"PyJWT could not decode {JWT}!")


@pytest.mark.parametrize(
    "text",
    [
        "printer mk4: job 3 was printing; it is taken up again",
        "GET /api/printing/status 200 15B 0.3ms",
        "the bearer of this message",
        "http://127.0.0.1:8080/-/health",
        "postgresql://user@db.example.org/fluxgate",
        "http://127.0.0.1:8080/a@b isn't served",
        "the token expired: its signature is older than the session",
        "Bearer authentication is asked for",
        "transid=1234 inside=yes",
    ],
)
def test_all_else_stays(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize("formatter", [ConsoleFormatter(), JsonFormatter()])
def test_tracebacks_too(formatter: logging.Formatter) -> None:
    try:
        raise ValueError(f"can't log in with password={SECRET}")
    except ValueError as error:
        record = logging.LogRecord("x", 40, "f", 1, "failed: Bearer %s", (SECRET,), (type(error), error, None))
    text = formatter.format(record)
    assert SECRET not in text
    assert "ValueError" in text


@pytest.mark.parametrize(
    "piece",
    ["a.", "a-", "://a:", "://", "eyJ-", "password", "bearer ", "cookie=", "fg_a_", "-----BEGIN A ", "\\'", "a:@"],
)
def test_what_a_caller_sends_cannot_make_it_slow(piece: str) -> None:
    begun = time.process_time()
    redact(piece * (60_000 // len(piece)))
    assert time.process_time() - begun < 1.0


@given(st.text(max_size=300))
def test_it_never_fails_and_never_grows_much(text: str) -> None:
    assert len(redact(text)) <= len(text) * 4 + len(HIDDEN)
