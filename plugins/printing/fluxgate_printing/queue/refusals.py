"""Why a printer doesn't take a job or a command, as the answers that clients get."""

from __future__ import annotations

from fluxgate.errors import ConflictError, ProblemError, UnavailableError
from fluxgate_printing.models import ACTIVE_STATUSES, PrinterState
from fluxgate_printing.printers.base import (
    PrinterBusyError,
    PrinterError,
    PrinterOfflineError,
    PrinterOutcomeUnknown,
)
from fluxgate_printing.queue.floor import PrinterRecord

__all__ = ["bed_not_clear", "check_ready", "occupied", "out_of_service", "printer_problem"]

RETRY_AFTER = 5
_BEDS = {
    "completed": "its last print is done",
    "failed": "its last print failed",
    "canceled": "its last print was canceled",
    "unattended": "a print ended on it that wasn't started from here",
}


def check_ready(name: str, state: PrinterState) -> None:
    """Raise unless a print may start on a printer that is in this state, seen just now."""
    if state.status in {"offline", "connecting"}:
        raise UnavailableError(
            f"{name} is offline. {state.error or ''}".strip(), code="PRINTER_OFFLINE", retry_after=RETRY_AFTER
        )
    if state.stale:
        raise UnavailableError(f"{name} is overdue to answer.", code="PRINTER_OFFLINE", retry_after=RETRY_AFTER)
    if state.status == "error":
        raise ConflictError(f"{name} reports an error: {state.error or state.text}", code="PRINTER_ERROR")
    if state.status in ACTIVE_STATUSES:
        raise ConflictError(f"{name} is busy ({state.text}).", code="PRINTER_BUSY")


def occupied(name: str, *, unknown: bool) -> ConflictError:
    """The printer has a job already; `unknown`: whether it printed it isn't known. Whose it is, and its name, isn't
    everybody's business."""
    if unknown:
        return ConflictError(
            f"{name} is held: whether it printed its last job isn't known. Look at the printer, then settle that job.",
            code="PRINTER_HELD",
        )
    return ConflictError(f"{name} is printing another job.", code="PRINTER_BUSY")


def out_of_service(name: str) -> ConflictError:
    """It was disabled or removed."""
    return ConflictError(f"{name} is out of service.", code="PRINTER_OUT_OF_SERVICE")


def bed_not_clear(name: str, printer: PrinterRecord) -> ConflictError:
    """Nobody has said yet that the last print was taken off the bed."""
    text = _BEDS.get(printer.bed or "", "a print ended on it")
    return ConflictError(
        f"The bed of {name} isn't confirmed clear: {text}. Look, take the print off, then confirm it.",
        code="BED_NOT_CLEAR",
    )


def printer_problem(name: str, error: PrinterError) -> ProblemError:
    """The answer to a command that a printer didn't take."""
    if isinstance(error, PrinterOfflineError):
        return UnavailableError(f"{name}: {error}", code="PRINTER_OFFLINE", retry_after=RETRY_AFTER)
    if isinstance(error, PrinterBusyError):
        return ConflictError(f"{name}: {error}", code="PRINTER_STATE")
    if isinstance(error, PrinterOutcomeUnknown):
        return ProblemError(f"{name}: {error}", status=504, code="PRINTER_OUTCOME_UNKNOWN")
    return ProblemError(f"{name}: {error}", status=502, code="PRINTER_REJECTED")
