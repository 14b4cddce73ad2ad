"""A sidecar's database, made from what the seed contract says of it, and taken over row by row."""

from __future__ import annotations

import base64
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from headworks.admin import AdminClient
from headworks.errors import UsageError
from headworks.testing import Upstream
from support.asking import KEY, ask, config
from support.gateway import Gateway

MakeUpstream = Callable[..., Upstream]
MakeGateway = Callable[..., Gateway]

SEALING_KEY = bytes(range(1, 33))
COLUMNS = (
    "id TEXT PRIMARY KEY, name TEXT, label TEXT, api_base_url TEXT, api_key_encrypted TEXT, api TEXT, "
    "timeout_seconds REAL, rpm_limit INTEGER, pool TEXT, enabled INTEGER, status TEXT, "
    "model_mappings_json TEXT, source TEXT, cooldown_until TEXT, consecutive_429_count INTEGER, "
    "metadata_json TEXT, created_at TEXT, updated_at TEXT"
)


def sealed(clear: str, key: bytes = SEALING_KEY) -> str:
    nonce = os.urandom(12)
    return base64.b64encode(nonce + AESGCM(key).encrypt(nonce, clear.encode(), None)).decode()


def utc(seconds_from_now: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds_from_now))


def row(name: str, url: str, key: str, **fields: Any) -> dict[str, Any]:
    return {
        "id": f"bkd_{name}",
        "name": name,
        "label": f"label of {name}",
        "api_base_url": url,
        "api_key_encrypted": key,
        "api": "openai",
        "timeout_seconds": 33.5,
        "rpm_limit": 40,
        "pool": "primary",
        "enabled": 1,
        "status": "healthy",
        "source": "admin",
        "cooldown_until": None,
        "model_mappings_json": json.dumps({"m": {"model": "real-m"}}),
        "consecutive_429_count": 0,
        "metadata_json": json.dumps({"owner": name}),
        "created_at": "2025-01-02T03:04:05Z",
        "updated_at": "2025-02-03T04:05:06Z",
        **fields,
    }


def write_sidecar(file: Path, url: str) -> None:
    rows = [
        row("sealed", url, sealed("sk-sealed-by-the-sidecar")),
        row("clear", url, "sk-clear-from-before", pool="fallback"),
        row("keyless", url, "", enabled=0),
        row("foreign", url, sealed("sk-under-another-key", bytes(32))),
        row("damaged", url, sealed("sk-damaged-in-its-row")[:-8] + "AAAAAAA="),
        row(
            "cooling",
            url,
            sealed("sk-cooling"),
            status="cooling",
            cooldown_until=utc(90),
            consecutive_429_count=3,
        ),
        row(
            "cooled",
            url,
            sealed("sk-cooled"),
            status="cooling",
            cooldown_until=utc(-90),
            consecutive_429_count=1,
        ),
        row("parked", "not a url", sealed("sk-parked")),
    ]
    with closing(sqlite3.connect(file)) as database:
        database.execute(f"CREATE TABLE backends ({COLUMNS})")
        database.executemany(
            "INSERT INTO backends VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
            [tuple(each.values()) for each in in_order(rows)],
        )
        database.execute(
            "CREATE TABLE usage (id INTEGER PRIMARY KEY, created_at TEXT, backend_id TEXT, model TEXT, "
            "prompt_tokens INTEGER, completion_tokens INTEGER, cost_usd REAL, status_code INTEGER, "
            "latency_ms REAL, mood TEXT)"
        )
        database.executemany(
            "INSERT INTO usage (created_at, backend_id, model, prompt_tokens, completion_tokens, cost_usd, "
            "status_code, latency_ms, mood) VALUES (?,?,?,?,?,?,?,?,?)",
            [
                (utc(-3600), "bkd_sealed", "m", 100, 20, 0.002, 200, 1500, "good"),
                (utc(-3600), "bkd_sealed", "m", 100, 20, 0.002, 200, 1500, "good"),
                (time.time() - 1800, "bkd_clear", "m", 7, 0, 0.0, 429, 30, None),
                (
                    utc(0).replace("T", " ").rstrip("Z"),
                    "bkd_gone",
                    "n",
                    1,
                    2,
                    None,
                    200,
                    5,
                    None,
                ),
                ("some time ago", "bkd_sealed", "m", 1, 1, 0, 200, 1, None),
            ],
        )
        database.execute(
            "CREATE TABLE cooldowns (id INTEGER PRIMARY KEY, backend_id TEXT, started_at TEXT, "
            "cooldown_until TEXT, reason TEXT, consecutive_429_count INTEGER)"
        )
        database.executemany(
            "INSERT INTO cooldowns (backend_id, started_at, cooldown_until, reason, consecutive_429_count) "
            "VALUES (?,?,?,?,?)",
            [
                ("bkd_sealed", "2025-03-01T10:00:00Z", "2025-03-01T10:01:00Z", "429", 1),
                ("bkd_clear", "2025-03-01T11:00:00Z", "2025-03-01T11:00:08Z", "429", 2),
                ("bkd_gone", "2025-03-01T11:00:00Z", "2025-03-01T11:00:08Z", "429", 1),
            ],
        )
        database.execute("CREATE TABLE config (key TEXT PRIMARY KEY, value TEXT)")
        database.executemany(
            "INSERT INTO config VALUES (?, ?)",
            [
                ("max_retries", "3"),
                ("cooldown_base_seconds", "4.5"),
                ("theme", "dark"),
                ("max_attempts", "no"),
            ],
        )
        database.execute("CREATE TABLE notes (text TEXT)")
        database.execute("INSERT INTO notes VALUES ('mine')")
        database.commit()


def in_order(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    names = [column.split()[0] for column in COLUMNS.split(", ")]
    return [{name: each[name] for name in names} for each in rows]


@pytest.fixture
def house(gateway: MakeGateway) -> Gateway:
    return gateway(config(), key=KEY)


@pytest.fixture
def sidecar(upstream: MakeUpstream, tmp_path: Path) -> Path:
    file = tmp_path / "sidecar.db"
    write_sidecar(file, f"{upstream().url}/v1")
    return file


def command(house: Gateway, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "headworks",
            "import",
            "sidecar",
            *arguments,
            "--data-dir",
            str(house.data_dir),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize("form", ["raw", "hex", "base64", "environment"])
def test_every_row_is_accounted_for(house: Gateway, sidecar: Path, tmp_path: Path, form: str) -> None:
    key_file = tmp_path / "key"
    texts = {"hex": SEALING_KEY.hex().encode() + b"\n", "raw": SEALING_KEY}
    key_file.write_bytes(texts.get(form, base64.b64encode(SEALING_KEY)))
    given = ("--key-file", str(key_file)) if form != "environment" else ()
    environment = {"HEADWORKS_SIDECAR_KEY": SEALING_KEY.hex()} if form == "environment" else {}
    before = sidecar.read_bytes()

    trial = command(house, str(sidecar), *given, "--dry-run", "--json", **environment)
    with house.admin() as admin:
        assert admin.backends() == []
    done = command(house, str(sidecar), *given, "--json", **environment)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert {**said, "dry_run": True} == json.loads(trial.stdout)
    assert len(said["imported"]) == 8
    assert said["keys_missing"] == ["foreign", "damaged"]
    assert said["parked"] == ["parked"]
    assert said["cooling"] == 1
    assert said["usage"] == {"taken": 4, "kept": 0, "left": 1, "unknown": ["mood"]}
    assert said["cooldowns"] == {"taken": 2, "kept": 0, "left": 1, "unknown": []}
    assert said["config"] == {"taken": 2, "kept": 0, "left": 2, "unknown": ["theme", "max_attempts"]}
    assert said["other_tables"] == {"notes": 1}
    assert sidecar.read_bytes() == before

    with house.admin() as admin:
        rows = {one["name"]: one for one in admin.backends()}
        export = json.dumps(admin.export_config())
    assert "sk-sealed" not in export
    taken = rows["sealed"]
    assert (taken["id"], taken["label"], taken["timeout_seconds"]) == ("bkd_sealed", "label of sealed", 33.5)
    assert (taken["rpm_limit"], taken["pool"], taken["source"]) == (40, "primary", "import")
    assert (taken["created_at"], taken["metadata"]) == ("2025-01-02T03:04:05Z", {"owner": "sealed"})
    assert taken["model_mappings"]["m"]["model"] == "real-m"
    assert taken["api_key_hint"] == "****ecar"
    assert rows["clear"]["api_key_hint"] == "****fore"
    assert [rows[name]["key_state"] for name in ("keyless", "foreign", "damaged")] == ["none"] * 3
    off = {name for name in rows if not rows[name]["enabled"]}
    assert off == {"damaged", "foreign", "keyless", "parked"}
    assert rows["cooling"]["status"] == "cooling"
    assert rows["cooling"]["consecutive_429_count"] == 3
    assert rows["cooled"]["status"] == "healthy"

    again = json.loads(command(house, str(sidecar), *given, "--json", **environment).stdout)
    assert (again["imported"], len(again["kept"])) == ([], 8)
    assert [again[name]["taken"] for name in ("usage", "cooldowns", "config")] == [0, 0, 0]
    assert [again[name]["kept"] for name in ("usage", "cooldowns", "config")] == [4, 2, 2]
    with house.admin() as admin:
        assert {one["name"]: one for one in admin.backends()}.keys() == rows.keys()
        expect_history(admin)


def expect_history(admin: AdminClient) -> None:
    """What the sidecar's other tables said, once."""
    used = {one["model"]: one for one in admin.usage(by="model", since="24h")}
    assert (used["m"]["exchanges"], used["m"]["errors"]) == (3, 1)
    assert (used["m"]["input_tokens"], used["m"]["output_tokens"]) == (207, 40)
    assert used["m"]["cost_usd"] == pytest.approx(0.004)
    assert (used["n"]["exchanges"], used["n"]["input_tokens"]) == (1, 1)
    by_backend = {one["backend"]: one["exchanges"] for one in admin.usage(by="backend", since="24h")}
    assert by_backend == {"sealed": 2, "clear": 1, "bkd_gone": 1}
    past = [one for one in admin.cooldowns() if one["started_at"].startswith("2025-03-01")]
    assert sorted(one["backend_id"] for one in past) == ["bkd_clear", "bkd_sealed"]
    settings = admin.settings()
    assert settings["retry"]["max_attempts"] == 4
    assert settings["cooldown"]["base_seconds"] == 4.5


def test_what_was_taken_over_works(house: Gateway, upstream: MakeUpstream, tmp_path: Path) -> None:
    one = upstream()
    file = tmp_path / "s.db"
    write_sidecar(file, f"{one.url}/v1")
    with house.admin() as admin:
        from headworks._sidecar import read_sidecar

        admin.import_sidecar(read_sidecar(file).backends, key=SEALING_KEY)
    answers = [ask(house) for _ in range(12)]
    assert {answer.status for answer in answers} == {200}
    seen = {str(answer.header("x-headworks-backend")) for answer in answers}
    assert seen == {"sealed", "cooled"}, "the cooling one rests, those without a key are off"
    keys = {dict(entry.headers)["authorization"] for entry in one.journal()}
    assert keys == {"Bearer sk-sealed-by-the-sidecar", "Bearer sk-cooled"}


def test_without_the_key_sealed_ones_come_without_theirs(house: Gateway, sidecar: Path) -> None:
    said = json.loads(command(house, str(sidecar), "--json").stdout)
    assert sorted(said["keys_missing"]) == ["cooled", "cooling", "damaged", "foreign", "parked", "sealed"]
    with house.admin() as admin:
        assert admin.backend("clear")["key_state"] == "readable"


def test_what_is_no_sidecar_is_refused(house: Gateway, tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("no database")
    sqlite3.connect(tmp_path / "other.db").executescript("CREATE TABLE notes (text)").connection.close()
    for name in ("text.db", "other.db", "nowhere.db"):
        assert command(house, str(tmp_path / name)).returncode == 2
    with house.admin() as admin, pytest.raises(UsageError, match="32 bytes"):
        admin.import_sidecar([], key=b"short")
