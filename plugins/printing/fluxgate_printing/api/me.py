"""What the caller may do here, so that a dashboard shows no button that would be refused."""

from __future__ import annotations

from litestar import get
from litestar.di import NamedDependency

from fluxgate.plugin import Principal
from fluxgate_printing.access import KNOWN, Access
from fluxgate_printing.api import docs
from fluxgate_printing.api.me_schemas import Backend, MeView
from fluxgate_printing.ledger import JobLedger
from fluxgate_printing.service import PrintingService
from fluxgate_printing.settings import Role


@get("/me", summary="What the caller may do here", policy=KNOWN, doc=docs.ME)
async def show(service: NamedDependency[PrintingService], principal: NamedDependency[Principal]) -> MeView:
    """For anybody who is known, also without any role here, and whatever the scopes."""
    access = service.callers.access
    printers = access.roles(principal)
    default = service.default if service.default in printers else None
    return _view(access, principal, backend="native", default=default, printers=printers)


@get("/me", summary="What the caller may do here", policy=KNOWN, doc=docs.ME)
async def show_remote(ledger: NamedDependency[JobLedger], principal: NamedDependency[Principal]) -> MeView:
    """For anybody who is known, also without any role here, and whatever the scopes. FluxPrint's printer has no name
    here."""
    return _view(ledger.callers.access, principal, backend="fluxprint", default=None, printers={})


def _view(
    access: Access, principal: Principal, *, backend: Backend, default: str | None, printers: dict[str, Role]
) -> MeView:
    return MeView(
        backend=backend,
        default=default,
        visibility="own" if access.own_only else "all",
        stop_others=access.stops_others(principal),
        everywhere=access.role(principal),
        anywhere=access.best_role(principal),
        printers=printers,
    )
