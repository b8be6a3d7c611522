"""`python -m benchmarks [--quick] [--only NAME …]`: all comparisons in one run, one table of ratios and goals."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import cached, camera_rows, dashboard, fleet, gateway, gets, history, layers, live, transfers
from benchmarks.contestants import Workshop, install_peers
from benchmarks.processes import PrerequisiteError, choose_cores, pinned
from benchmarks.report import Plan, Row, save, table

RESULTS = Path(__file__).with_name("results")
MEASURES: dict[str, Callable[[Workshop, Plan], list[Row]]] = {
    "gets": gets.measure,
    "cached": cached.measure,
    "transfers": transfers.measure,
    "state": gateway.measure_state,
    "layers": layers.measure,
    "start": gateway.measure_start,
    "camera": camera_rows.measure,
    "history": history.measure,
    "fleet": fleet.measure,
    "live": live.measure,
    "dashboard": dashboard.measure,
}
ROUNDS = 5
QUICK_ROUNDS = 2


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_ROUNDS} rounds instead of {ROUNDS}")
    parser.add_argument("--only", action="append", choices=sorted(MEASURES), help="only this measure; may be repeated")
    options = parser.parse_args()
    plan = Plan(QUICK_ROUNDS if options.quick else ROUNDS, options.quick)
    rows: list[Row] = []
    failed = False
    begun = time.monotonic()
    try:
        install_peers()
        cores = choose_cores()
    except PrerequisiteError as error:
        print(error, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="fluxgate-bench-") as name, pinned(cores.load):
        folder = Path(name)
        folder.chmod(0o755)  # nginx's workers run as another user when we are root
        for measure in options.only or MEASURES:
            workshop = Workshop(folder, cores)
            print(f"{measure} …", file=sys.stderr, flush=True)
            try:
                rows.extend(MEASURES[measure](workshop, plan))
            except (PrerequisiteError, OSError) as error:
                failed = True
                print(f"{measure} could not be measured: {error}", file=sys.stderr)
            finally:
                workshop.stop()
    seconds = round(time.monotonic() - begun, 1)
    print(table(rows))
    load = os.getloadavg()[0]
    print(f"\n{plan.rounds} rounds, {seconds:.0f} s; load average {load:.1f} (keep the machine quiet for good figures)")
    stamp = time.strftime("%Y%m%d-%H%M%S")
    context: dict[str, str | int | float] = {
        "when": stamp,
        "rounds": plan.rounds,
        "seconds": seconds,
        "python": platform.python_version(),
        "load_average": load,
    }
    saved = save(rows, RESULTS, stamp, context)
    print(f"saved as {saved.relative_to(Path.cwd()) if saved.is_relative_to(Path.cwd()) else saved}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
