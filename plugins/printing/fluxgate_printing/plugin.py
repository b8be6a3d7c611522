"""The hook implementations: the plugin's table of contents."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version

from litestar import Router
from litestar.di import Provide

from fluxgate.hookspecs import hookimpl
from fluxgate.plugin import PluginSettings, PluginSpec
from fluxgate_printing.api.options import options_view
from fluxgate_printing.dashboard_files import dashboard
from fluxgate_printing.fluxprint import fluxprint_gate, fluxprint_upstream, proxy_routes
from fluxgate_printing.native import HANDLERS as NATIVE_HANDLERS
from fluxgate_printing.native import NativeBackend
from fluxgate_printing.printers.kinds import Kinds
from fluxgate_printing.printers.others import other_kinds
from fluxgate_printing.proxied import HANDLERS as PROXIED_HANDLERS
from fluxgate_printing.proxied import FluxPrintBackend
from fluxgate_printing.settings import ENVIRONMENT, PrintingSettings

TITLE = "3D printing"
PICCOLO_APP = "fluxgate_printing.piccolo_app"
EXAMPLES = (
    "curl {base}/api/printing/status",
    "printf 'G28\\nM104 S60\\nG1 X100 F600\\nG4 S30\\n' > first.gcode"
    " && curl -F files=@first.gcode -F print=true {base}/api/printing/files/upload",
    "curl {base}/api/printing/camera/snapshot -o picture.jpg  # it moves at {base}/api/printing/camera/stream",
)


@hookimpl
def fluxgate_settings() -> PluginSettings:
    """`[plugins.printing]`."""
    return PluginSettings(type=_kinds().plugin_settings, environment=ENVIRONMENT)


@hookimpl
def fluxgate_plugin(settings: PrintingSettings) -> PluginSpec:
    """Printing, on the backend that the settings choose."""
    return _proxied(settings) if settings.uses_fluxprint else _native(settings)


@cache
def _kinds() -> Kinds:
    return Kinds(other_kinds())


def _native(settings: PrintingSettings) -> PluginSpec:
    backend = NativeBackend(settings, _kinds())
    options = options_view(settings)
    router = Router(
        path="/",
        route_handlers=backend.access.guarded(NATIVE_HANDLERS),
        dependencies={
            "service": Provide(lambda: backend.service, sync_to_thread=False),
            "ledger": Provide(lambda: backend.service.ledger, sync_to_thread=False),
            "equipment": Provide(lambda: backend.equipment, sync_to_thread=False),
            "options": Provide(lambda: options, sync_to_thread=False),
        },
    )
    return PluginSpec(
        title=TITLE,
        version=version("fluxgate-printing"),
        handlers=(router,),
        ui=dashboard(),
        streams=backend.streams,
        sockets=backend.sockets,
        health_checks=backend.checks,
        health_gates=(fluxprint_gate(settings.fluxprint),),
        gauges=backend.gauges,
        piccolo_app=PICCOLO_APP,
        lifespan=backend.running,
        examples=EXAMPLES,
    )


def _proxied(settings: PrintingSettings) -> PluginSpec:
    backend = FluxPrintBackend(settings)
    options = options_view(settings)
    router = Router(
        path="/",
        route_handlers=backend.access.guarded(PROXIED_HANDLERS),
        dependencies={
            "ledger": Provide(lambda: backend.ledger, sync_to_thread=False),
            "remote": Provide(lambda: backend.remote, sync_to_thread=False),
            "options": Provide(lambda: options, sync_to_thread=False),
        },
    )
    return PluginSpec(
        title=f"{TITLE} (FluxPrint)",
        version=version("fluxgate-printing"),
        upstreams=(fluxprint_upstream(settings.fluxprint),),
        proxy_routes=proxy_routes(settings, backend.access, backend.record, backend.vet),
        handlers=(router,),
        ui=dashboard(),
        streams=backend.streams,
        health_checks=backend.checks,
        health_gates=(fluxprint_gate(settings.fluxprint),),
        piccolo_app=PICCOLO_APP,
        lifespan=backend.running,
        examples=EXAMPLES[:1] + EXAMPLES[2:],
    )
