"""What a server that isn't what it should be answers to a read, and the error that it has to end as."""

from __future__ import annotations

import asyncio

from fluxgate_printing.printers.base import PrinterError, PrinterOfflineError, PrinterRejectedError

from tests.support.rawhttp import Answer, json_answer


async def trickle(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.05)


async def flood(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n")
    while True:
        writer.write(b" " * 1_000_000)
        await writer.drain()


WRONG_ANSWERS: dict[str, tuple[Answer, type[PrinterError]]] = {
    "html": (json_answer(200, "<html>Welcome</html>"), PrinterRejectedError),
    "truncated": (json_answer(200, '{"state": {"te'), PrinterRejectedError),
    "another shape": (json_answer(200, '{"state": "Operational"}'), PrinterRejectedError),
    "null": (json_answer(200, "null"), PrinterRejectedError),
    "not UTF-8": (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\n\xff\xfe{}", PrinterRejectedError),
    "redirect": (json_answer(302, "", "Location: http://127.0.0.1:1/\r\n"), PrinterRejectedError),
    "500": (json_answer(500, "{}"), PrinterOfflineError),
    "not HTTP": (b"SSH-2.0-OpenSSH_9.2\r\n", PrinterOfflineError),
    "nothing": (b"", PrinterOfflineError),
    "less than promised": (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", PrinterOfflineError),
    "silence": (None, PrinterOfflineError),
    "trickle": (trickle, PrinterOfflineError),
    "flood": (flood, PrinterRejectedError),
}
