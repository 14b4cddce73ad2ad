"""A disk that is full, locked or failing, and a process that is killed: F27 to F33 of the fault table.

Damaged files (F30) are tests/cpp/store/schema_test.cpp, and test_ledger.py here.
"""

from __future__ import annotations

import collections
import contextlib
import os
import random
import shutil
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from gateway.faults.figures import MEASURED, Note
from headworks.errors import HeadworksError
from headworks.testing import Upstream
from support.asking import KEY, ask, backend, config, metrics_of, rows_of
from support.gateway import Gateway
from support.raw_client import ConnectionEndedError
from support.until import until

MakeUpstream = Callable[..., Upstream]
MakeGateway = Callable[..., Gateway]


def ids_in(house: Gateway) -> collections.Counter[str]:
    return collections.Counter(str(row["request_id"]) for row in rows_of(house))


def house_of(gateway: MakeGateway, upstream: MakeUpstream, **options: object) -> Gateway:
    """With a backend that no file would bring back to what it was."""
    house = gateway(config(), key=KEY, **options)
    with house.admin() as admin:
        admin.create_backend(**backend("first", upstream()))
    return house


def served(house: Gateway, count: int) -> list[str]:
    """So many requests, eight at a time; their ids. Not one may fail."""
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ask(house), range(count)))
    assert {one.status for one in answers} == {200}
    return [str(one.header("x-request-id")) for one in answers]


def label_of(house: Gateway) -> str:
    with house.admin() as admin:
        return str(admin.backend("first")["label"])


def expect_all_once(house: Gateway, ids: list[str]) -> None:
    until(lambda: ids_in(house).keys() >= set(ids), 20, what="every row in the ledger")
    assert ids_in(house) == collections.Counter(ids)
    assert metrics_of(house)["headworks_ledger_dropped_total"] == 0


# F27


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        for size in (65536, 4096, 1):
            with contextlib.suppress(OSError):
                while file.write(bytes(size)) == size:
                    pass
    return ballast


@pytest.mark.rows("F27")
def test_a_full_disk(upstream: MakeUpstream, gateway: MakeGateway, small_disk: Path) -> None:
    house = house_of(gateway, upstream, data_dir=small_disk / "data")
    ids = served(house, 20)
    ballast = fill(small_disk)
    ids += served(house, 400)
    acknowledged = label_of(house)
    refused = None
    with house.admin() as admin:
        for number in range(400):  # what the files have room for is still written
            label = f"{number} {'x' * 100}"
            try:
                admin.change_backend("first", label=label)
                acknowledged = label
            except HeadworksError as full:
                refused = full
                break
    assert refused is not None
    assert refused.code == "storage_failed"
    assert "disk is full" in str(refused)
    assert label_of(house) == acknowledged
    ids += served(house, 100)
    until(lambda: metrics_of(house)["headworks_ledger_lag_seconds"] > 0, what="a ledger that cannot follow")
    ballast.unlink()
    expect_all_once(house, ids)
    with house.admin() as admin:
        assert admin.backend("first")["label"] == acknowledged
        admin.change_backend("first", label="there is room again")
    house.restart(kill=True)
    assert label_of(house) == "there is room again"


# F28


def follows(tracer: subprocess.Popen[bytes], house: Gateway) -> bool:
    status = Path(f"/proc/{house.pid}/status")
    until(lambda: tracer.poll() is not None or b"TracerPid:\t0\n" not in status.read_bytes(), what="strace")
    return tracer.poll() is None


@pytest.mark.rows("F28")
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.parametrize("call", ["pwrite64", "fdatasync"])
def test_a_failing_disk_never_says_yes_for_nothing(
    upstream: MakeUpstream, gateway: MakeGateway, call: str
) -> None:
    house = house_of(gateway, upstream)
    acknowledged = label_of(house)
    refusals = 0
    ids: list[str] = []
    for step in range(1, 7):
        tracer = subprocess.Popen(
            [
                *("strace", "-f", "-qq", "-o", os.devnull, "-p", str(house.pid)),
                *("-e", f"trace={call}", "-e", f"inject={call}:error=EIO:when={step}+3"),
            ],
            stderr=subprocess.PIPE,
        )
        try:
            if not follows(tracer, house):
                pytest.skip("processes may not be traced here")
            ids += served(house, 4)
            for number in range(4):
                label = f"{call} {step} {number}"
                try:
                    with house.admin() as admin:
                        admin.change_backend("first", label=label)
                    acknowledged = label
                except HeadworksError as failed:
                    assert failed.code == "storage_failed"
                    refusals += 1
        finally:
            tracer.terminate()
            tracer.communicate()
        assert label_of(house) == acknowledged
    assert refusals > 0
    expect_all_once(house, ids)
    house.restart(kill=True)
    assert label_of(house) == acknowledged
    expect_all_once(house, ids)


# F29, F33


@contextlib.contextmanager
def locked(file: Path) -> Iterator[None]:
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


@pytest.mark.rows("F29")
def test_a_locked_ledger_holds_nobody_up(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    house = house_of(gateway, upstream)
    ids = served(house, 10)
    expect_all_once(house, ids)
    with locked(house.data_dir / "usage.db"):
        ids += served(house, 300)
        until(
            lambda: metrics_of(house)["headworks_ledger_lag_seconds"] > 1.5,
            what="a ledger that cannot follow",
        )
        with house.admin() as admin:
            assert admin.exchange(ids[-1])["status"] == 200
            assert admin.usage()[0]["exchanges"] <= len(ids), "what was summed before, and no error"
    expect_all_once(house, ids)
    with house.admin() as admin:
        until(lambda: admin.usage()[0]["exchanges"] == len(ids), what="the sums")


@pytest.mark.rows("F29")
def test_a_locked_catalog_refuses_changes_and_nothing_else(
    upstream: MakeUpstream, gateway: MakeGateway
) -> None:
    house = house_of(gateway, upstream)
    with locked(house.data_dir / "headworks.db"), ThreadPoolExecutor(1) as pool, house.admin() as admin:
        change = pool.submit(admin.change_backend, "first", label="late")
        ids = served(house, 100)
        with pytest.raises(HeadworksError, match="locked") as refused:
            change.result(30)
        assert refused.value.code == "storage_failed"
    assert label_of(house) == ""
    with house.admin() as admin:
        admin.change_backend("first", label="free again")
    expect_all_once(house, ids)


@pytest.mark.rows("F33")
@pytest.mark.minutes
def test_a_ledger_locked_for_a_minute(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    house = house_of(gateway, upstream)
    ids: list[str] = []
    with locked(house.data_dir / "usage.db"):
        end = time.monotonic() + 60
        while time.monotonic() < end:
            ids += served(house, 200)

    # The backlog is bounded: what it had no room for was counted, and nothing else is missing.
    def accounted() -> bool:
        (row,) = rows_of(house, "SELECT count(*) AS n, count(DISTINCT request_id) AS ids FROM attempt_rows")
        assert row["n"] == row["ids"]
        return int(row["n"]) + int(metrics_of(house)["headworks_ledger_dropped_total"]) == len(ids)

    until(accounted, 60, what="every row in the ledger, or in the count of what was dropped")


# F31, F32


@contextlib.contextmanager
def traffic(house: Gateway, ids: dict[str, float]) -> Iterator[None]:
    """Requests until the process ends, each id with the moment of its answer."""

    def run() -> None:
        while house.running:
            with contextlib.suppress(OSError, ConnectionEndedError):
                answer = ask(house)
                assert answer.status == 200
                ids[str(answer.header("x-request-id"))] = time.monotonic()

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    yield
    for thread in threads:
        thread.join()


def kill_again_and_again(house: Gateway, kills: int, note: Note, *, in_time: bool) -> None:
    """`in_time`: the figures of the gate are judged, too; a machine that is busy need not meet them."""
    chance = random.Random(5)
    slowest = 0.0
    losses, gaps = [], [0.0]
    for _ in range(kills):
        ids: dict[str, float] = {}
        began = time.monotonic()
        acknowledged, number = label_of(house), 0
        with traffic(house, ids):
            killer = threading.Timer(0.05 + chance.random() * 0.3, house.kill)
            killer.start()
            with contextlib.suppress(HeadworksError), house.admin() as admin:
                while True:
                    admin.change_backend("first", label=f"{began} {number}")
                    acknowledged, number = f"{began} {number}", number + 1
            killer.join()
        killed = max(ids.values(), default=began)
        restarted = time.monotonic()
        house.start()
        slowest = max(slowest, time.monotonic() - restarted)
        after = label_of(house)
        assert after in (acknowledged, f"{began} {number}"), "what was acknowledged is there"
        found = ids_in(house)
        assert set(found.values()) <= {1}
        lost = [moment for one, moment in ids.items() if one not in found]
        losses.append(len(lost))
        if lost:
            gaps.append(killed - min(lost))
        with house.admin() as admin:
            (total,) = admin.usage()
        assert total["attempts"] == sum(found.values()), "the sums are those of the rows"
    for name in ("headworks.db", "usage.db"):
        with closing(sqlite3.connect(house.data_dir / name)) as database:
            assert database.execute("PRAGMA quick_check").fetchone() == ("ok",)
    mean = sum(losses) / kills
    note("R6", f"{kills} kills: 0 acknowledged writes lost; rows at most {max(losses)}, mean {mean:.1f}, ")
    note("R6", f"answered at most {max(gaps):.2f} s before the kill; slowest start {slowest:.2f} s")
    if in_time:
        assert slowest <= 1
        assert max(gaps) <= 0.35, "nothing that was answered a quarter of a second before"


@pytest.mark.rows("F31", "F32", "R6")
def test_killed_again_and_again(upstream: MakeUpstream, gateway: MakeGateway, record_property: Note) -> None:
    house = house_of(gateway, upstream)
    kill_again_and_again(house, 8, record_property, in_time=False)


@pytest.mark.rows("F31", "F32", "R6")
@pytest.mark.minutes
@pytest.mark.timeout(1800)
def test_killed_two_hundred_times(
    upstream: MakeUpstream, gateway: MakeGateway, record_property: Note
) -> None:
    house = house_of(gateway, upstream)
    kill_again_and_again(house, 200, record_property, in_time=MEASURED)


# A thousand at once


@pytest.mark.parametrize(
    ("limits", "cost"),
    [
        ({"rpm_limit": 100}, 0.0),
        ({"budgets": [{"usd": 0.01, "window": "day"}]}, 0.0001),
    ],
)
def test_a_thousand_at_once_never_get_more_than_a_hundred(
    upstream: MakeUpstream, gateway: MakeGateway, limits: dict[str, object], cost: float
) -> None:
    """Of a limit of 100 requests, or of a budget of 100 times what one request costs."""
    house_config = config(backend("first", upstream([{"usage": {"input": 5, "output": 0}}])), key=limits)
    house_config["prices"] = [{"model": "m", "input": cost / 5 * 1e6, "output": 0}]
    house = gateway(house_config, key=KEY)
    start = threading.Barrier(1000)

    def one(_: int) -> int:
        start.wait()
        return ask(house).status

    with ThreadPoolExecutor(1000) as pool:
        statuses = collections.Counter(pool.map(one, range(1000)))
    assert 0 < statuses[200] <= 100
    assert statuses[200] + statuses[429] == 1000
