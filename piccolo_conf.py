"""Where Piccolo's command line looks when it is run from the checkout."""

from fluxgate.piccolo_conf import APP_REGISTRY, DB  # noqa: F401
