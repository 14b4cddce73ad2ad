"""The configuration with its keys, sealed with a passphrase, from one installation into another."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from headworks.errors import HeadworksError
from headworks.testing import Upstream
from support.asking import KEY, ask, backend, config
from support.gateway import Gateway

MakeUpstream = Callable[..., Upstream]
MakeGateway = Callable[..., Gateway]

CANARY = "sk-canary-of-a-sealed-export-0123456789"
PASSPHRASE = "a sentence that nobody guesses"


def command(
    house: Gateway, *arguments: str, passphrase: str = PASSPHRASE
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "headworks", *arguments, "--data-dir", str(house.data_dir)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "HEADWORKS_PASSPHRASE": passphrase},
    )


def test_keys_go_from_one_installation_to_another(
    upstream: MakeUpstream, gateway: MakeGateway, tmp_path: Path
) -> None:
    one = upstream()
    first = gateway(config(backend("first", one) | {"api_key": CANARY}, backend("second", one)), key=KEY)
    printed = command(first, "export", "--sealed")
    assert printed.returncode == 0, printed.stderr
    assert CANARY not in printed.stdout
    assert "sk-second" not in printed.stdout
    assert "sealed" not in command(first, "export").stdout
    file = tmp_path / "export.json"
    file.write_text(printed.stdout)

    second = gateway(None, data_dir=tmp_path / "another")
    mine = second.key
    wrong = command(second, "apply", str(file), passphrase="another sentence than that")
    assert wrong.returncode == 1
    assert "passphrase" in wrong.stderr
    trial = command(second, "apply", str(file), "--dry-run", "--json")
    assert trial.returncode == 0, trial.stderr
    with second.admin() as admin:
        assert admin.backends() == []
    done = command(second, "apply", str(file))
    assert done.returncode == 0, done.stderr
    assert "client key app" in done.stderr
    with second.admin() as admin:
        assert {row["name"]: row["key_state"] for row in admin.backends()} == {
            "first": "readable",
            "second": "readable",
        }
        assert command(second, "apply", str(file)).stdout == "nothing to change\n"
        fresh = admin.rotate_client_key("app")["key"]
    for key in (mine, fresh):
        assert {ask(second, key=key).status for _ in range(2)} == {200}
    sent = {dict(entry.headers)["authorization"] for entry in one.journal()}
    assert sent == {f"Bearer {CANARY}", "Bearer sk-second"}


def test_what_cannot_be_opened_changes_nothing(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    house = gateway(config(backend("first", upstream())), key=KEY)
    with house.admin() as admin:
        document = admin.export_sealed_config(PASSPHRASE)
        revision = admin.revisions(limit=1)
        damaged = {**document, "sealed": document["sealed"][:-10] + "AAAAAAAAA="}
        for wrong, passphrase, code in (
            (document, "too short", "bad_request"),
            (document, "not the right sentence", "key_unreadable"),
            (damaged, PASSPHRASE, "key_unreadable"),
            ({**document, "sealed": "hwp1:"}, PASSPHRASE, "bad_request"),
            ({"version": 1}, PASSPHRASE, "bad_request"),
        ):
            with pytest.raises(HeadworksError) as refused:
                admin.apply_sealed_config(wrong, passphrase)
            assert refused.value.code == code, json.dumps(wrong)[:200]
        assert admin.revisions(limit=1) == revision
