"""The stream of events: samples, exchanges, cooldowns and changes, as they happen."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from headworks.admin import AdminClient
from headworks.testing import Upstream
from support.asking import KEY, ask, backend, config
from support.gateway import Gateway
from support.raw_client import RawClient
from support.until import until

MakeUpstream = Callable[..., Upstream]
MakeGateway = Callable[..., Gateway]


@pytest.fixture
def house(upstream: MakeUpstream, gateway: MakeGateway) -> Gateway:
    rules = [{"model": "limited", "status": 429, "headers": {"retry-after": "60"}}, {"usage": {"input": 3}}]
    return gateway(config(backend("first", upstream(rules), rpm_limit=100)), key=KEY)


def wait_for(events: Iterator[tuple[str, dict[str, Any]]], name: str) -> dict[str, Any]:
    return next(data for event, data in events if event == name)


def test_everything_that_happens_is_told(house: Gateway) -> None:
    with house.admin() as admin, AdminClient(house.admin_url, house.admin_token) as listener:
        events = listener.events()
        sample = wait_for(events, "sample")
        assert (sample["finished"], sample["in_flight"]) == (0, 0)
        (shown,) = sample["backends"]
        assert (shown["name"], shown["pool"], shown["starts_left"]) == ("first", "primary", 100)
        answer = ask(house)
        told = wait_for(events, "exchange")
        assert told["request_id"] == answer.header("x-request-id")
        assert (told["state"], told["status"], told["backend"]) == ("finished", 200, "first")
        sample = wait_for(events, "sample")
        while not sample["finished"]:
            sample = wait_for(events, "sample")
        assert (sample["finished"], sample["looked_at"], sample["errors"]) == (1, 1, 0)
        assert sample["backends"][0]["starts_left"] == 99
        ask(house, model="limited")
        cooling = wait_for(events, "cooldown")
        assert (cooling["backend"], cooling["cooling"]) == ("first", True)
        admin.clear_backend("first")
        assert wait_for(events, "cooldown")["cooling"] is False
        revision = int(admin.revisions(limit=1)[0]["number"])
        admin.change_backend("first", label="new")
        changed = wait_for(events, "catalog")
        while changed["revision"] <= revision:
            changed = wait_for(events, "catalog")


def test_a_flood_is_sampled_and_says_so(house: Gateway) -> None:
    with AdminClient(house.admin_url, house.admin_token) as listener, house.admin() as admin:
        events = listener.events()
        wait_for(events, "sample")
        for _ in range(90):
            ask(house)
        told = skipped = 0
        for name, data in events:
            told += name == "exchange"
            skipped += data["exchanges"] if name == "skipped" else 0
            if told + skipped == 90:
                break
        assert told <= 90
        assert admin.exchanges(limit=1)


def read_until(client: RawClient, mark: bytes) -> bytes:
    got = b""
    while mark not in got:
        got += client.socket.recv(65536)
    return got


def test_a_client_that_comes_back_goes_on_where_it_was(house: Gateway) -> None:
    for _ in range(5):
        ask(house)
    with house.admin() as admin:
        until(lambda: len(admin.exchanges(state="finished")) == 5, what="five exchanges")
    with RawClient(house.admin_url) as client:
        client.send(
            "GET /admin/v1/events HTTP/1.1\r\nhost: localhost\r\nlast-event-id: 3\r\n"
            f"authorization: Bearer {house.admin_token}\r\n\r\n".encode()
        )
        got = read_until(client, b"id: 5\n")
    assert b"text/event-stream" in got
    assert b"id: 4\n" in got
    assert b"id: 3\n" not in got


def test_the_stream_ends_with_the_server_and_holds_nobody_up(house: Gateway) -> None:
    with AdminClient(house.admin_url, house.admin_token) as listener:
        events = listener.events()
        wait_for(events, "sample")
        assert house.stop(seconds=5) == 0
        assert all(name == "sample" for name, _ in events)


def test_running_ones_are_listed(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    slow = upstream([{"stream": {"events": 1000, "per_second": 20}}])
    house = gateway(config(backend("slow", slow)), key=KEY)
    with RawClient(house.url) as client, house.admin() as admin:
        body = json.dumps(
            {"model": "m", "stream": True, "messages": [{"role": "user", "content": "x"}]}
        ).encode()
        client.send(
            f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode()
            + body
        )
        read_until(client, b"data: ")
        (running,) = admin.exchanges(state="running")
        assert (running["state"], running["status"], running["backend"]) == ("running", 200, "slow")
        whole = admin.exchange(running["request_id"])
        assert (whole["state"], len(whole["attempts"])) == ("running", 1)
        assert whole["attempts"][0]["first_byte_ms"] > 0
        assert admin.exchanges()[0]["request_id"] == running["request_id"]
        assert admin.exchanges(state="finished") == []
        client.close()
        until(lambda: admin.exchanges(state="running") == [], what="the end of it")
        (ended,) = until(lambda: admin.exchanges(state="finished"), what="a finished one")
        assert (ended["request_id"], ended["status"]) == (running["request_id"], 499)


def test_the_past_is_found_page_by_page(house: Gateway) -> None:
    ids = [str(ask(house, model="m" if at % 3 else "other").header("x-request-id")) for at in range(40)]
    house.restart()
    with house.admin() as admin:
        found = [one["request_id"] for one in admin.all_exchanges(limit=7)]
        assert found == ids[::-1]
        others = [one["request_id"] for one in admin.all_exchanges(limit=3, model="other")]
        assert others == ids[::3][::-1]
        assert list(admin.all_exchanges(limit=3, key="app", backend="first", model="m", errors=True)) == []
        assert len(list(admin.all_exchanges(key="app"))) == 40
        assert admin.exchanges(key="nobody") == []
        assert admin.exchanges(since="2099-01-01T00:00:00Z") == []
