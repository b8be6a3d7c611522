"""What lets an httpx client be made in no time when it only asks servers of this machine, in plain HTTP."""

from __future__ import annotations

import ssl

NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For `verify=`. It trusts nobody: to read whom the machine trusts takes 18 ms of CPU, for each client anew."""
