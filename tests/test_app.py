"""What clients see of the gateway over real connections: problems with their field, HEAD, OPTIONS, request ids."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any
from uuid import UUID

import httpx
import msgspec
import pytest
from litestar import Response, get, post
from litestar.datastructures import Cookie
from litestar.exceptions import NotAuthorizedException, NotFoundException
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.response import Redirect, Stream

from fluxgate.errors import ConflictError, UnavailableError
from fluxgate.plugin import PUBLIC, PluginSpec, StreamRoute
from fluxgate.testing import ServingGateway, plugin_record, serving_gateway
from fluxgate.types import Receive, Scope, Send

MIB = 1024 * 1024
ID = "2007493d-621d-4e9a-a676-ec9e39c0d138"


class Item(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    count: Annotated[int, msgspec.Meta(ge=1)] = 1


class Order(msgspec.Struct, forbid_unknown_fields=True):
    items: list[Item]


@post("/order", sync_to_thread=False, policy=PUBLIC)
def order(data: JSONBody[Order]) -> Order:
    return data


@get("/one/{id:uuid}", sync_to_thread=False, policy=PUBLIC)
def one(id: FromPath[UUID]) -> dict[str, str]:  # noqa: A002
    return {"id": str(id)}


@get("/two/{text:str}/{number:int}/{id:uuid}", sync_to_thread=False, policy=PUBLIC)
def two(text: FromPath[str], number: FromPath[int], id: FromPath[UUID]) -> None:  # noqa: A002
    """Several parameters."""


@get("/search", sync_to_thread=False, policy=PUBLIC)
def search(limit: FromQuery[int], tag: FromQuery[str | None] = None) -> dict[str, Any]:
    return {"limit": limit, "tag": tag}


@get("/fails/{how:str}", policy=PUBLIC)
async def fails(how: FromPath[str]) -> object:
    match how:
        case "raises":
            raise RuntimeError("secret-detail at /etc/secret")
        case "exits":
            raise SystemExit("secret-detail")
        case "cancels":
            raise asyncio.CancelledError("secret-detail")
        case "conflict":
            raise ConflictError("It is printing.", code="PRINTER_BUSY", field="printer")
        case "unavailable":
            raise UnavailableError("Later.", retry_after=7)
        case "missing":
            raise NotFoundException("There is no such job.")
        case "unauthorized":
            raise NotAuthorizedException(headers={"www-authenticate": "Bearer"})
        case _:
            return object()  # can't be encoded


@post("/made", sync_to_thread=False, policy=PUBLIC)
def made() -> Response[dict[str, str]]:
    return Response(
        {"id": "1"},
        headers={"Location": "/api/t/one/1", "X-Request-Id": "the-handlers-own"},
        cookies=[Cookie("a", value="1"), Cookie("b", value="2")],
    )


@get("/moved", sync_to_thread=False, policy=PUBLIC)
def moved() -> Redirect:
    return Redirect("/api/t/search?limit=1")


@get("/counted", policy=PUBLIC)
async def counted() -> Stream:
    async def numbers() -> AsyncIterator[bytes]:
        for number in range(3):
            yield b"%d\n" % number
            await asyncio.sleep(0.05)

    return Stream(numbers(), media_type="text/plain")


@get("/broken-stream", policy=PUBLIC)
async def broken_stream() -> Stream:
    async def numbers() -> AsyncIterator[bytes]:
        yield b"first\n"
        raise RuntimeError("secret-detail")

    return Stream(numbers(), media_type="text/plain")


async def silent(scope: Scope, receive: Receive, send: Send) -> None:
    """An endpoint that answers nothing."""


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Tells the parameters."""
    body = json.dumps(scope["path_params"]).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": body})


HANDLERS = (order, one, two, search, fails, made, moved, counted, broken_stream)


@pytest.fixture(scope="module")
def gateway() -> Iterator[ServingGateway]:
    spec = PluginSpec(
        title="Tested",
        version="1",
        handlers=HANDLERS,
        streams=(
            StreamRoute(policy=PUBLIC, path="/silent", app=silent),
            StreamRoute(policy=PUBLIC, path="/echo/{name}/{rest:path}", app=echo, methods=frozenset({"GET", "POST"})),
        ),
    )
    with serving_gateway(plugin_record(spec, "t")) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def client(gateway: ServingGateway) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=gateway.url, timeout=10, trust_env=False) as client:
        yield client


def problem(answer: httpx.Response, status: int, code: str, field: str | None = None) -> dict[str, Any]:
    """Check what every problem has; the problem."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["type"] == "about:blank"
    assert body["status"] == status
    assert body["success"] is False
    assert body["error"] == body["title"]
    assert body["message"] == body["detail"]
    assert len(body["message"]) > 5
    assert body["request_id"] == answer.headers["x-request-id"]
    assert (body["code"], body.get("field")) == (code, field)
    assert "secret-detail" not in answer.text
    assert "Traceback" not in answer.text
    return body


JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        (b'{"items": [{"name": "a", "count": 0}]}', "INVALID_REQUEST", "items[0].count"),
        (b'{"items": [{"name": "a"}, {"name": 5}]}', "INVALID_REQUEST", "items[1].name"),
        (b'{"items": 5}', "INVALID_REQUEST", "items"),
        (b'{"items": [{"name": "a", "colour": 1}]}', "INVALID_REQUEST", "items[0].colour"),
        (b'{"items": [{}]}', "INVALID_REQUEST", "items[0].name"),
        (b'{"things": []}', "INVALID_REQUEST", "things"),
        (b"{}", "INVALID_REQUEST", "items"),
        (b"[]", "INVALID_REQUEST", "body"),
        (b"null", "INVALID_REQUEST", "body"),
        (b"", "INVALID_REQUEST", "body"),
        (b"{", "MALFORMED_BODY", "body"),
        (b'{"items": []} trailing', "MALFORMED_BODY", "body"),
        (b"\xff\xfe", "MALFORMED_BODY", "body"),
        (b'{"items": [{"name": "\xff"}]}', "MALFORMED_BODY", "body"),
        (b"[" * 200_000, "BODY_TOO_DEEP", "body"),
        (b'{"items": ' * 200_000, "BODY_TOO_DEEP", "body"),
    ],
)
def test_a_wrong_body_is_400_with_its_field(client: httpx.Client, body: bytes, code: str, field: str) -> None:
    problem(client.post("/api/t/order", content=body, headers=JSON), 400, code, field)


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", "application/vnd.x+json"])
def test_json_is_taken(client: httpx.Client, kind: str) -> None:
    answer = client.post("/api/t/order", content=b'{"items": []}', headers={"content-type": kind})
    assert (answer.status_code, answer.json()) == (201, {"items": []})


@pytest.mark.parametrize(
    "kind",
    [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonx"],
)
def test_json_that_is_not_called_so_is_415(client: httpx.Client, kind: str | None) -> None:
    """What a page of another origin may send without being asked never reaches a handler."""
    headers = {} if kind is None else {"content-type": kind}
    answer = client.post("/api/t/order", content=b'{"items": []}', headers=headers)
    problem(answer, 415, "UNSUPPORTED_MEDIA_TYPE", "content-type")


def test_a_body_over_the_limit_is_413_counted_or_announced(client: httpx.Client) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(6):
            yield b" " * MIB

    for content in (b" " * 6 * MIB, pieces()):
        with httpx.Client(base_url=client.base_url, trust_env=False) as fresh:
            problem(fresh.post("/api/t/order", content=content, headers=JSON), 413, "BODY_TOO_LARGE", "body")


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/one/abc", "id"),
        ("/one/123", "id"),
        ("/two/x/y/z", "number"),
        (f"/two/x/1.5/{ID}", "number"),
        ("/two/x/1/z", "id"),
    ],
)
def test_a_path_parameter_of_the_wrong_type_is_404_with_its_field(client: httpx.Client, path: str, field: str) -> None:
    body = problem(client.get("/api/t" + path), 404, "NOT_FOUND", field)
    assert body["message"].startswith(f"{field} must be a valid ")


def test_a_handlers_own_404_is_its_own(client: httpx.Client) -> None:
    assert problem(client.get("/api/t/fails/missing"), 404, "NOT_FOUND")["message"] == "There is no such job."


@pytest.mark.parametrize("query", ["", "?limit=", "?limit=x", "?limit=1.5"])
def test_a_wrong_query_is_400_with_its_field(client: httpx.Client, query: str) -> None:
    problem(client.get("/api/t/search" + query), 400, "INVALID_REQUEST", "limit")


def test_a_query_is_decoded(client: httpx.Client) -> None:
    assert client.get("/api/t/search", params={"limit": "3", "tag": "ä&b"}).json() == {"limit": 3, "tag": "ä&b"}


@pytest.mark.parametrize("how", ["raises", "exits", "cancels", "unencodable"])
def test_a_handler_that_fails_is_500_and_tells_nothing(client: httpx.Client, how: str) -> None:
    body = problem(client.get(f"/api/t/fails/{how}"), 500, "INTERNAL_ERROR")
    assert body["message"] == "The gateway failed to answer this request."
    assert client.get(f"/api/t/one/{ID}").status_code == 200


def test_an_endpoint_that_answers_nothing_is_500(client: httpx.Client) -> None:
    problem(client.get("/api/t/silent"), 500, "INTERNAL_ERROR")


def test_a_handlers_problem_is_answered_as_it_is(client: httpx.Client) -> None:
    assert problem(client.get("/api/t/fails/conflict"), 409, "PRINTER_BUSY", "printer")["message"] == "It is printing."
    answer = client.get("/api/t/fails/unavailable")
    problem(answer, 503, "SERVICE_UNAVAILABLE")
    assert answer.headers["retry-after"] == "7"
    answer = client.get("/api/t/fails/unauthorized")
    problem(answer, 401, "UNAUTHENTICATED")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_handlers_fields_are_left_alone(client: httpx.Client) -> None:
    answer = client.post("/api/t/made")
    assert answer.status_code == 201
    assert answer.headers["location"] == "/api/t/one/1"
    assert [value.partition(";")[0] for value in answer.headers.get_list("set-cookie")] == ["a=1", "b=2"]
    assert len(answer.headers.get_list("x-request-id")) == 1
    assert answer.headers["x-request-id"] != "the-handlers-own"
    assert len(answer.headers.get_list("date")) == 1
    moved = client.get("/api/t/moved")
    assert (moved.status_code, moved.headers["location"]) == (302, "/api/t/search?limit=1")


def test_a_handler_may_stream(client: httpx.Client) -> None:
    with client.stream("GET", "/api/t/counted") as answer:
        assert list(answer.iter_raw()) == [b"0\n", b"1\n", b"2\n"]


def test_a_stream_that_breaks_is_seen_to_break(client: httpx.Client) -> None:
    with client.stream("GET", "/api/t/broken-stream") as answer:
        assert answer.status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            answer.read()


@pytest.mark.parametrize("path", ["/api/t/counted", "/api/t/search?limit=1", "/-/health", "/", "/-/openapi.json"])
def test_head_is_get_without_the_body(client: httpx.Client, path: str) -> None:
    head = client.head(path)
    got = client.get(path)
    assert (head.status_code, head.content) == (got.status_code, b"")
    for name in ("content-type", "content-length", "transfer-encoding"):
        if path != "/-/health" and name != "transfer-encoding":
            assert head.headers.get(name) == got.headers.get(name)
    assert client.head("/api/t/order").status_code == 405
    problem_head = client.head("/api/t/one/abc")
    assert (problem_head.status_code, problem_head.content) == (404, b"")


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/", "GET, HEAD, OPTIONS"),
        ("/-/health/ready", "GET, HEAD, OPTIONS"),
        ("/api/t/order", "OPTIONS, POST"),
        ("/api/t/one/anything", "GET, HEAD, OPTIONS"),
        ("/api/t/echo/a/b/c", "GET, HEAD, OPTIONS, POST"),
    ],
)
def test_options_and_405_name_the_methods(client: httpx.Client, path: str, allow: str) -> None:
    options = client.options(path)
    assert (options.status_code, options.content, options.headers["allow"]) == (204, b"", allow)
    assert "content-length" not in options.headers
    refused = client.delete(path)
    problem(refused, 405, "METHOD_NOT_ALLOWED")
    assert refused.headers["allow"] == allow


def test_what_is_nowhere_is_404(client: httpx.Client) -> None:
    for path in ("/nowhere", "/api", "/api/t", "/api/t/nowhere", "/api/tt/order", "/-/schema", "/-", "/schema"):
        for method in ("GET", "OPTIONS", "POST"):
            problem(client.request(method, path), 404, "NOT_FOUND")


def test_parameters_are_decoded_once(client: httpx.Client, gateway: ServingGateway) -> None:
    url = httpx.URL(gateway.url)
    answer = client.get(url.copy_with(raw_path=b"/api/t/echo/a%20%252F%C3%A4/b/c%3F"))
    assert answer.json() == {"name": "a %2Fä", "rest": "b/c?"}


@pytest.mark.parametrize("sent", ["request-0001", "0af7651916cd43dd8448eb211c80319c", "A.b_c-d12"])
def test_a_request_id_is_taken_over(client: httpx.Client, sent: str) -> None:
    for path in ("/", "/api/t/search?limit=1", "/api/t/fails/raises", "/nowhere"):
        assert client.get(path, headers={"x-request-id": sent}).headers.get_list("x-request-id") == [sent]


@pytest.mark.parametrize(
    "sent", ["", "short", "x" * 65, "with space in it", "semi;colon;here", "<script>alert</script>"]
)
def test_a_request_id_that_is_none_is_replaced(client: httpx.Client, sent: str) -> None:
    answered = client.get("/", headers={"x-request-id": sent}).headers["x-request-id"]
    assert answered != sent
    assert len(answered) == 24


def test_the_gateways_own_routes_are_never_cached(client: httpx.Client) -> None:
    for path in ("/", "/-/health", "/-/health/live", "/-/health/ready", "/nowhere"):
        assert client.get(path).headers["cache-control"] == "no-store"
