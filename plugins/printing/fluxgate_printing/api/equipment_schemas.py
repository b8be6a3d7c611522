"""The JSON of the routes that add, change and try printers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec

from fluxgate_printing.api.schemas import PrinterName
from fluxgate_printing.equipment import PrinterEntry
from fluxgate_printing.inventory import Source
from fluxgate_printing.printers.kinds import DriverKind
from fluxgate_printing.printers.trial import Finding

PrinterSettingsObject = Annotated[
    dict[str, Any],
    msgspec.Meta(
        description="What would stand in `[plugins.printing.printers.<name>]`: `driver`, and what printers of that kind"
        " have (`GET /printer-drivers`).",
        examples=[{"driver": "octoprint", "url": "http://octopi.local", "api_key": "…"}],
    ),
]


class PrinterAdd(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`POST /printer-settings`. `enabled`: it is used at once; `default`: routes without a printer's name speak of
    it."""

    name: PrinterName
    settings: PrinterSettingsObject
    enabled: bool = True
    default: bool = False


class PrinterEdit(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`PUT /printer-settings/{printer}`. A secret that isn't mentioned stays as it is, unless `url` leads to another
    server; null removes it. `revision`: that of what was changed, to be told if somebody else was faster."""

    settings: PrinterSettingsObject
    revision: Annotated[int, msgspec.Meta(ge=1)] | None = None


class PrinterSwitch(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`PATCH /printer-settings/{printer}`; what is left out stays as it is."""

    enabled: bool | None = None
    default: bool | None = None


class PrinterTry(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`POST /printer-test`. `name` alone: a printer as it is; with `settings`: its secrets where these don't mention
    them; `settings` alone: a new one; neither: the default printer."""

    name: PrinterName | None = None
    settings: PrinterSettingsObject | None = None


class FindingView(msgspec.Struct, kw_only=True):
    """What was found of one part: `address`, `server`, `login`, `printer`, `camera`, in this order. `mend`: what to do
    about it."""

    part: str
    ok: bool
    message: str
    mend: str | None


class TrialView(msgspec.Struct, kw_only=True):
    """Whether the printer can be used, as far as it was found out; parts behind one that isn't `ok` weren't reached."""

    ok: bool
    findings: list[FindingView]


class PrinterEntryView(msgspec.Struct, kw_only=True, rename="camel"):
    """A printer with its settings. `source`: `configuration`, where alone it can be changed, or `added`; `secrets`: the
    names of those that are set; `in_service`: whether the gateway has to do with it right now; `problem`: why it can't
    be used as it is kept."""

    name: str
    source: Source
    driver: str
    settings: dict[str, Any]
    secrets: list[str]
    enabled: bool
    default: bool
    in_service: bool
    problem: str | None
    revision: int | None
    created_by: str | None
    created_at: datetime | None
    updated_by: str | None
    updated_at: datetime | None


class PrinterEntryList(msgspec.Struct, kw_only=True):
    """`GET /printer-settings`."""

    printers: list[PrinterEntryView]


class DriverView(msgspec.Struct, kw_only=True):
    """A kind of printer. `schema`: of its printers' settings, as JSON Schema (2020-12); `secrets`: those that are never
    shown."""

    driver: str
    title: str
    secrets: list[str]
    schema: dict[str, Any]


class DriverList(msgspec.Struct, kw_only=True):
    """`GET /printer-drivers`."""

    drivers: list[DriverView]


def entry_view(entry: PrinterEntry) -> PrinterEntryView:
    """A printer with its settings."""
    listed, added = entry.listed, entry.listed.added
    return PrinterEntryView(
        name=listed.name,
        source=listed.source,
        driver=listed.kind.type,
        settings=entry.settings,
        secrets=entry.secrets,
        enabled=listed.enabled,
        default=listed.is_default,
        in_service=entry.in_service,
        problem=listed.problem,
        revision=None if added is None else added.revision,
        created_by=None if added is None else added.created_by,
        created_at=None if added is None else added.created_at,
        updated_by=None if added is None else added.updated_by,
        updated_at=None if added is None else added.updated_at,
    )


def trial_view(findings: list[Finding]) -> TrialView:
    """What a trial found."""
    return TrialView(
        ok=all(finding.ok for finding in findings),
        findings=[FindingView(**msgspec.structs.asdict(finding)) for finding in findings],
    )


def driver_view(kind: DriverKind) -> DriverView:
    """A kind of printer."""
    return DriverView(
        driver=kind.type, title=kind.title, secrets=sorted(kind.secrets), schema=msgspec.json.schema(kind.settings)
    )
