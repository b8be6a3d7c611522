"""`[plugins.printing]`: which backend serves the routes, where FluxPrint or the printers are, limits."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from fluxgate_printing.models import BuildVolume

Seconds = Annotated[float, msgspec.Meta(gt=0, le=86_400)]
Fps = Annotated[float, msgspec.Meta(ge=0.1, le=30)]
Bytes = Annotated[int, msgspec.Meta(ge=1)]

MIB = 1024**2
GIB = 1024**3

FLUXPRINT = "fluxprint"
OCTOPRINT = "octoprint"
VIRTUAL = "virtual"
"""What a printer is called that has no name in the configuration."""


class FluxPrintSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A FluxPrint service. `url`: its base, such as `http://localhost:5001`; `timeout`, `upload_timeout`: seconds of
    silence. After `breaker_failures` failures in a row (0: never) it isn't asked for some seconds. `probe_seconds`: how
    often its `/health` is asked (0: never; a service without `/health` must say 0). `cache_seconds`: how long status,
    job, queue, files and temperature are kept for all who look (0: not at all)."""

    url: str | None = None
    enabled: bool = True
    timeout: Seconds = 30.0
    upload_timeout: Seconds = 60.0
    max_connections: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 100
    breaker_failures: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 5
    probe_seconds: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 0
    cache_seconds: Annotated[float, msgspec.Meta(ge=0, le=60)] = 0


class AnyPrinterSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="driver"):
    """What every printer has, whatever speaks to it. `camera_url`: its MJPEG stream; `camera_snapshot_url`: instead, a
    camera that gives single pictures, asked `camera_fps` times a second while somebody watches; `groups`: of printers,
    for grants and for jobs.

    What it can print, for jobs that say what they need: `model`; `nozzle`: diameter in mm; `materials`: types, such as
    `PLA`; `build_volume` in mm. What isn't said is no obstacle, but for `model` and `groups`.

    `auto_start`, `bed_gate`: if it is to be otherwise than for all printers.

    `max_hotend`, `max_bed`: the highest temperatures that may be set, in °C. `allowed_gcode`: commands that printing
    admins may send it, such as `M117`; none by default."""

    camera_url: str | None = None
    camera_snapshot_url: str | None = None
    camera_fps: Fps = 1.0
    groups: tuple[str, ...] = ()
    model: Annotated[str, msgspec.Meta(max_length=100)] | None = None
    nozzle: Annotated[float, msgspec.Meta(gt=0, le=10)] | None = None
    materials: tuple[str, ...] = ()
    build_volume: BuildVolume | None = None
    auto_start: bool | None = None
    bed_gate: bool | None = None
    max_hotend: Annotated[float, msgspec.Meta(gt=0, le=600)] = 300.0
    max_bed: Annotated[float, msgspec.Meta(gt=0, le=200)] = 120.0
    allowed_gcode: tuple[Annotated[str, msgspec.Meta(pattern="^[A-Za-z][A-Za-z0-9_.]*$")], ...] = ()


class VirtualPrinterSettings(AnyPrinterSettings, frozen=True, kw_only=True, tag="virtual"):
    """A simulated FDM printer. `speed_factor`: simulated seconds per real second; `fail`: what it does wrong, and at
    what completion (%)."""

    speed_factor: Annotated[float, msgspec.Meta(gt=0, le=1_000_000)] = 20.0
    fail: Literal["never", "thermal", "disconnect"] = "never"
    fail_at: Annotated[float, msgspec.Meta(ge=0, le=100)] = 50.0


class OctoPrintSettings(AnyPrinterSettings, frozen=True, kw_only=True, tag="octoprint"):
    """An OctoPrint server. `api_key`: a user's key; `camera_url`: default is what OctoPrint says; `poll_interval` in
    seconds."""

    url: str | None = None
    api_key: str | None = None
    timeout: Seconds = 10.0
    poll_interval: Seconds = 1.0


class MoonrakerSettings(AnyPrinterSettings, frozen=True, kw_only=True, tag="moonraker"):
    """A Moonraker server, and the Klipper printer behind it. `url`: Moonraker's own (port 7125), or the web page's that
    leads to it; `api_key`: if it doesn't trust the gateway's address; `camera_url`: default is the first camera that
    Moonraker lists; `poll_interval` in seconds."""

    url: str | None = None
    api_key: str | None = None
    timeout: Seconds = 10.0
    poll_interval: Seconds = 1.0


class PrusaLinkSettings(AnyPrinterSettings, frozen=True, kw_only=True, tag="prusalink"):
    """A PrusaLink server. `api_key`, or `username` and `password`, as PrusaLink's own settings have them; it names no
    camera; `poll_interval` in seconds."""

    url: str | None = None
    api_key: str | None = None
    username: str | None = None
    password: str | None = None
    timeout: Seconds = 10.0
    poll_interval: Seconds = 0.5


PrinterSettings = OctoPrintSettings | MoonrakerSettings | PrusaLinkSettings | VirtualPrinterSettings


class FileSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Uploads. `max_bytes`: the largest file; `extensions`: what may be uploaded, lower case, with the dot;
    `max_files`: in one upload. On the native backend `quota_bytes`: of all files together, `user_quota_bytes`: of one
    caller's, without a limit unless they are set; `min_free_bytes`: what uploads leave free on the disk."""

    max_bytes: Bytes = 1 * GIB
    max_files: Annotated[int, msgspec.Meta(ge=1, le=100)] = 10
    extensions: tuple[str, ...] = (".gcode", ".gco", ".g")
    quota_bytes: Bytes | None = None
    user_quota_bytes: Bytes | None = None
    min_free_bytes: Annotated[int, msgspec.Meta(ge=0)] = 256 * MIB


Role = Literal["viewer", "operator", "admin"]
Who = Annotated[str, msgspec.Meta(pattern="^(role|group|user):.+$")]


class GrantSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A role on some printers. `who`: as in `[plugins.printing.access]`; `printers`: their names, or `group:NAME` for
    all of a group."""

    who: Annotated[tuple[Who, ...], msgspec.Meta(min_length=1, examples=[["group:class-7b", "user:ada"]])]
    printers: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, examples=[["my-octoprint", "my-virtual"]])]
    role: Role = "operator"


class AccessSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may look (`viewers`), print (`operators`), and do everything (`admins`), on all printers: `role:…`, `group:…`
    or `user:…` of the gateway's callers. An admin of the gateway is one here. `visibility`: whether viewers and
    operators see everybody's jobs and files, or their `own` and their projects'. `stop_others`: who may pause and
    cancel a print of somebody else's under `own`. `grants`: roles on some printers."""

    viewers: tuple[Who, ...] = ("role:viewer",)
    operators: tuple[Who, ...] = ("role:operator",)
    admins: tuple[Who, ...] = ()
    visibility: Literal["all", "own"] = "all"
    stop_others: Literal["operator", "admin"] = "admin"
    grants: tuple[GrantSettings, ...] = ()


PRICES = {"PLA": 25.0, "PETG": 25.0, "ABS": 25.0, "TPU": 40.0, "NYLON": 60.0}
PricePerKg = Annotated[float, msgspec.Meta(ge=0, le=1_000_000)]


class CostSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What prints cost, in `currency` (ISO 4217). `materials`: the price of a kg by type, in any case of letters;
    `default_material`: of a kg of any other type; `machine_per_hour`: of an hour of printing; `density`: of a material
    that isn't known, in g/cm³."""

    currency: Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")] = "EUR"
    materials: dict[str, PricePerKg] = msgspec.field(default_factory=lambda: dict(PRICES))
    default_material: PricePerKg = 25.0
    machine_per_hour: Annotated[float, msgspec.Meta(ge=0, le=1_000_000)] = 0.0
    density: Annotated[float, msgspec.Meta(gt=0, le=25)] = 1.24


class PresetSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Temperatures to warm up to, in °C, under a name of your own, such as a material's; 0 is off. By default there are
    PLA, PETG, ABS, TPU and NYLON; presets of your own take the place of all of these."""

    hotend: Annotated[float, msgspec.Meta(ge=0, le=600)]
    bed: Annotated[float, msgspec.Meta(ge=0, le=200)]


PRESETS = {
    "PLA": PresetSettings(hotend=210.0, bed=60.0),
    "PETG": PresetSettings(hotend=240.0, bed=80.0),
    "ABS": PresetSettings(hotend=245.0, bed=100.0),
    "TPU": PresetSettings(hotend=225.0, bed=50.0),
    "NYLON": PresetSettings(hotend=255.0, bed=80.0),
}
PresetName = Annotated[str, msgspec.Meta(min_length=1, max_length=50)]


class PrintingSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The printing plugin.

    `backend`: `fluxprint` forwards to a FluxPrint service, `native` drives printers itself, `auto` is `fluxprint` if
    its URL is set, else
    `native`. `printers`: the native backend's printers by name; with none, `octoprint` if its URL is set, else one
    virtual printer.
    `default_printer`: the one the eight routes speak of; by default the first.
    `auto_start`: printers take the next job that fits by itself. `bed_gate`: after a print a printer takes no job until
    somebody says that its bed is clear; to be switched off only for printers that clear their beds themselves.
    `presets`: temperatures by name, to be offered where printers are heated by hand.
    `retention_days`: how long jobs that ended are kept; 0: for ever.
    """

    backend: Literal["auto", "native", "fluxprint"] = "auto"
    fluxprint: FluxPrintSettings = FluxPrintSettings()
    octoprint: OctoPrintSettings = OctoPrintSettings()
    printers: dict[str, PrinterSettings] = {}
    default_printer: str | None = None
    auto_start: bool = False
    bed_gate: bool = True
    files: FileSettings = FileSettings()
    access: AccessSettings = AccessSettings()
    costs: CostSettings = CostSettings()
    presets: dict[PresetName, PresetSettings] = msgspec.field(default_factory=lambda: dict(PRESETS))
    retention_days: Annotated[int, msgspec.Meta(ge=0, le=36_500)] = 90

    def __post_init__(self) -> None:
        if self.uses_fluxprint and self.access.visibility == "own":
            raise ValueError(
                "access: visibility `own` needs the native backend: what FluxPrint lists can't be told apart"
            )

    @property
    def uses_fluxprint(self) -> bool:
        """Whether the routes are forwarded to a FluxPrint service."""
        return self.backend == "fluxprint" or (self.backend == "auto" and self.fluxprint.url is not None)

    @property
    def native_printers(self) -> dict[str, AnyPrinterSettings]:
        """The native backend's printers, in the order of the configuration, whatever they are worth.

        `octoprint` is one of them, the first, if it has a URL. With no printer at all there is a virtual one.
        """
        printers: dict[str, AnyPrinterSettings] = {OCTOPRINT: self.octoprint} if self.octoprint.url else {}
        printers.update(self.printers)
        camera = self.octoprint
        return printers or {
            VIRTUAL: VirtualPrinterSettings(
                camera_url=camera.camera_url,
                camera_snapshot_url=camera.camera_snapshot_url,
                camera_fps=camera.camera_fps,
            )
        }

    @property
    def printer_groups(self) -> dict[str, frozenset[str]]:
        """The printers that the routes speak of, and the groups of each."""
        if self.uses_fluxprint:
            return {FLUXPRINT: frozenset()}
        return {name: frozenset(printer.groups) for name, printer in self.native_printers.items()}


ENVIRONMENT = {
    "FLUXPRINT_SERVICE_URL": "fluxprint.url",
    "FLUXPRINT_ENABLED": "fluxprint.enabled",
    "OCTOPRINT_URL": "octoprint.url",
    "OCTOPRINT_API_KEY": "octoprint.api_key",
    "OCTOPRINT_CAMERA_URL": "octoprint.camera_url",
}
