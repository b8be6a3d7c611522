"""The record of every change."""

from fluxgate.audit.trail import AuditTrail

__all__ = ["AuditTrail"]
