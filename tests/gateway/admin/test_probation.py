"""A change that makes things worse is undone by itself, and says why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from headworks.testing import Upstream
from support.asking import KEY, ask, backend, config
from support.gateway import Gateway
from support.until import until

MakeUpstream = Callable[..., Upstream]
MakeGateway = Callable[..., Gateway]

PROBATION = {"minutes": 5, "worse_percent": 20, "least_requests": 20}


@pytest.fixture
def good(upstream: MakeUpstream) -> Upstream:
    return upstream()


@pytest.fixture
def house(good: Upstream, gateway: MakeGateway) -> Iterator[Gateway]:
    house = gateway(config(probation=PROBATION, cooldown={"failures": 0}), key=KEY)
    with house.admin() as admin:
        admin.create_backend(**backend("first", good))
        yield house


def newest(house: Gateway) -> Any:
    with house.admin() as admin:
        return admin.revisions(limit=1)[0]


def test_a_change_that_makes_things_worse_is_undone(
    house: Gateway, good: Upstream, upstream: MakeUpstream
) -> None:
    bad = upstream([{"status": 500}])
    assert [ask(house).status for _ in range(30)] == [200] * 30
    with house.admin() as admin:
        before = admin.export_config()
        admin.change_backend("first", api_base_url=f"{bad.url}/v1", api_key="sk-first")
        changed = admin.revisions(limit=1)[0]["number"]

        def undone() -> bool:
            ask(house)
            return bool(newest(house)["number"] > changed)

        until(undone, 20, what="the change to be undone")
        assert admin.export_config() == before
        revision = newest(house)
        assert revision["actor"] == "probation"
        assert f"probation.restore revision {changed}: failed" in revision["summary"]
        assert "from 0 % to 100 %" in revision["summary"]
    until(lambda: any("made things worse" in line for line in house.log_lines), what="the log's word of it")


def test_a_change_that_harms_nobody_stays(house: Gateway, upstream: MakeUpstream) -> None:
    """What was bad before proves nothing either: as many fail as did."""
    half = upstream([{"status": 500, "every": 2}])
    with house.admin() as admin:
        admin.change_settings(retry={"max_attempts": 1})
        admin.change_backend("first", api_base_url=f"{half.url}/v1", api_key="sk-first")
        admin.change_settings(probation={"minutes": 0})
        assert {ask(house).status for _ in range(40)} == {200, 500}
        admin.change_settings(probation={"minutes": 5})
        assert {ask(house).status for _ in range(40)} == {200, 500}
        admin.change_backend("first", label="another one")
        number = newest(house)["number"]
        assert {ask(house).status for _ in range(60)} == {200, 500}
        until(lambda: admin.usage()[0]["exchanges"] >= 140, what="the ledger")
        assert newest(house)["number"] == number
