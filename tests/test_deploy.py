"""What is in deploy/ agrees with the gateway: variables, keys, ports, paths and health routes that exist.

No container engine is needed; whether the images build is for a machine that has one.
"""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from fluxgate.app import create_app
from fluxgate.auth import access_of
from fluxgate.settings import Settings, decode_plugin_settings, load_settings
from fluxgate.settings.environment import CONFIG_VARIABLE, variables
from fluxgate.settings.model import Sections
from fluxgate.settings.reference import installed_sections

CHECKOUT = Path(__file__).resolve().parents[1]
DEPLOY = CHECKOUT / "deploy"
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
UNIT = DEPLOY / "systemd/fluxgate.service"
VARIABLE = re.compile(r"\b(?:FLUXGATE|FLUXPRINT|OCTOPRINT)_[A-Z0-9_]*[A-Z0-9]\b")
HEALTH_PATH = re.compile(r"/-/[a-z/]+")
# Compose's own: the port published on this machine.
NOT_THE_GATEWAYS = {"FLUXGATE_PUBLISH"}


def manifests() -> dict[str, Any]:
    found = {}
    for file in MANIFESTS:
        for document in yaml.safe_load_all(file.read_text()):
            found[document["kind"]] = document
    return found


def pod(kind: str) -> dict[str, Any]:
    spec: dict[str, Any] = manifests()[kind]["spec"]["template"]["spec"]
    return spec


def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return document


def unit() -> dict[str, list[str]]:
    """`[Service]` of the systemd unit; keys may repeat."""
    section = UNIT.read_text().split("[Service]")[1].split("[Install]")[0]
    found: dict[str, list[str]] = {}
    for line in section.splitlines():
        if line and not line.startswith("#"):
            key, value = line.split("=", 1)
            found.setdefault(key, []).append(value)
    return found


def image_environment() -> dict[str, str]:
    text = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ")
    return dict(re.findall(r"\b(FLUXGATE_\w+)=(\S+)", text))


def deploy_files() -> Iterator[Path]:
    yield from (path for path in DEPLOY.rglob("*") if path.is_file())


def test_every_variable_that_is_named_exists() -> None:
    known = {*variables(Sections), CONFIG_VARIABLE, *NOT_THE_GATEWAYS}
    known |= {variable for section in installed_sections() for variable in section.environment}
    for file in deploy_files():
        assert set(VARIABLE.findall(file.read_text())) - known == set(), file


def test_every_health_path_that_is_named_is_served(tmp_path: Path) -> None:
    settings = load_settings(None, {"FLUXGATE_GATEWAY__DATA_DIR": str(tmp_path)})
    served = {route.template for route in create_app(settings, {}).table}
    named = {path for file in deploy_files() for path in HEALTH_PATH.findall(file.read_text())}
    assert {"/-/health/live", "/-/health/ready"} <= named <= served


def test_the_image_listens_where_all_others_look() -> None:
    environment = image_environment()
    settings = load_settings(None, environment)
    assert settings.gateway.host == "0.0.0.0"
    port = settings.gateway.port
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    assert f"EXPOSE {port}\n" in dockerfile
    assert f"http://127.0.0.1:{port}/-/health/live" in dockerfile
    assert f"VOLUME {settings.gateway.data_dir}\n" in dockerfile
    gateway = compose()["services"]["gateway"]
    assert gateway["ports"] == [f"127.0.0.1:${{FLUXGATE_PUBLISH:-8080}}:{port}"]
    assert gateway["volumes"] == [f"data:{settings.gateway.data_dir}"]
    [container] = pod("Deployment")["containers"]
    assert container["ports"] == [{"name": "http", "containerPort": port}]


def test_every_folder_that_the_image_copies_is_there_and_not_ignored() -> None:
    allowed = {line[1:] for line in (CHECKOUT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert [name for name in allowed if not (CHECKOUT / name).exists()] == []
    copied = re.findall(
        r"^COPY (requirements/\S+) (requirements/\S+)", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE
    )
    for name in [name for pair in copied for name in pair]:
        assert (CHECKOUT / name).exists()


def compose_settings() -> Settings:
    environment = compose()["services"]["gateway"]["environment"]
    substituted = {name: re.sub(r"\$\{[A-Z_]+:[-?][^}]*\}", "", str(text)) for name, text in environment.items()}
    return load_settings(None, {**image_environment(), **substituted})


def test_compose_configures_the_gateway() -> None:
    settings = compose_settings()
    assert settings.database.url == "postgresql://fluxgate:@database:5432/fluxgate"
    assert settings.migration_mode == "auto"
    assert set(compose()["services"]) == {"gateway", "database", "octoprint"}
    for name, service in compose()["services"].items():
        assert name == "gateway" or "build" not in service
        for volume in service["volumes"]:
            assert volume.split(":")[0] in compose()["volumes"]


def config_map_settings(tmp_path: Path) -> Settings:
    file = tmp_path / "fluxgate.toml"
    file.write_text(manifests()["ConfigMap"]["data"]["fluxgate.toml"])
    # What the Secret holds comes to the pod as DATABASE_URL.
    return load_settings(file, {**image_environment(), "DATABASE_URL": "postgresql://user:password@host/name"})


def test_callers_are_asked_who_they_are_wherever_other_machines_get_in(tmp_path: Path) -> None:
    for settings in (load_settings(None, image_environment()), compose_settings(), config_map_settings(tmp_path)):
        assert access_of(settings) == "asked"


def test_kubernetes_configures_the_gateway(tmp_path: Path) -> None:
    settings = config_map_settings(tmp_path)
    assert settings.database.url == "postgresql://user:password@host/name"
    assert settings.migration_mode == "check"
    for section in installed_sections():
        decode_plugin_settings(settings, section.name, section.type, section.environment, {})


@pytest.mark.parametrize("kind", ["Deployment", "Job"])
def test_pods_mount_what_they_name(kind: str, tmp_path: Path) -> None:
    spec = pod(kind)
    # Else the Service's own FLUXGATE_* variables keep the gateway from starting.
    assert spec["enableServiceLinks"] is False
    [container] = spec["containers"]
    volumes = {volume["name"] for volume in spec["volumes"]}
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert set(mounts) == volumes
    environment = {variable["name"]: variable.get("value") for variable in container["env"]}
    assert environment[CONFIG_VARIABLE] == f"{mounts['config']}/fluxgate.toml"
    assert mounts["data"] == str(config_map_settings(tmp_path).gateway.data_dir)


def test_manifests_name_each_other() -> None:
    found = manifests()
    kustomized = set(found["Kustomization"]["resources"])
    assert kustomized == {file.name for file in MANIFESTS} - {"kustomization.yaml"}
    selector = found["Service"]["spec"]["selector"]
    assert selector == found["Deployment"]["spec"]["selector"]["matchLabels"]
    assert selector == found["Deployment"]["spec"]["template"]["metadata"]["labels"]


def test_everything_waits_longer_than_the_gateway_takes_to_stop(tmp_path: Path) -> None:
    longest = max(
        load_settings(None, {}).gateway.shutdown_timeout, config_map_settings(tmp_path).gateway.shutdown_timeout
    )
    assert pod("Deployment")["terminationGracePeriodSeconds"] > longest
    assert int(compose()["services"]["gateway"]["stop_grace_period"].removesuffix("s")) > longest
    assert int(unit()["TimeoutStopSec"][0]) > longest


def test_the_unit_sets_what_the_gateway_knows() -> None:
    service = unit()
    environment = dict(line.split("=", 1) for line in service["Environment"])
    config = environment.pop(CONFIG_VARIABLE)
    assert config.startswith("/etc/fluxgate/")
    assert load_settings(None, environment).gateway.data_dir == Path("/var/lib") / service["StateDirectory"][0]


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    text = UNIT.read_text()
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.read_string(text)
    assert parser.sections() == ["Unit", "Service", "Install"]
    if analyze := shutil.which("systemd-analyze"):
        # `verify` wants the program to be there.
        copy = tmp_path / UNIT.name
        copy.write_text(text.replace("/opt/fluxgate/bin/fluxgate run", "/bin/true"))
        result = subprocess.run([analyze, "verify", copy], capture_output=True, text=True, check=False, timeout=30)
        assert (result.returncode, result.stderr) == (0, "")
