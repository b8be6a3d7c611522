"""Settings of the whole test run, over both distributions' tests."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# How long an example takes says more about the machine than about the code. CI tries the same examples each time.
settings.register_profile(
    "fluxgate",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="CI" in os.environ,
    print_blob=True,
)
settings.load_profile("fluxgate")
