"""Litestar handlers of the native backend, one file a resource; no logic."""
