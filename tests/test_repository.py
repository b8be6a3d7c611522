"""What must not get into the repository: a machine's paths, a registry's host, a lock that names one."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
# Fragments, so that this file doesn't hold what it forbids.
REGISTRY = re.compile(r"https?://[\w.-]*(?:pypi|pythonhosted|npmjs|yarnpkg|debian\.org|ubuntu\.com)", re.IGNORECASE)
INDEX_OPTION = re.compile(r"^\s*--(?:extra-)?index-url|^\s*--find-links|^\s*-[if] ", re.MULTILINE)
MACHINE_PATH = re.compile(r"(?<![\w./-])/(?:work|root|home/\w+)/")
GROUPED = """
import os, pathlib, pytest

@pytest.mark.parametrize("number", range(20))
@pytest.mark.parametrize("rig", [pytest.param("one", marks=pytest.mark.xdist_group("one"))])
def test_it(rig, number):
    with pathlib.Path("workers").open("a") as file:
        file.write(os.environ["PYTEST_XDIST_WORKER"] + " ")
"""
LOCKS_WITH_HOSTS = {"uv.lock", "pylock.toml", "poetry.lock"}


def tracked() -> list[Path]:
    names = subprocess.run(["git", "ls-files", "-z"], cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout
    return [CHECKOUT / name for name in names.split("\0") if name and (CHECKOUT / name).is_file()]


def texts() -> dict[str, str]:
    found = {}
    for path in tracked():
        content = path.read_bytes()
        if b"\0" not in content:
            found[str(path.relative_to(CHECKOUT))] = content.decode("utf-8")
    return found


def test_no_file_names_a_registry_or_a_machines_path() -> None:
    mine = Path(__file__).name
    for name, text in texts().items():
        if not name.endswith(mine):
            assert not REGISTRY.search(text), name
            assert not MACHINE_PATH.search(text), name


def test_locks_have_hashes_and_no_hosts() -> None:
    names = [path.name for path in tracked()]
    assert not LOCKS_WITH_HOSTS & set(names)
    locks = {name: text for name, text in texts().items() if re.fullmatch(r"requirements/\w+\.txt", name)}
    names = ("build", "dev", "moonraker", "octoprint", "prusalink", "runtime")
    assert set(locks) == {f"requirements/{name}.txt" for name in names}
    for name, text in locks.items():
        assert "://" not in text, name
        assert not INDEX_OPTION.search(text), name
        requirements = re.split(r"\n(?=\w)", text.strip())
        assert [line.splitlines()[0] for line in requirements if "--hash=sha256:" not in line] == [], name


def test_npm_locks_name_no_host() -> None:
    for name, text in texts().items():
        if name.endswith("package-lock.json"):
            assert '"resolved": "http' not in text, name


def test_both_commands_are_executable() -> None:
    for name in (".ci/run", "tests/install-services"):
        assert (CHECKOUT / name).stat().st_mode & 0o111, name


def test_tests_of_one_group_run_in_one_worker(tmp_path: Path) -> None:
    """Or each worker starts its own OctoPrint, Moonraker, PrusaLink, and those get into each other's way."""
    (tmp_path / "test_group.py").write_text(GROUPED)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-n", "2", "--dist", "loadgroup"]
    subprocess.run([*command, "--rootdir", tmp_path, tmp_path], cwd=tmp_path, check=True, capture_output=True)
    assert len(set((tmp_path / "workers").read_text().split())) == 1
