"""An upstream for large bodies, faster than every proxy: blocking sockets, one reused buffer, a thread a connection.

`python -m benchmarks.bulk PORT`: takes `POST /api/files/upload` of any size and answers how many bytes came;
`GET /api/files` sends SIZE zero bytes. Everything else is an empty JSON object.
"""

from __future__ import annotations

import contextlib
import socket
import sys
import threading

SIZE = 500_000_000
BUFFER = 1 << 20
HEAD_LIMIT = 1 << 16


def _read_head(connection: socket.socket, buffered: bytearray) -> bytes | None:
    while (end := buffered.find(b"\r\n\r\n")) < 0:
        data = connection.recv(HEAD_LIMIT)
        if not data or len(buffered) > HEAD_LIMIT:
            return None
        buffered += data
    head = bytes(buffered[:end])
    del buffered[: end + 4]
    return head


def _fields(head: bytes) -> dict[bytes, bytes]:
    lines = head.split(b"\r\n")[1:]
    return {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}


def _swallow(connection: socket.socket, count: int, buffer: bytearray) -> int:
    """Reads exactly `count` bytes; returns how many are missing when the peer went away."""
    view = memoryview(buffer)
    while count:
        received = connection.recv_into(view[: min(count, BUFFER)])
        if not received:
            break
        count -= received
    return count


def _swallow_chunked(connection: socket.socket, buffered: bytearray, buffer: bytearray) -> int:
    total = 0
    while True:
        while (end := buffered.find(b"\r\n")) < 0:
            data = connection.recv(HEAD_LIMIT)
            if not data:
                return total
            buffered += data
        size = int(bytes(buffered[:end]).partition(b";")[0], 16)
        del buffered[: end + 2]
        missing = size + 2 - len(buffered)
        if missing > 0:
            buffered.clear()
            _swallow(connection, missing, buffer)
        else:
            del buffered[: size + 2]
        if size == 0:
            return total
        total += size


def _answer(connection: socket.socket, body: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    connection.sendall(head + body)


def _send_bulk(connection: socket.socket) -> None:
    connection.sendall(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n" % SIZE
    )
    chunk = bytes(BUFFER)
    left = SIZE
    while left:
        count = min(left, BUFFER)
        connection.sendall(chunk if count == BUFFER else chunk[:count])
        left -= count


def _serve(connection: socket.socket) -> None:
    buffered, buffer = bytearray(), bytearray(BUFFER)
    with connection, contextlib.suppress(ConnectionError):
        while (head := _read_head(connection, buffered)) is not None:
            fields = _fields(head)
            total = 0
            if b"chunked" in fields.get(b"transfer-encoding", b""):
                total = _swallow_chunked(connection, buffered, buffer)
            elif length := int(fields.get(b"content-length", b"0")):
                if fields.get(b"expect", b"").lower() == b"100-continue":
                    connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                taken = min(length, len(buffered))
                del buffered[:taken]
                total = length - _swallow(connection, length - taken, buffer)
            if head.startswith(b"GET /api/files "):
                _send_bulk(connection)
            elif head.startswith(b"POST /api/files/upload"):
                _answer(connection, b'{"done": true, "files": {}, "received": %d}' % total)
            else:
                _answer(connection, b"{}")
            if fields.get(b"connection", b"").lower() == b"close":
                break


def main() -> None:
    with socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=64) as listener:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_serve, args=(connection,), daemon=True).start()


if __name__ == "__main__":
    main()
