"""Backup and restore: what was there is there again, and what is no backup touches nothing."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from headworks.testing import Upstream
from support.asking import KEY, ask, backend, config, rows_of
from support.gateway import Gateway
from support.until import until

MakeUpstream = Callable[..., Upstream]
MakeGateway = Callable[..., Gateway]


@pytest.fixture
def house(gateway: MakeGateway, upstream: MakeUpstream) -> Iterator[Gateway]:
    started = gateway(config(), key=KEY)
    with started.admin() as admin:
        admin.create_backend(**{**backend("first", upstream()), "api_key": "sk-canary-in-a-backup"})
    yield started


def run(house: Gateway, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "headworks", *arguments, "--data-dir", str(house.data_dir)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_what_was_there_is_there_again(house: Gateway, tmp_path: Path) -> None:
    file = tmp_path / "all.tar"
    ids = [str(ask(house).header("x-request-id")) for _ in range(20)]
    until(lambda: len(rows_of(house)) == 20, what="the ledger")
    with ThreadPoolExecutor(4) as pool:  # under traffic
        more = [pool.submit(ask, house) for _ in range(200)]
        made = run(house, "backup", str(file))
        assert {one.result().status for one in more} == {200}
    assert made.returncode == 0, made.stderr
    assert file.stat().st_mode & 0o777 == 0o600
    assert b"sk-canary-in-a-backup" not in file.read_bytes()
    assert list((house.data_dir / "backups").iterdir()) == []
    with house.admin() as admin:
        export = admin.export_config()
        admin.remove_backend("first")
    assert run(house, "restore", str(file)).returncode == 5, "a server runs there"
    assert house.stop() == 0
    done = run(house, "restore", str(file))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(".before-") == 2
    house.start()
    with house.admin() as admin:
        assert admin.export_config() == export
        assert admin.exchange(ids[0])["status"] == 200
    assert ask(house).status == 200
    assert set(ids) <= {row["request_id"] for row in rows_of(house)}


def test_what_is_no_backup_touches_nothing(house: Gateway, tmp_path: Path) -> None:
    assert house.stop() == 0
    (tmp_path / "text").write_text("no tar")
    with tarfile.open(tmp_path / "half.tar", "w") as archive:
        archive.add(house.data_dir / "usage.db", arcname="usage.db")
    (tmp_path / "bad.db").write_bytes(b"garbage" * 1000)
    with tarfile.open(tmp_path / "damaged.tar", "w") as archive:
        archive.add(tmp_path / "bad.db", arcname="headworks.db")
        archive.add(house.data_dir / "usage.db", arcname="usage.db")
    before = (house.data_dir / "headworks.db").read_bytes()
    for name in ("text", "half.tar", "damaged.tar", "nowhere"):
        done = run(house, "restore", str(tmp_path / name))
        assert (done.returncode, name in done.stderr) == (2, True)
    assert (house.data_dir / "headworks.db").read_bytes() == before
    house.start()
    assert ask(house).status == 200
