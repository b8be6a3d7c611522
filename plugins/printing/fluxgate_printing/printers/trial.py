"""Whether a printer can be used with these settings: it is asked once, and what is wrong is said with what to do."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import Literal

import httpx
import msgspec

from fluxgate_printing.printers.base import (
    PrinterDriver,
    PrinterError,
    PrinterLoginError,
    PrinterOfflineError,
    PrinterRejectedError,
)

__all__ = ["Finding", "Part", "try_printer"]

TIMEOUT = 20.0

Part = Literal["address", "server", "login", "printer", "camera"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What was found of one part. `mend`: what to do about it, if it isn't `ok`."""

    part: Part
    ok: bool
    message: str
    mend: str | None = None


async def try_printer(driver: PrinterDriver, server: str) -> list[Finding]:
    """Ask a printer for its state, once; what came of it, as far as it came. `server`: what kind it is to be, for
    people. Never raises; at most `TIMEOUT` seconds."""
    try:
        async with asyncio.timeout(TIMEOUT):
            state = await driver.read_state()
    except PrinterError as error:
        return _refused(error, server)
    except TimeoutError:
        return [_silent(server)]
    except Exception as error:  # noqa: BLE001 - a driver's mistake is a finding
        return [
            Finding(
                part="server",
                ok=False,
                message=f"The driver failed ({type(error).__name__}).",
                mend="Report this to whoever makes the driver.",
            )
        ]
    found = [
        Finding(part="address", ok=True, message="It answers."),
        Finding(part="server", ok=True, message=f"It is {server}."),
        Finding(part="login", ok=True, message="It lets the gateway in."),
    ]
    if state.status in {"offline", "connecting"}:
        found.append(
            Finding(
                part="printer",
                ok=False,
                message=f"{server} isn't connected to its printer ({state.error or state.text}).",
                mend=f"Switch the printer on, check its cable, and have {server} connect to it.",
            )
        )
    elif state.status == "error":
        found.append(
            Finding(
                part="printer",
                ok=False,
                message=f"The printer reports an error: {state.error or state.text}",
                mend="Clear the error at the printer.",
            )
        )
    else:
        found.append(Finding(part="printer", ok=True, message=f"The printer is there ({state.text})."))
    return found


def _refused(error: PrinterError, server: str) -> list[Finding]:
    answers = Finding(part="address", ok=True, message="It answers.")
    if isinstance(error, PrinterLoginError):
        return [
            answers,
            Finding(part="server", ok=True, message=f"It is {server}."),
            Finding(part="login", ok=False, message=str(error), mend=error.mend),
        ]
    if isinstance(error, PrinterOfflineError) and (unreachable := _unreachable(error)) is not None:
        return [unreachable]
    if isinstance(error, PrinterRejectedError):
        return [
            answers,
            Finding(
                part="server",
                ok=False,
                message=str(error),
                mend=f"Check that url leads to {server} itself: open it in a browser, without the page's path.",
            ),
        ]
    return [
        answers,
        Finding(
            part="server", ok=False, message=str(error), mend=f"Look whether {server} is running well, then try again."
        ),
    ]


def _unreachable(error: PrinterError) -> Finding | None:
    """Why no connection came about; None if one did."""
    causes = _causes(error)
    for kind, message, mend in _UNREACHABLE:
        if any(isinstance(cause, kind) for cause in causes):
            return Finding(part="address", ok=False, message=message, mend=mend)
    return None


def _causes(error: BaseException) -> list[BaseException]:
    causes: list[BaseException] = [error]
    for cause in causes:
        if isinstance(cause, BaseExceptionGroup):
            causes += cause.exceptions
        elif (deeper := cause.__cause__ or cause.__context__) is not None:
            causes.append(deeper)
    return causes


def _silent(server: str) -> Finding:
    return Finding(part="address", ok=False, message=f"{server} doesn't answer in time.", mend=_ON_AND_REACHABLE)


_ON_AND_REACHABLE = (
    "Check that it is switched on, that url has the right address, and that the gateway's machine has a way to its"
    " network, without a firewall in between."
)
_UNREACHABLE: tuple[tuple[type[Exception], str, str], ...] = (
    (
        socket.gaierror,
        "There is no machine of that name.",
        "Check the name in url for typing errors, or use the machine's IP address: names that end in .local are known"
        " in their own network only, and to machines that have mDNS.",
    ),
    (
        ConnectionRefusedError,
        "The machine answers, and nothing listens on that port.",
        "Check the port in url, and that the service is running.",
    ),
    (
        ssl.SSLError,
        "No secure connection comes about.",
        "If it has no certificate that the gateway's machine trusts, use http:// in your own network, or have its"
        " certificate trusted there.",
    ),
    (httpx.TimeoutException, "It doesn't answer in time.", _ON_AND_REACHABLE),
    (TimeoutError, "It doesn't answer in time.", _ON_AND_REACHABLE),
    (httpx.ConnectError, "It can't be reached from the gateway.", _ON_AND_REACHABLE),
)
