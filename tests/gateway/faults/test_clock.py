"""F24: the wall clock jumps an hour back and forth; limits, rests and deadlines do not."""

from __future__ import annotations

import itertools
import threading
from pathlib import Path

import pytest

from gateway.faults.figures import MakeGateway, MakeUpstream, now_ms
from support.asking import KEY, ask, backend, config, rows_of
from support.gateway import Gateway
from support.quiet import late
from support.until import until

FAKER = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)


def hours_of(house: Gateway) -> int:
    """In how many hours, by the wall clock, requests have begun."""
    return len({row["started_us"] // 3_600_000_000 for row in rows_of(house)})


@pytest.mark.rows("F24")
@pytest.mark.costs
def test_jumps_of_the_wall_clock_release_nobody_early_or_late(
    upstream: MakeUpstream, gateway: MakeGateway, tmp_path: Path
) -> None:
    assert FAKER is not None, "libfaketime is not installed: .ci/setup test"
    offset = tmp_path / "offset"
    offset.write_text("+0")
    limited = upstream([{"status": 429, "headers": {"retry-after": "2"}, "times": 1}, {}])
    bounded = upstream()
    house = gateway(
        config(
            backend("limited", limited, model_mappings={"limited": "m"}),
            backend("bounded", bounded, model_mappings={"bounded": "m"}, rpm_limit=5),
            queue={"max_wait_seconds": 0},
        ),
        key=KEY,
        environment={
            "LD_PRELOAD": str(FAKER),
            "FAKETIME_TIMESTAMP_FILE": str(offset),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        },
    )
    ended = threading.Event()

    def jump() -> None:
        for hours in itertools.cycle(("+3600", "-3600", "+0", "+86400")):
            if ended.wait(0.27):
                return
            offset.write_text(hours)

    jumping = threading.Thread(target=jump)
    jumping.start()
    try:
        assert ask(house, model="limited").status == 429
        rests = now_ms()
        statuses = [ask(house, model="bounded").status for _ in range(30)]
        until(lambda: ask(house, model="limited").status == 200, what="the end of the rest")
        took = now_ms() - rests
        until(lambda: ask(house, model="limited").status == 200 and hours_of(house) > 1, what="a jump")
        statuses += [ask(house, model="bounded").status for _ in range(10)]
    finally:
        ended.set()
        jumping.join()

    assert statuses.count(200) == 5, "no start too many"
    assert len(bounded.journal()) == 5
    first, second = limited.journal()[:2]
    assert second.at_ms - first.at_ms >= 1990
    assert took <= 2000 + late(500)
    rows = until(lambda: rows if len(rows := rows_of(house)) >= 7 else None, what="the ledger")
    assert all(0 <= row["attempt_us"] <= row["exchange_us"] < 5_000_000 for row in rows)
