"""Both ends of a proxied connection on raw sockets: an upstream that does exactly what a script says, and a client that
sends and reads the very bytes. No HTTP library stands between a test and the wire.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import NamedTuple, Self

TIMEOUT = 10.0
"""Seconds after which a test that waits for bytes or an end fails."""

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

Headers = list[tuple[bytes, bytes]]


class Request(NamedTuple):
    """A request as the upstream got it. `head` is everything up to and with the empty line."""

    method: bytes
    target: bytes
    headers: Headers
    head: bytes

    def all(self, name: bytes) -> list[bytes]:
        """Every value of the field `name`, in order."""
        return [value for other, value in self.headers if other.lower() == name.lower()]


class Peer:
    """One connection as the upstream sees it."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.received = bytearray()
        self.requests: list[Request] = []
        self.body = b""
        self.ended = threading.Event()
        """Set when the gateway has closed or reset the connection."""
        self._unread = bytearray()

    def read_request(self) -> Request | None:
        """The next head; None at the end of the connection."""
        while b"\r\n\r\n" not in self._unread:
            if not self.more():
                return None
        head, _, rest = bytes(self._unread).partition(b"\r\n\r\n")
        self._unread = bytearray(rest)
        method, target, _ = head.split(b"\r\n")[0].split(b" ")
        request = Request(method, target, parse_fields(head), head + b"\r\n\r\n")
        self.requests.append(request)
        return request

    def read_body(self, request: Request) -> bytes | None:
        """The request's body without framing; None if it broke off."""
        if request.all(b"transfer-encoding"):
            body = bytearray()
            while True:
                size = int(self._line() or b"-1", 16)
                if size < 0:
                    return None
                data = self._exactly(size + 2)
                if data is None:
                    return None
                if size == 0:
                    return bytes(body)
                body += data[:-2]
        return self._exactly(int((request.all(b"content-length") or [b"0"])[0]))

    def more(self) -> bool:
        """Read what comes next; False once the gateway has ended the connection."""
        try:
            data = self.sock.recv(256 * 1024)
        except (OSError, ValueError):
            data = b""
        if not data:
            self.ended.set()
            return False
        self.received += data
        self._unread += data
        return True

    def wait_end(self, timeout: float = TIMEOUT) -> None:
        """Read until the gateway ends the connection; `AssertionError` if it doesn't."""
        self.sock.settimeout(timeout)
        while self.more():
            pass
        self.ended.set()

    def send(self, *pieces: bytes) -> None:
        """Send each piece in a packet of its own."""
        for piece in pieces:
            self.sock.sendall(piece)

    def close(self) -> None:
        """An orderly end."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()

    def reset(self) -> None:
        """A TCP reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def _line(self) -> bytes | None:
        while b"\r\n" not in self._unread:
            if not self.more():
                return None
        line, _, rest = bytes(self._unread).partition(b"\r\n")
        self._unread = bytearray(rest)
        return line

    def _exactly(self, size: int) -> bytes | None:
        while len(self._unread) < size:
            if not self.more():
                return None
        data = bytes(self._unread[:size])
        del self._unread[:size]
        return data


Script = Callable[[Peer, Request], None]


class RawUpstream:
    """A server whose answers are scripted by the last segment of the path, or by the whole path.

    A script gets the connection and the request's head; when it returns, the connection waits for the next request.
    Without a script the body is read and `ok` answered.
    """

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.scripts: dict[str, Script] = {}
        self.peers: list[Peer] = []
        self.seen: dict[str, list[Request]] = defaultdict(list)
        self.bodies: dict[str, list[bytes | None]] = defaultdict(list)
        self._open = True
        threading.Thread(target=self._accept, daemon=True).start()

    def on(self, key: str, *pieces: bytes, end: bool = False, reset: bool = False) -> None:
        """Answer `key` with these pieces once the request's body was read, then end the connection if asked to."""

        def script(peer: Peer, request: Request) -> None:
            self.bodies[key].append(peer.read_body(request))
            peer.send(*pieces)
            if reset:
                peer.reset()
            elif end:
                peer.close()

        self.scripts[key] = script

    def run(self, key: str) -> Callable[[Script], Script]:
        """Decorator: answer `key` with a function."""

        def register(script: Script) -> Script:
            self.scripts[key] = script
            return script

        return register

    def request(self, key: str) -> Request:
        """The only request that came for `key`."""
        (request,) = self.seen[key]
        return request

    def close(self) -> None:
        """Stop, and drop every connection."""
        self._open = False
        self._listener.close()
        for peer in self.peers:
            peer.close()

    def _accept(self) -> None:
        while self._open:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            peer = Peer(sock)
            self.peers.append(peer)
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer: Peer) -> None:
        with contextlib.suppress(OSError):
            while (request := peer.read_request()) is not None:
                path = request.target.partition(b"?")[0].decode("latin-1")
                key = path.rpartition("/")[2]
                self.seen[key].append(request)
                script = self.scripts.get(path) or self.scripts.get(key)
                if script is None:
                    self.bodies[key].append(peer.read_body(request))
                    peer.send(OK[:-2] if request.method == b"HEAD" else OK)
                else:
                    script(peer, request)
                if peer.sock.fileno() < 0:
                    return


class Answer(NamedTuple):
    """An answer as the client got it. `complete`: its framing says that all of it came; `raw`: the bytes on the wire;
    `reset`: the connection ended with a reset."""

    status: int
    headers: Headers
    body: bytes
    complete: bool
    raw: bytes
    reset: bool = False

    def all(self, name: bytes) -> list[bytes]:
        """Every value of the field `name`, in order."""
        return [value for other, value in self.headers if other.lower() == name.lower()]

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")


class RawClient:
    """One connection to the gateway. `source`: the local address to come from."""

    def __init__(self, port: int, source: str = "127.0.0.1", timeout: float = TIMEOUT) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout, source_address=(source, 0))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._unread = bytearray()
        self.was_reset = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def send(self, *pieces: bytes) -> None:
        """Send each piece in a packet of its own."""
        for piece in pieces:
            self.sock.sendall(piece)

    def close(self) -> None:
        """An orderly end."""
        self.sock.close()

    def reset(self) -> None:
        """A TCP reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def read_some(self) -> bytes:
        """What came since; empty at the end of the connection."""
        if not self._unread:
            self._more()
        data = bytes(self._unread)
        self._unread.clear()
        return data

    def read_to_end(self) -> bytes:
        """Everything until the gateway closes."""
        while self._more():
            pass
        data = bytes(self._unread)
        self._unread.clear()
        return data

    def answer(self, *, bodyless: bool = False) -> Answer:
        """The next answer. `bodyless`: it's one to HEAD."""
        while b"\r\n\r\n" not in self._unread:
            if not self._more():
                raise AssertionError(f"no answer, only {bytes(self._unread)!r}; reset: {self.was_reset}")
        head, _, rest = bytes(self._unread).partition(b"\r\n\r\n")
        self._unread = bytearray(rest)
        status = int(head.split(b" ", 2)[1])
        headers = parse_fields(head)
        fields = {name.lower(): value for name, value in headers}
        if bodyless or status in {204, 304} or status < 200:
            body, complete, raw = b"", True, b""
        elif fields.get(b"transfer-encoding", b"").lower() == b"chunked":
            body, complete, raw = self._chunked()
        elif b"content-length" in fields:
            body, complete = self._exactly(int(fields[b"content-length"]))
            raw = body
        else:
            body, complete = self.read_to_end(), not self.was_reset
            raw = body
        return Answer(status, headers, body, complete, head + b"\r\n\r\n" + raw, self.was_reset)

    def _chunked(self) -> tuple[bytes, bool, bytes]:
        body = bytearray()
        raw = bytearray()
        while True:
            while b"\r\n" not in self._unread:
                if not self._more():
                    return bytes(body), False, bytes(raw + self._unread)
            line, _, rest = bytes(self._unread).partition(b"\r\n")
            self._unread = bytearray(rest)
            raw += line + b"\r\n"
            size = int(line, 16)
            data, complete = self._exactly(size + 2)
            raw += data
            if not complete:
                return bytes(body) + data[:size], False, bytes(raw)
            if size == 0:
                return bytes(body), True, bytes(raw)
            body += data[:-2]

    def _exactly(self, size: int) -> tuple[bytes, bool]:
        while len(self._unread) < size:
            if not self._more():
                break
        data = bytes(self._unread[:size])
        del self._unread[:size]
        return data, len(data) == size

    def _more(self) -> bool:
        try:
            data = self.sock.recv(256 * 1024)
        except ConnectionResetError:
            self.was_reset = True
            return False
        self._unread += data
        return bool(data)


def parse_fields(head: bytes) -> Headers:
    """The fields of a head, as bytes, in order."""
    fields: Headers = []
    for line in head.split(b"\r\n")[1:]:
        if line:
            name, _, value = line.partition(b":")
            fields.append((name, value.strip(b" \t")))
    return fields


def request_bytes(
    method: str, target: str | bytes, headers: Iterable[tuple[str | bytes, str | bytes]] = (), body: bytes = b""
) -> bytes:
    """A request with Host, and Content-Length if there is a body."""
    lines = [method.encode() + b" " + _bytes(target) + b" HTTP/1.1", b"Host: gateway.test"]
    lines += [_bytes(name) + b": " + _bytes(value) for name, value in headers]
    if body:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def _bytes(text: str | bytes) -> bytes:
    return text.encode("latin-1") if isinstance(text, str) else text


def chunks(*pieces: bytes, end: bool = True) -> bytes:
    """Pieces in chunked framing."""
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + (b"0\r\n\r\n" if end else b"")


@contextlib.contextmanager
def unanswering_port() -> Iterator[int]:
    """A port that takes no connection and refuses none: its accept queue is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        try:
            yield port
        finally:
            for filler in fillers:
                filler.close()


def refusing_port() -> int:
    """A port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
