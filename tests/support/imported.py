"""What a gateway with the printing plugin has imported once it runs. See `forked.py`."""

from __future__ import annotations

import importlib

for _name in (
    "aiosqlite",
    "asyncpg",
    "fluxgate.cli",
    "fluxgate_printing.native",
    "fluxgate_printing.piccolo_app",
    "fluxgate_printing.plugin",
    "fluxgate_printing.proxied",
    "litestar.plugins.pydantic",
    "piccolo.engine.postgres",
    "piccolo.engine.sqlite",
    "uvicorn.lifespan.on",
    "uvicorn.protocols.http.httptools_impl",
):
    importlib.import_module(_name)
