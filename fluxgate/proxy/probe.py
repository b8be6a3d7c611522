"""Asks an upstream by itself how it is, on connections beside the pool's: one that is down is known to be before a
request finds out, and known to be back as soon as it is.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fluxgate.proxy.failures import UpstreamError
from fluxgate.proxy.http1 import UpstreamConnection
from fluxgate.proxy.pool import Pool
from fluxgate.proxy.route import HealthProbe

__all__ = ["probing"]

logger = logging.getLogger("fluxgate.proxy")


@asynccontextmanager
async def probing(pool: Pool) -> AsyncIterator[None]:
    """Probe the pool's upstream for the length of the context, if it declares how."""
    probe = pool.upstream.probe
    if probe is None:
        yield
        return
    task = asyncio.create_task(_run(pool, probe), name=f"probe of {pool.upstream.name}")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
        pool.is_down = False


async def _run(pool: Pool, probe: HealthProbe) -> None:
    well = ill = 0
    while True:
        failure = await _ask(pool, probe)
        well, ill = (0, ill + 1) if failure else (well + 1, 0)
        if failure and not pool.is_down and ill >= probe.fall:
            logger.warning("upstream %s is down: its probe %s", pool.upstream.name, failure)
            pool.is_down = True
        elif not failure and pool.is_down and well >= probe.rise:
            logger.info("upstream %s is up again", pool.upstream.name)
            pool.is_down = False
            pool.breaker.reset()
        await asyncio.sleep(probe.interval * (0.8 + 0.4 * random.random()))  # noqa: S311 - jitter


async def _ask(pool: Pool, probe: HealthProbe) -> str:
    """Why the probe failed; empty if it didn't."""
    connection: UpstreamConnection | None = None
    try:
        async with asyncio.timeout(probe.timeout):
            connection = await pool.connect_apart()
            connection.begin(is_head=False)
            path = pool.base_path + probe.path.encode("ascii")
            connection.write(
                b"GET %b HTTP/1.1\r\nhost: %b\r\nuser-agent: fluxgate-probe\r\nconnection: close\r\n\r\n"
                % (path, pool.host_header)
            )
            head = await connection.head()
    except TimeoutError:
        return f"isn't answered within {probe.timeout:g} s"
    except UpstreamError as error:
        return f"fails: {error}"
    finally:
        if connection is not None:
            pool.release(connection, reusable=False)
    return "" if head.status in probe.statuses else f"is answered {head.status}"
