"""The gateway as it stands in front of real users: every caller has a token, and every layer is on."""

from __future__ import annotations

import time

import jwt

__all__ = ["CLAIMS", "CONFIG", "HEADERS", "SECRET"]

SECRET = "of-the-benchmark-and-nobody-else-0123456789abcdef"
_ISSUER = "https://issuer.test"

CONFIG = f"""
[auth.jwt]
issuer = "{_ISSUER}"
audience = ["fluxgate"]
secret = "{SECRET}"
"""

CLAIMS = {"iss": _ISSUER, "aud": "fluxgate", "sub": "ada", "roles": ["operator"], "exp": int(time.time()) + 86_400}
HEADERS = {"Authorization": f"Bearer {jwt.encode(CLAIMS, SECRET, 'HS256')}"}
"""An operator's."""
