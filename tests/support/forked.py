"""Python programs in processes of their own that begin with the gateway imported: each is forked from one that has done
nothing but that. To import it takes more than a second of a core, and the tests start a gateway many hundred times.

All else is as if `python ARGUMENTS` had been started, with PYTHONPATH, and with PYTHONWARNINGS if that is `error`; the
wheel's own test does that.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["Forked", "run_forked"]

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.support.imported"])


class Forked:
    """`python -m MODULE …` or `python FILE …`, with what tests use of `subprocess.Popen`. `out`, `log`: files that
    standard output and standard error are appended to."""

    def __init__(
        self, arguments: Sequence[str | Path], *, cwd: Path, env: Mapping[str, str], out: Path, log: Path
    ) -> None:
        plain = [str(argument) for argument in arguments]
        for file in (out, log):
            file.touch()  # to be read at once
        self._process = _context.Process(
            target=_run, args=(plain, str(cwd), dict(env), str(out), str(log)), daemon=True
        )
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit code, or minus the signal that ended it; None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """The same."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, once it has ended; subprocess.TimeoutExpired."""
        self._process.join(timeout)
        code = self.returncode
        if code is None:
            raise subprocess.TimeoutExpired("gateway", timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        """No harm if it has ended."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)


def run_forked(
    arguments: Sequence[str | Path], *, cwd: Path, env: Mapping[str, str], timeout: float = 60
) -> subprocess.CompletedProcess[str]:
    """Run it to its end, with what it printed. Raises subprocess.TimeoutExpired."""
    with tempfile.TemporaryDirectory(prefix="fluxgate-forked-") as folder:
        out, log = Path(folder) / "out", Path(folder) / "log"
        process = Forked(arguments, cwd=cwd, env=env, out=out, log=log)
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        return subprocess.CompletedProcess(arguments, code, out.read_text(), log.read_text())


def _run(arguments: list[str], cwd: str, env: dict[str, str], out: str, log: str) -> None:
    """In the new process."""
    for path, descriptor in (("/dev/null", 0), (out, 1), (log, 2)):
        opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(opened, descriptor)
        os.close(opened)
    sys.stdin, sys.stdout, sys.stderr = (
        os.fdopen(number, "w" if number else "r", closefd=False) for number in range(3)
    )
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    for path in reversed(env.get("PYTHONPATH", "").split(os.pathsep)):
        if path and path not in sys.path:
            sys.path.insert(0, path)
    if env.get("PYTHONWARNINGS") == "error":
        warnings.simplefilter("error")
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        if arguments[0] == "-m":
            sys.argv = arguments[1:]
            runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv = arguments
            runpy.run_path(arguments[0], run_name="__main__")
    finally:
        atexit._run_exitfuncs()  # a forked process leaves them out
