"""A script of the sidecar's style beside a running server: what either side changes reaches the other."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from headworks import AdminClient, backend_store
from headworks.backend_store import Backend, ModelMapping
from headworks.errors import ConfigurationError, ConflictError, InUseError
from headworks.testing import Upstream
from support.asking import KEY, ask, config
from support.gateway import Gateway
from support.until import until

MakeUpstream = Callable[..., Upstream]
MakeGateway = Callable[..., Gateway]

SCRIPT = '''
"""As it ran beside the sidecar: only this import is another."""
import sys
from headworks.backend_store import (
    Backend, clear_backend_cooldown, create_backend, delete_backend, get_backend, get_pool_stats,
    list_backends, set_backend_cooldown, set_backend_status, update_backend,
)

step, *words = sys.argv[1:]
if step == "create":
    row = Backend(name="nim", api_base_url=words[0], api_key_plain="sk-by-script", rpm_limit=40)
    print(create_backend(row).id)
elif step == "show":
    row = get_backend(words[0])
    print(row and (row.name, row.api_key_plain, row.label, row.status, row.consecutive_429_count))
elif step == "list":
    print([(row.name, row.pool) for row in list_backends()])
elif step == "update":
    changes = {"label": words[1], "model_mappings": {"m": "upstream-m"}, "nonsense": 1}
    row = update_backend(words[0], changes)
    print(row and row.label)
elif step == "cool":
    print(set_backend_cooldown(words[0], words[1], 3))
elif step == "clear":
    print(clear_backend_cooldown(words[0]))
elif step == "status":
    print(set_backend_status(words[0], words[1]))
elif step == "delete":
    print(delete_backend(words[0]))
elif step == "stats":
    print(get_pool_stats())
'''


@pytest.fixture
def script(tmp_path: Path) -> Callable[..., str]:
    file = tmp_path / "old_script.py"
    file.write_text(SCRIPT)

    def run(data_dir: Path, *words: str) -> str:
        environment = {**os.environ, "HEADWORKS_DATA_DIR": str(data_dir)}
        done = subprocess.run(
            [sys.executable, file, *words],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
            env=environment,
        )
        return done.stdout.strip()

    return run


def test_the_script_and_the_server_see_each_other(
    script: Callable[..., str], gateway: MakeGateway, upstream: MakeUpstream
) -> None:
    provider = upstream()
    house = gateway(config(), key=KEY)
    data = house.data_dir
    with house.admin() as admin:
        made = script(data, "create", f"{provider.url}/v1")
        assert ask(house).status == 200, "the running server calls it at once"
        assert provider.journal()[-1].key == "sk-by-script"
        assert admin.backend(made)["rpm_limit"] == 40
        assert script(data, "show", made) == "('nim', 'sk-by-script', '', 'healthy', 0)"

        assert script(data, "update", made, "by the script") == "by the script"
        assert admin.backend("nim")["label"] == "by the script"
        assert ask(house).status == 200
        assert provider.journal()[-1].json()["model"] == "upstream-m"

        admin.change_backend("nim", label="by the dashboard")
        assert "'by the dashboard'" in script(data, "show", made)

        assert script(data, "cool", made, "2099-01-01T00:00:00Z") == "True"
        assert ask(house, headers={"x-request-timeout-ms": "100"}).status in (429, 503, 504)
        assert script(data, "show", made).endswith("'cooling', 3)")
        assert script(data, "clear", made) == "True"
        assert ask(house).status == 200
        assert script(data, "show", made).endswith("'healthy', 0)")

        assert script(data, "status", made, "disabled") == "True"
        assert ask(house).status in (404, 503)
        assert script(data, "status", made, "healthy") == "True"
        assert ask(house).status == 200

        admin.create_backend("other", "http://other.example/v1", pool="fallback")
        assert script(data, "list") == "[('other', 'fallback'), ('nim', 'primary')]"
        assert "'primary': {'total': 1" in script(data, "stats")
        assert script(data, "delete", made) == "True"
        assert script(data, "delete", made) == "False"
        assert [row["name"] for row in admin.backends()] == ["other"]
        assert script(data, "show", made) == "None"


def test_what_the_server_learns_reaches_the_script(
    script: Callable[..., str], gateway: MakeGateway, upstream: MakeUpstream
) -> None:
    limited = upstream([{"status": 429, "headers": {"retry-after": "600"}}])
    house = gateway(config(), key=KEY)
    made = script(house.data_dir, "create", f"{limited.url}/v1")
    ask(house, headers={"x-request-timeout-ms": "200"})

    until(lambda: "'cooling', 1)" in script(house.data_dir, "show", made), what="the cooldown in the script")


def test_the_script_runs_without_a_server_and_hands_over(
    script: Callable[..., str], gateway: MakeGateway, upstream: MakeUpstream, tmp_path: Path
) -> None:
    data = tmp_path / "gateway-0"
    made = script(data, "create", f"{upstream().url}/v1")
    assert "sk-by-script" in script(data, "show", made)
    house = gateway(config(), key=KEY, data_dir=data)
    assert ask(house).status == 200
    assert script(data, "update", made, "beside") == "beside"
    house.stop()
    assert "'beside'" in script(data, "show", made)


def test_one_process_goes_from_store_to_server_and_back(
    gateway: MakeGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long-lived script does not hold the database between its calls, so that a server can start."""
    data = tmp_path / "gateway-0"
    monkeypatch.setenv("HEADWORKS_DATA_DIR", str(data))
    made = backend_store.create_backend(Backend("one", "https://one.example/v1", api_key_plain="sk-1"))
    house = gateway(config(), key=KEY, data_dir=data)
    with AdminClient(house.admin_url, house.admin_token) as admin:
        assert admin.backend(made.id)["name"] == "one"
        backend_store.update_backend(made.id, {"label": "beside"})
        assert admin.backend(made.id)["label"] == "beside"
    assert backend_store.get_backend(made.id, decrypt_key=False) == backend_store.list_backends()[0]
    house.stop()
    assert backend_store.set_backend_status(made.id, "error")


def test_a_whole_row_is_written_as_it_is(
    gateway: MakeGateway, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Ids, states and counts too: what the other routes of the admin API do not take."""
    row = {
        "id": "bkd_old", "label": "Old", "api": "anthropic", "api_key_plain": "sk-old", "rpm_limit": 3,
        "weight": 2, "pool": "fallback", "enabled": False, "status": "cooling", "source": "import",
        "cooldown_until": "2099-01-01T00:00:00Z", "consecutive_429_count": 4, "metadata": {"n": [1, None]},
        "model_mappings": {"m": ModelMapping("x", 1000, {"note": "kept"})}, "timeout_seconds": 12.5,
    }  # fmt: skip
    alone, beside = (Backend("old", "https://old.example/v1", **row) for _ in range(2))  # type: ignore[arg-type]
    monkeypatch.setenv("HEADWORKS_DATA_DIR", str(tmp_path / "alone"))
    by_store = backend_store.create_backend(alone)
    house = gateway(config(), key=KEY)
    monkeypatch.setenv("HEADWORKS_DATA_DIR", str(house.data_dir))
    by_server = backend_store.create_backend(beside)

    by_server.created_at, by_server.updated_at = by_store.created_at, by_store.updated_at
    assert by_server == by_store
    assert backend_store.set_backend_cooldown("bkd_old", "2020-01-01T00:00:00Z", 9)
    past = backend_store.get_backend("bkd_old")
    assert past is not None
    assert (past.cooldown_until, past.consecutive_429_count) == ("2020-01-01T00:00:00Z", 9)
    assert backend_store.set_backend_status("bkd_old", "cooling")
    assert not backend_store.set_backend_status("old", "error"), "these functions take ids, not names"
    assert not backend_store.delete_backend("old")
    assert backend_store.update_backend("bkd_none", {"label": "x"}) is None
    with pytest.raises(ConflictError):
        backend_store.create_backend(Backend("old", "https://old.example/v1"))
    with pytest.raises(ConfigurationError):
        backend_store.update_backend("bkd_old", {"rpm_limit": "many"})


def test_a_lock_of_nobody_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    monkeypatch.setenv("HEADWORKS_DATA_DIR", str(tmp_path))
    monkeypatch.setattr("headworks._beside_server._PATIENCE_SECONDS", 0.05)
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(InUseError, match="no running server"):
            backend_store.list_backends()
