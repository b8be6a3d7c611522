"""The HTTP server: uvicorn with a protocol of our own where the ASGI interface can't say what a proxy has to know."""

from fluxgate.server.run import GatewayServer, make_server

__all__ = ["GatewayServer", "make_server"]
