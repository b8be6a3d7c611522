"""The record of every change."""

from fluxgate.audit.api import audit_route
from fluxgate.audit.command import recorded_command
from fluxgate.audit.trail import AuditTrail

__all__ = ["AuditTrail", "audit_route", "recorded_command"]
