"""The catalog by the admin API: pools, client keys, settings, prices, the document, and its history."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from headworks.admin import AdminClient
from headworks.errors import ConfigurationError, ConflictError, NotFoundError, UsageError
from headworks.testing import Upstream
from support.asking import KEY, ask, backend, config
from support.gateway import Gateway
from support.quiet import late
from support.raw_client import RawClient
from support.until import until

MakeUpstream = Callable[..., Upstream]
MakeGateway = Callable[..., Gateway]


@pytest.fixture
def house(upstream: MakeUpstream, gateway: MakeGateway) -> Gateway:
    return gateway(config(backend("first", upstream())), key=KEY)


def test_pools_are_made_changed_and_removed(house: Gateway) -> None:
    with house.admin() as admin:
        assert [row["name"] for row in admin.pools()] == ["primary", "fallback"]
        made = admin.put_pool("spare", strategy="ordered")
        assert (made["strategy"], made["patience_seconds"]) == ("ordered", 0)
        assert [row["name"] for row in admin.pools()] == ["primary", "fallback", "spare"]
        assert admin.change_pool("spare", patience_seconds=2)["strategy"] == "ordered"
        assert admin.put_pool("spare", patience_seconds=1)["strategy"] == "weighted"
        with pytest.raises(ConfigurationError, match="strategy"):
            admin.change_pool("spare", strategy="best")
        with pytest.raises(UsageError, match="keeps its name"):
            admin.request("PATCH", "/pools/spare", {"name": "other"})
        with pytest.raises(NotFoundError):
            admin.change_pool("nowhere", patience_seconds=1)
        admin.remove_pool("spare")
        with pytest.raises(ConflictError, match="still belong"):
            admin.remove_pool("primary")
        assert admin.pool_stats() == {
            "primary": {"total": 1, "enabled": 1, "healthy": 1, "cooling": 0, "error": 0}
        }


def test_a_client_key_is_shown_once_and_works_until_it_is_revoked(house: Gateway) -> None:
    with house.admin() as admin:
        made = admin.create_client_key("second", rpm_limit=100, models=["m"])
        key = made["key"]
        assert ask(house, key=key).status == 200
        assert key not in json.dumps([admin.client_keys(), admin.client_key("second"), admin.audit()])
        assert admin.client_key(made["id"])["hint"] == f"****{key[-4:]}"
        admin.change_client_key("second", models=["other"])
        assert ask(house, key=key).status == 403
        admin.change_client_key("second", models=["*"], enabled=False)
        assert ask(house, key=key).status == 401
        with pytest.raises(UsageError, match="rotated"):
            admin.change_client_key("second", key="hw_key_something-else-entirely")  # type: ignore[call-arg]
        with pytest.raises(ConflictError):
            admin.create_client_key("second")
        admin.remove_client_key("second")
        assert ask(house, key=key).status == 401
        with pytest.raises(NotFoundError):
            admin.client_key("second")
    assert ask(house).status == 200


def test_revoking_is_felt_on_open_connections_within_a_second(house: Gateway) -> None:
    """On one that is kept alive; and a stream of events ends with the token that opened it."""
    with house.admin() as admin, RawClient(house.url) as client:
        key = admin.create_client_key("second")["key"]
        bearer = {"authorization": f"Bearer {key}"}
        assert client.request("GET", "/v1/models", headers=bearer).status == 200
        admin.remove_client_key("second")
        until(lambda: client.request("GET", "/v1/models", headers=bearer).status == 401, late(1000) / 1000)

        token = admin.create_token("watcher")["token"]
        with AdminClient(house.admin_url, token) as watcher:
            events = watcher.events()
            assert next(events)[0] == "sample"
            admin.remove_token("watcher")
            removed = time.monotonic()
            for _ in events:
                assert time.monotonic() - removed < late(3000) / 1000, "it goes on"


def test_a_rotated_key_overlaps_with_the_new_one(house: Gateway) -> None:
    with house.admin() as admin:
        first = admin.create_client_key("second")["key"]
        made = admin.rotate_client_key("second", overlap_seconds=3600)
        second = made["key"]
        assert made["previous_until"] is not None
        assert [ask(house, key=key).status for key in (first, second)] == [200, 200]
        assert admin.change_client_key("second", rpm_limit=50)["previous_until"] == made["previous_until"]
        house.restart()
    assert [ask(house, key=key).status for key in (first, second)] == [200, 200]
    with house.admin() as admin:
        third = admin.rotate_client_key("second")["key"]
        assert [ask(house, key=key).status for key in (first, second, third)] == [401, 401, 200]
        brief = admin.rotate_client_key("second", overlap_seconds=0.5)["key"]
        until(lambda: ask(house, key=third).status == 401, what="the end of the overlap")
        assert ask(house, key=brief).status == 200


def test_settings_are_merged_and_judged(house: Gateway) -> None:
    with house.admin() as admin:
        before = admin.settings()
        after = admin.change_settings(retry={"max_attempts": 1})
        assert after == {**before, "retry": {**before["retry"], "max_attempts": 1}}
        with pytest.raises(ConfigurationError, match="did you mean"):
            admin.change_settings(retry={"max_atempts": 1})
        with pytest.raises(ConfigurationError):
            admin.change_settings(limits={"body_bytes": 1})
        assert admin.settings() == after


def test_prices_are_a_table(house: Gateway) -> None:
    with house.admin() as admin:
        put = admin.put_prices(
            [{"model": "m", "input": 1, "output": 2}, {"model": "n*", "input": 0, "output": 0}]
        )
        assert [row["model"] for row in put] == ["m", "n*"]
        assert [row["model"] for row in admin.put_prices([{"model": "m", "input": 3, "output": 2}])] == ["m"]
        assert admin.prices()[0]["input"] == 3
        with pytest.raises(ConfigurationError, match=r"data\[0\]"):
            admin.put_prices([{"model": "m", "input": -1, "output": 2}])
        assert len(admin.prices()) == 1


def test_the_bundled_table_says_where_it_is_from(house: Gateway) -> None:
    with house.admin() as admin:
        page = admin.request("GET", "/prices/bundled")
        assert page["date"] >= "2026-11-28"
        assert page["source"].endswith("(MIT)")
        (row,) = (
            one
            for one in admin.bundled_prices()
            if (one["host"], one["model"]) == ("api.openai.com", "gpt-4o-mini")
        )
        assert 0 < row["cached_input"] < row["input"] < row["output"]
        assert admin.prices() == [], "what the operator says is a table of its own"


def test_the_whole_is_a_document_and_every_change_is_written_down(
    house: Gateway, upstream: MakeUpstream
) -> None:
    with house.admin() as admin:
        document = admin.export_config()
        assert "sk-first" not in json.dumps(document)
        assert [row["name"] for row in document["backends"]] == ["first"]
        wanted = {
            "version": 1,
            "client_keys": [{"name": "app"}],
            "backends": [
                {"name": "first", "api_base_url": document["backends"][0]["api_base_url"], "rpm_limit": 9},
                {"name": "second", "api_base_url": f"{upstream().url}/v1", "api_key": "sk-second-secret-key"},
            ],
        }
        trial = admin.apply_config(wanted, dry_run=True)
        assert {(one["action"], one["target"]) for one in trial} >= {
            ("backend.update", "first"),
            ("backend.create", "second"),
        }
        assert len(admin.backends()) == 1
        number = admin.revisions(limit=1)[0]["number"]
        made = admin.apply_config(wanted)
        assert [(one["action"], one["target"]) for one in made] == [
            (one["action"], one["target"]) for one in trial
        ]
        assert admin.apply_config(wanted) == []
        latest = admin.revision(admin.revisions(limit=1)[0]["number"])
        assert (latest["number"], latest["actor"]) == (number + 1, "admin")
        change = next(one for one in latest["changes"] if one["target"] == "first")
        assert (change["before"]["rpm_limit"], change["after"]["rpm_limit"]) == (0, 9)
        assert "sk-second-secret" not in json.dumps([latest, admin.audit(), admin.export_config()])
        with pytest.raises(ConfigurationError, match="rpm_limit"):
            admin.apply_config({"version": 1, "backends": [{"name": "x", "rpm_limit": -1}]})
        with pytest.raises(NotFoundError):
            admin.revision(9999)
    assert {ask(house).status for _ in range(4)} == {200}


def test_lists_are_turned_page_by_page(house: Gateway) -> None:
    with house.admin() as admin:
        for number in range(7):
            admin.change_backend("first", label=f"label {number}")
        seen: list[int] = []
        cursor = None
        while True:
            page = admin.request("GET", "/revisions", before=cursor, limit=3)
            seen += [row["number"] for row in page["data"]]
            cursor = page["next"]
            if cursor is None:
                break
        assert seen == sorted(seen, reverse=True)
        assert len(seen) == len(set(seen)) >= 8
        with pytest.raises(UsageError, match="at least 1"):
            admin.request("GET", "/revisions", limit=0)
        with pytest.raises(UsageError, match="whole number"):
            admin.request("GET", "/revisions", limit="many")


def test_the_commands_of_keys(house: Gateway) -> None:
    def headworks(*arguments: str) -> str:
        command = [sys.executable, "-m", "headworks", "keys", *arguments, "--data-dir", str(house.data_dir)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.strip()

    key = headworks("create", "second", "--model", "m", "--rpm-limit", "100")
    assert ask(house, key=key).status == 200
    assert ask(house, key=key, model="other").status == 403
    assert "second" in headworks("list")
    assert key not in headworks("list", "--json")
    rotated = headworks("rotate", "second")
    assert [ask(house, key=one).status for one in (key, rotated)] == [401, 200]
    headworks("revoke", "second")
    assert ask(house, key=rotated).status == 401


def test_a_file_is_applied_from_where_its_keys_are(
    house: Gateway, upstream: MakeUpstream, tmp_path: Path
) -> None:
    """The server reads neither our files nor our environment; what it answers is the difference."""

    def headworks(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "headworks", *arguments, "--data-dir", str(house.data_dir)]
        environment = {**os.environ, "SECOND_KEY": "sk-second-of-the-environment"}
        return subprocess.run(
            command, capture_output=True, text=True, timeout=60, check=False, env=environment
        )

    second = upstream()
    (tmp_path / "third").write_text("sk-third-of-a-file\n")
    file = tmp_path / "wanted.yaml"
    file.write_text(
        f"""
version: 1
client_keys: [{{name: app}}]
backends:
  - {{name: second, api_base_url: "{second.url}/v1", api_key: "${{SECOND_KEY}}"}}
  - {{name: third, api_base_url: "{second.url}/v1", api_key: "file:third"}}
"""
    )
    trial = headworks("apply", str(file), "--dry-run")
    assert trial.returncode == 0, trial.stderr
    assert "backend.create second" in trial.stdout
    assert "backend.delete first" in trial.stdout
    assert headworks("apply", str(file)).stdout == trial.stdout
    assert headworks("apply", str(file)).stdout == "nothing to change\n"
    assert {ask(house).status for _ in range(4)} == {200}
    assert {entry.key for entry in second.journal()} == {"sk-second-of-the-environment", "sk-third-of-a-file"}
    file.write_text(file.read_text().replace("name: third,", "name: third, rpm_limit: 9,"))
    assert headworks("apply", str(file)).stdout == "backend.update third: rpm_limit 0 -> 9\n"
    exported = json.loads(headworks("export").stdout)
    assert [row["name"] for row in exported["backends"]] == ["second", "third"]
    file.write_text("version: 1\nbackends: [{name: x, rpm_limt: 1}]\n")
    refused = headworks("apply", str(file))
    assert refused.returncode == 3
    assert "did you mean 'rpm_limit'" in refused.stderr
