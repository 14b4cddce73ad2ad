"""The files of headworks/deploy, by the tools that read them. No container engine and no cluster is asked."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from headworks._deploy import WHAT
from support.asking import KEY
from support.gateway import Gateway
from support.source import ROOT

DEPLOY = ROOT / "python/headworks/deploy"
SETTINGS = {"version": 1, "client_keys": [{"name": "app", "key": KEY}]}


def headworks(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("headworks")), *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)


def test_the_command_lists_and_prints_all_of_them() -> None:
    listed = headworks("deploy")
    assert listed.returncode == 0
    assert set(WHAT) == {path.name for path in DEPLOY.iterdir()}
    for name in WHAT:
        assert name in listed.stdout
        assert headworks("deploy", name).stdout == (DEPLOY / name).read_text()
    assert headworks("deploy", "no.such").returncode == 1


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_knows_every_line_and_finds_it_tight(tmp_path: Path) -> None:
    """Its exposure, as systemd-analyze security counts it from 0 to 10: less than 2."""
    unit = tmp_path / "headworks.service"
    program = Path(sys.executable).with_name("headworks")
    unit.write_text(
        (DEPLOY / "headworks.service").read_text().replace("/usr/local/bin/headworks", str(program))
    )
    socket = tmp_path / "headworks.socket"
    socket.write_text((DEPLOY / "headworks.socket").read_text())
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit, socket], check=False, capture_output=True, text=True
    )
    assert (verified.returncode, verified.stdout + verified.stderr) == (0, "")
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--threshold=20", unit],
        check=False,
        capture_output=True,
        text=True,
    )
    assert judged.returncode == 0, judged.stdout[-300:]


def test_the_unit_allows_what_a_drain_needs() -> None:
    text = (DEPLOY / "headworks.service").read_text()
    stop = int(str(re.search(r"^TimeoutStopSec=(\d+)$", text, re.MULTILINE)[1]))  # type: ignore[index]
    manifests = list(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text()))
    (pod,) = [one["spec"]["template"]["spec"] for one in manifests if one["kind"] == "Deployment"]
    assert 30 < stop == pod["terminationGracePeriodSeconds"]


def test_the_manifests_belong_together() -> None:
    manifests = list(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text()))
    kinds = [one["kind"] for one in manifests]
    assert kinds == [
        "Secret",
        "ConfigMap",
        "PersistentVolumeClaim",
        "Deployment",
        "Service",
        "Service",
        "NetworkPolicy",
    ]
    assert all(one["apiVersion"] and one["metadata"]["name"] for one in manifests)
    deployment = manifests[3]["spec"]
    pod = deployment["template"]["spec"]
    (container,) = pod["containers"]
    assert deployment["replicas"] == 1
    assert deployment["strategy"] == {"type": "Recreate"}
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    assert {mount["name"] for mount in container["volumeMounts"]} == {
        volume["name"] for volume in pod["volumes"]
    }
    ports = {port["name"] for port in container["ports"]}
    for service in manifests[4:6]:
        assert service["spec"]["selector"] == deployment["selector"]["matchLabels"]
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"]["port"] in ports


def test_the_configuration_in_the_manifest_is_one(tmp_path: Path) -> None:
    manifests = list(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text()))
    file = tmp_path / "headworks.yaml"
    file.write_text(manifests[1]["data"]["headworks.yaml"])
    named = set(re.findall(r"\$\{(\w+)\}", file.read_text()))
    assert named <= set(manifests[0]["stringData"])
    checked = headworks("check", str(file))
    assert checked.returncode == 0, checked.stdout


def test_compose_keeps_operators_to_this_machine() -> None:
    service = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]["headworks"]
    assert service["ports"] == ["8080:8080", "127.0.0.1:8081:8081"]
    assert (service["read_only"], service["cap_drop"], service["ulimits"]["core"]) == (True, ["ALL"], 0)


def test_the_image_is_built_in_stages_and_runs_as_nobody() -> None:
    text = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line.split(None, 1) for line in text.splitlines() if line and not line.startswith(("#", " "))]
    words = [word for word, _ in lines]
    assert set(words) <= {
        "FROM",
        "RUN",
        "COPY",
        "ENV",
        "USER",
        "VOLUME",
        "EXPOSE",
        "STOPSIGNAL",
        "HEALTHCHECK",
        "ENTRYPOINT",
        "CMD",
    }
    assert words.count("FROM") == 3
    last = lines[max(at for at, word in enumerate(words) if word == "FROM") :]
    assert dict(last)["USER"] == "65532:65532"
    assert "HEALTHCHECK" in dict(last)
    assert json.loads(dict(last)["ENTRYPOINT"]) == ["headworks"]


# Monitoring


@pytest.fixture
def metrics(gateway: Callable[..., Gateway]) -> Iterator[dict[str, str]]:
    """Every metric's name and type, as a running gateway tells them."""
    house = gateway(SETTINGS, key=KEY)
    with urllib.request.urlopen(f"{house.admin_url}/metrics", timeout=10) as answer:
        found = re.findall(r"^# TYPE (\S+) (\S+)$", answer.read().decode(), re.MULTILINE)
    yield dict(found)


def expressions() -> Iterator[str]:
    for group in yaml.safe_load((DEPLOY / "alerts.yaml").read_text())["groups"]:
        for rule in group["rules"]:
            yield rule["expr"]
    board: dict[str, Any] = json.loads((DEPLOY / "grafana.json").read_text())
    for panel in board["panels"]:
        for target in panel["targets"]:
            yield target["expr"]


def test_boards_and_alerts_ask_for_metrics_that_there_are(metrics: dict[str, str]) -> None:
    asked = {name for text in expressions() for name in re.findall(r"headworks_\w+", text)}
    known = set(metrics)
    for name, kind in metrics.items():
        known |= {f"{name}_bucket", f"{name}_sum", f"{name}_count"} if kind == "histogram" else set()

    assert asked <= known, asked - known
    unseen = {name for name in metrics if not any(one.startswith(name) for one in asked)}
    assert not unseen, f"neither a panel nor an alert shows {unseen}"


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed (Debian: prometheus)")
def test_prometheus_reads_every_expression(tmp_path: Path) -> None:
    rules = [
        {"record": f"board:{at}", "expr": text.replace("$__rate_interval", "1m")}
        for at, text in enumerate(expressions())
    ]
    file = tmp_path / "board.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "board", "rules": rules}]}))
    for checked in (DEPLOY / "alerts.yaml", file):
        answer = subprocess.run(
            ["promtool", "check", "rules", checked], check=False, capture_output=True, text=True
        )
        assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed (Debian: prometheus)")
def test_alerts_fire_when_they_should(tmp_path: Path) -> None:
    """Prometheus' own unit tests of rules: a quiet house is silent, each trouble rings its bell."""
    up = ("headworks_build_info", "1x60")
    refused = 'headworks_attempts_total{backend="a",outcome="upstream_auth"}'
    quiet = [
        up,
        ('headworks_exchanges_total{status="200"}', "0+100x60"),
        ('headworks_cooling{backend="a"}', "0x60"),
        ("headworks_ledger_lag_seconds", "0x60"),
        ("headworks_loop_lag_seconds", "0.001x60"),
        ("headworks_ledger_dropped_total", "0x60"),
        ("headworks_records_dropped_total", "0x60"),
        ("headworks_log_lines_dropped_total", "0x60"),
        (refused, "0x60"),
    ]
    troubles: dict[str | None, list[tuple[str, str]]] = {
        "HeadworksDown": [],
        "HeadworksManyErrors": [up, ('headworks_exchanges_total{status="502"}', "0+10x60")],
        "HeadworksAllBackendsCooling": [up, ('headworks_cooling{backend="a"}', "1x60")],
        "HeadworksKeyRefused": [up, (refused, "0+1x60")],
        "HeadworksLedgerBehind": [up, ("headworks_ledger_lag_seconds", "60x60")],
        "HeadworksLoopLag": [up, ("headworks_loop_lag_seconds", "1x60")],
        "HeadworksHooksFail": [up, ('headworks_hook_failures_total{hook="h"}', "0+60x60")],
    }  # fmt: skip
    alerts = [
        rule["alert"]
        for group in yaml.safe_load((DEPLOY / "alerts.yaml").read_text())["groups"]
        for rule in group["rules"]
    ]
    shutil.copy(DEPLOY / "alerts.yaml", tmp_path / "alerts.yaml")
    tests = [
        {
            "interval": "1m",
            "input_series": [{"series": name, "values": values} for name, values in series],
            "promql_expr_test": [
                {
                    "expr": f'count(ALERTS{{alertname="{alert}",alertstate="firing"}}) or vector(0)',
                    "eval_time": "30m",
                    "exp_samples": [{"labels": "{}", "value": int(alert == rings)}],
                }
                for alert in alerts
                if rings in (alert, None)
            ],
        }
        for rings, series in [(None, quiet), *troubles.items()]
    ]
    file = tmp_path / "tests.yaml"
    file.write_text(yaml.safe_dump({"rule_files": ["alerts.yaml"], "tests": tests}))
    answer = subprocess.run(["promtool", "test", "rules", file], check=False, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout + answer.stderr
