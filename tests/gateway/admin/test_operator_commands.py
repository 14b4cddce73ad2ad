"""The commands of operators, against a running server."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable

import pytest

from headworks.testing import Upstream
from support.asking import KEY, ask, config
from support.gateway import Gateway

MakeUpstream = Callable[..., Upstream]
MakeGateway = Callable[..., Gateway]


@pytest.fixture
def house(gateway: MakeGateway) -> Gateway:
    return gateway(config(), key=KEY)


def run(house: Gateway, *arguments: str, said: str = "", token: str = "") -> str:
    where = ("--url", house.admin_url, "--token", token) if token else ("--data-dir", str(house.data_dir))
    done = subprocess.run(
        [sys.executable, "-m", "headworks", *arguments, *where],
        input=said,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout if done.returncode == 0 else f"exit {done.returncode}: {done.stderr}"


def test_a_backend_is_added_changed_and_removed(house: Gateway, upstream: MakeUpstream) -> None:
    one = upstream()
    url = f"{one.url}/v1"
    added = run(
        house, "backends", "add", "nim", url, "rpm_limit=40", "--api-key-file", "-", said="sk-from-stdin\n"
    )
    assert "nim" in added
    assert ask(house).status == 200
    assert dict(one.journal()[0].headers)["authorization"] == "Bearer sk-from-stdin"
    changed = json.loads(
        run(house, "backends", "set", "nim", "rpm_limit=7", 'model_mappings={"a": "b"}', "label=seven")
    )
    assert (changed["rpm_limit"], changed["label"]) == (7, "seven")
    assert run(house, "backends", "set", "nim").startswith("exit 2")
    assert run(house, "backends", "set", "nim", "rpm_limit").startswith("exit 2")
    assert run(house, "backends", "remove", "nim") == ""
    assert ask(house).status == 404
    history = run(house, "revisions", "list")
    assert "admin: backend.delete nim" in history
    number = str(int(history.split()[0]) - 1)
    assert "would be made" in run(house, "revisions", "restore", number, "--dry-run")
    assert "backend nim: its key is gone" in run(house, "revisions", "restore", number)


def test_tokens_have_roles(house: Gateway) -> None:
    made = run(house, "tokens", "create", "night", "--role", "viewer").strip()
    assert "night: viewer" in run(house, "tokens", "list")
    assert run(house, "backends", "list", "--json", token=made).strip() == "[]"
    assert "role admin" in run(house, "backends", "remove", "x", token=made)
    assert run(house, "tokens", "revoke", "night") == ""
    assert "no token" in run(house, "backends", "list", token=made)


def test_the_master_key_is_rotated(house: Gateway, upstream: MakeUpstream) -> None:
    run(
        house, "backends", "add", "nim", f"{upstream().url}/v1", "--api-key-file", "-", said="sk-x-0123456789"
    )
    assert "master key 1, the newest: 1 provider keys" in run(house, "master-key", "status")
    run(house, "master-key", "add")
    assert "master key 2, the newest: 1" in run(house, "master-key", "rewrap")
    assert "master key 1" not in run(house, "master-key", "drop", "1")
    assert ask(house).status == 200
