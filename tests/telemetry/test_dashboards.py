"""Alerts and the dashboard speak of metrics that there are."""

from __future__ import annotations

import json
import re
from pathlib import Path

import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.support.fluxprint import running_fluxprint
from tests.support.printing_gateway import PrintingGateway

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
NAME = re.compile(r"\b(fluxgate_[a-z_]+|process_[a-z_]+)\b(?!=)")


def expressions() -> list[str]:
    dashboard = json.loads((DEPLOY / "grafana" / "fluxgate.json").read_text())
    found = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    alerts = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yaml").read_text())
    return found + [rule["expr"] for group in alerts["groups"] for rule in group["rules"]]


def test_every_metric_in_them_is_served() -> None:
    served: set[str] = set()
    with running_fluxprint() as service:
        for config in (
            '[plugins.printing]\nbackend = "native"\n',
            f'[plugins.printing.fluxprint]\nurl = "{service.url}"\n',
        ):
            with PrintingGateway(config) as gateway:
                gateway.request("GET", "/status")
                text = gateway.client.get(f"{gateway.url}/-/metrics").text
                for family in text_string_to_metric_families(text):
                    kind = {"counter": "_total", "histogram": "_bucket"}.get(family.type, "")
                    served.add(family.name + kind)
    wanted = {name for expression in expressions() for name in NAME.findall(expression)}
    assert len(wanted) > 12
    assert wanted <= served
