"""Cooldowns that an operator begins, changes and ends: at once, in the running gauges, and over a restart."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable

import pytest

from headworks.errors import NotFoundError, UsageError
from headworks.testing import Upstream
from support.asking import KEY, ask, backend, config, error_of
from support.gateway import Gateway
from support.until import until

MakeUpstream = Callable[..., Upstream]
MakeGateway = Callable[..., Gateway]


def test_what_was_cooled_by_a_429_is_cleared_by_hand(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    first = upstream([{"status": 429, "headers": {"retry-after": "500"}, "times": 1}])
    house = gateway(config(backend("first", first)), key=KEY)
    assert ask(house).status == 429
    assert ask(house).status == 429
    assert len(first.journal()) == 1

    with house.admin() as admin:
        running = until(admin.cooldowns, what="the cooldown is stored")
        row = admin.clear_backend("first")
        after = admin.cooldowns()

    assert [(one["cause"], one["source"], one["ended_at"]) for one in running] == [
        ("rate_limited", "header", None)
    ]
    assert row["status"] == "healthy"
    assert after[0]["ended_at"] is not None
    assert ask(house).status == 200


def test_one_cooled_by_hand_is_not_called_and_comes_back_when_told(
    upstream: MakeUpstream, gateway: MakeGateway
) -> None:
    first = upstream()
    house = gateway(config(backend("first", first), queue={"max_wait_seconds": 0}), key=KEY)
    with house.admin() as admin:
        row = admin.cool_backend("first", seconds=300, reason="maintenance")
        assert row["status"] == "cooling"
        refused = ask(house)
        assert refused.status == 429
        assert 290 <= int(str(refused.header("retry-after"))) <= 300

        house.restart(kill=True)
    with house.admin() as admin:
        assert ask(house).status == 429
        assert first.journal() == []
        shorter = admin.cool_backend("first", seconds=100)
        assert str(shorter["cooldown_until"]) < str(row["cooldown_until"])
        assert int(str(ask(house).header("retry-after"))) <= 100
        admin.clear_backend("first")
        assert ask(house).status == 200


def test_clearing_wakes_those_who_wait(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    house = gateway(config(backend("first", upstream()), queue={"max_wait_seconds": 60}), key=KEY)
    statuses: list[int] = []
    with house.admin() as admin:
        admin.cool_backend("first", seconds=50)
        waiting = threading.Thread(target=lambda: statuses.append(ask(house, seconds=55).status))
        waiting.start()
        until(
            lambda: admin.explain("m")["tiers"][0]["candidates"][0]["out"] == "awaited", what="somebody waits"
        )
        admin.clear_backend("first")
    waiting.join(timeout=20)
    assert statuses == [200]


def test_a_new_key_ends_the_quarantine_of_the_old_one(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    first = upstream([{"key": "sk-first", "status": 401}, {}])
    house = gateway(config(backend("first", first)), key=KEY)
    assert ask(house).status == 502
    assert error_of(ask(house))["code"] == "no_backend"
    with house.admin() as admin:
        assert until(admin.cooldowns, what="the cooldown is stored")[0]["cause"] == "auth"
        row = admin.change_backend("first", api_key="sk-another")
        assert row["status"] == "healthy"
        assert admin.cooldowns()[0]["ended_at"] is not None
    assert ask(house).status == 200


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "either"),
        ({"seconds": 5, "until": "2030-01-01T00:00:00Z"}, "either"),
        ({"seconds": -1}, "number from"),
        ({"until": "soon"}, "a moment to come"),
        ({"until": "2020-01-01T00:00:00Z"}, "a moment to come"),
        ({"second": 5}, "did you mean 'seconds'"),
        ([], "object"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    upstream: MakeUpstream, gateway: MakeGateway, body: object, said: str
) -> None:
    house = gateway(config(backend("first", upstream())), key=KEY)
    with house.admin() as admin:
        with pytest.raises(UsageError, match=said):
            admin.request("PUT", "/backends/first/cooldown", body)
        with pytest.raises(NotFoundError):
            admin.clear_backend("nobody")
    assert ask(house).status == 200


def test_the_commands(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    house = gateway(config(backend("first", upstream())), key=KEY)

    def headworks(*arguments: str) -> str:
        command = [
            sys.executable,
            "-m",
            "headworks",
            "backends",
            *arguments,
            "--data-dir",
            str(house.data_dir),
        ]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout

    assert "first" in headworks("list")
    assert "rests until" in headworks("cool", "first", "--seconds", "100")
    assert '"status": "cooling"' in headworks("show", "first")
    assert "healthy" in headworks("clear", "first")
