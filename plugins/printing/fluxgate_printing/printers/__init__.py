"""Printers: one driver interface, a driver a protocol, and a supervisor task that keeps each printer's current state."""
