"""Printers: one driver interface, a driver a protocol, and a supervisor task a printer."""
