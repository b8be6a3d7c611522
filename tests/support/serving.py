"""A plain uvicorn in the test's own event loop, for ASGI apps that need real sockets but not the whole gateway."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import uvicorn

from fluxgate.errors import PROBLEM_TYPE, ProblemError
from fluxgate.types import ASGIApp, Message, Receive, Scope, Send


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # the test run's signals stay its own


@asynccontextmanager
async def serving(app: ASGIApp) -> AsyncIterator[str]:
    """The base URL at which `app` is served; a `ProblemError` before the answer starts becomes a problem body."""

    async def with_problems(scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def noting(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await app(scope, receive, noting)
        except ProblemError as problem:
            if started:
                raise  # uvicorn breaks the connection off
            headers = [(b"content-type", PROBLEM_TYPE.encode()), *problem.headers]
            await send({"type": "http.response.start", "status": problem.problem_status, "headers": headers})
            await send({"type": "http.response.body", "body": problem.body()})

    config = uvicorn.Config(
        with_problems, port=0, lifespan="off", log_config=None, access_log=False, timeout_graceful_shutdown=1
    )
    server = _Server(config)
    task = asyncio.ensure_future(server.serve())
    while not server.started:
        assert not task.done(), task.result()
        await asyncio.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        server.force_exit = True
        await task
