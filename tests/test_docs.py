"""The pages for plugin authors hold: the example runs as it stands, and every hook and field is explained."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import msgspec
import pytest

from fluxgate import hookspecs
from fluxgate.plugin import PluginContext, PluginSpec

CHECKOUT = Path(__file__).resolve().parents[1]
PLUGINS_PAGE = CHECKOUT / "docs/plugins.md"
FILE_BLOCK = re.compile(r"<!-- file: (?P<name>\S+) -->\n```\w+\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:|#)(?P<target>[^)#]+)(?:#[^)]*)?\)")


def unpacked(folder: Path) -> Path:
    """The example's files, with the metadata that installing it would make."""
    blocks = {block["name"]: block["text"] for block in FILE_BLOCK.finditer(PLUGINS_PAGE.read_text(encoding="utf-8"))}
    for name, text in blocks.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    project = tomllib.loads(blocks["pyproject.toml"])["project"]
    metadata = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    lines = []
    for group, entries in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {target}" for name, target in entries.items())]
    (metadata / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return folder


def run(folder: Path, *command: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    result = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_the_example_plugin_passes_its_own_tests(tmp_path: Path) -> None:
    folder = unpacked(tmp_path)
    (folder / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    assert "3 passed" in run(folder, "pytest", "-q", "-p", "no:cacheprovider", "tests")


def test_the_example_plugin_is_found(tmp_path: Path) -> None:
    folder = unpacked(tmp_path)
    assert re.search(r"^hello +0\.1\.0 +ok +/api/hello +Hello$", run(folder, "fluxgate", "plugins"), re.MULTILINE)


@pytest.mark.parametrize("name", [name for name, hook in vars(hookspecs).items() if hasattr(hook, "fluxgate_spec")])
def test_every_hook_is_explained_with_its_signature(name: str) -> None:
    signature = inspect.signature(getattr(hookspecs, name))
    parameters = ", ".join(signature.parameters)
    returns = str(signature.return_annotation)
    assert f"`{name}({parameters}) -> {returns}`" in PLUGINS_PAGE.read_text(encoding="utf-8")


def test_hooks_were_found() -> None:
    assert {name for name in vars(hookspecs) if name.startswith("fluxgate_")} == {
        "fluxgate_settings",
        "fluxgate_plugin",
    }
    assert hasattr(hookspecs.fluxgate_plugin, "fluxgate_spec")


@pytest.mark.parametrize("struct", [PluginSpec, PluginContext])
def test_every_field_is_explained(struct: type[msgspec.Struct]) -> None:
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", PLUGINS_PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    explained = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert set(struct.__struct_fields__) - explained == set()


def test_no_field_is_explained_that_is_not_there() -> None:
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", PLUGINS_PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    explained = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert explained - set(PluginSpec.__struct_fields__) - set(PluginContext.__struct_fields__) == set()


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", *sorted(p.name for p in CHECKOUT.glob("docs/*.md"))]
)
def test_links_lead_somewhere(page: str) -> None:
    path = CHECKOUT / page if (CHECKOUT / page).exists() else CHECKOUT / "docs" / page
    for link in LINK.finditer(path.read_text(encoding="utf-8")):
        assert (path.parent / link["target"]).exists(), link["target"]


def test_every_make_target_that_contributing_names_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):.*## ", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))
    for page in ("README.md", "CONTRIBUTING.md", "docs/plugins.md"):
        named = set(re.findall(r"`make ([a-z]+)", (CHECKOUT / page).read_text(encoding="utf-8")))
        assert named - targets == set(), page
