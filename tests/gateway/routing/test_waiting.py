"""Waiting for a free backend: in order, in fair share, not too long, and not for those who have left."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from headworks.testing import Upstream
from support.asking import CHAT, KEY, ask, backend, config, error_of, fields_of, metrics_of
from support.gateway import Gateway
from support.quiet import late
from support.raw_client import RawClient
from support.until import until

MakeUpstream = Callable[..., Upstream]
MakeGateway = Callable[..., Gateway]
OTHER_KEY = "hw_key_other-0123456789abcdef"
HANGS_ONCE = {"fault": {"at": "request", "do": "hang"}, "times": 1}
"""The place is taken until who took it leaves."""


def depth(house: Gateway) -> float:
    return metrics_of(house)["headworks_queue_depth"]


def expect_arrived(house: Gateway, upstream: Upstream, count: int) -> None:
    """So many requests are in line or upstream."""
    until(lambda: depth(house) + len(upstream.journal()) >= count, what=f"request {count} in line")


def users_of(upstream: Upstream) -> list[str]:
    """Whose requests arrived, in order."""
    return [one.json()["user"] for one in upstream.journal()]


@pytest.mark.parametrize("milliseconds", [150, 700, 1300])
def test_a_request_waits_out_a_short_rest_and_is_served_when_it_ends(
    upstream: MakeUpstream, gateway: MakeGateway, milliseconds: int
) -> None:
    """F13: the end of a cooldown is hit within 50 ms."""
    only = upstream([{"status": 429, "headers": {"retry-after-ms": str(milliseconds)}, "times": 1}])
    house = gateway(config(backend("only", only)), key=KEY)

    answer = ask(house)

    limited, served = only.journal()
    assert answer.status == 200
    assert limited.end_ms is not None
    rest = served.at_ms - limited.at_ms
    assert milliseconds <= rest <= milliseconds + late(50)


def test_those_that_wait_for_a_place_are_served_in_order(
    upstream: MakeUpstream, gateway: MakeGateway
) -> None:
    only = upstream([{"delay_ms": 60}])
    house = gateway(config(backend("only", only, max_in_flight=1)), key=KEY)

    with ThreadPoolExecutor(8) as pool:
        answers = []
        for number in range(8):
            answers.append(pool.submit(ask, house, user=f"u{number}"))
            expect_arrived(house, only, number + 1)
        statuses = [one.result().status for one in answers]

    assert statuses == [200] * 8
    assert users_of(only) == [f"u{number}" for number in range(8)]
    assert depth(house) == 0


def test_keys_share_the_line_fairly(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    """A batch of twelve does not keep two of another key waiting to its end."""
    only = upstream([HANGS_ONCE, {}])
    settings = config(backend("only", only, max_in_flight=1))
    settings["client_keys"].append({"name": "other", "key": OTHER_KEY})
    house = gateway(settings, key=KEY)

    with ThreadPoolExecutor(16) as pool, RawClient(house.url) as ahead:
        send(ahead, "ahead")
        until(only.journal, what="the place is taken")
        batch = [pool.submit(ask, house, user="batch") for _ in range(12)]
        until(lambda: depth(house) == 12, what="the batch in line")
        others = [pool.submit(ask, house, user="other", key=OTHER_KEY) for _ in range(2)]
        until(lambda: depth(house) == 14, what="the others in line")
        ahead.close()
        statuses = [one.result().status for one in (*batch, *others)]

    assert statuses == [200] * 14
    served = users_of(only)[1:]
    assert [at for at, user in enumerate(served) if user == "other"][-1] <= 4, "turn by turn"


def test_a_full_line_refuses_at_once(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    only = upstream([{"fault": {"at": "request", "do": "hang"}}])
    house = gateway(config(backend("only", only, max_in_flight=1), queue={"max_depth": 2}), key=KEY)
    clients = [RawClient(house.url) for _ in range(3)]
    try:
        for number, client in enumerate(clients):
            send(client, f"u{number}")
            expect_arrived(house, only, number + 1)
        answer = ask(house)
    finally:
        for client in clients:
            client.close()

    assert answer.status == 429
    assert error_of(answer)["code"] == "queue_full"
    assert int(str(answer.header("retry-after-ms"))) > 0


def test_without_a_line_the_limit_is_told_at_once(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    only = upstream([{"status": 429, "headers": {"retry-after": "3"}, "times": 1}])
    house = gateway(config(backend("only", only), queue={"max_wait_seconds": 0}), key=KEY)

    answer = ask(house)

    assert answer.status == 429
    assert 3000 - late(500) <= int(str(answer.header("retry-after-ms"))) <= 3000, "it was not waited for"


def test_who_obeys_is_admitted_although_others_press(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    """The moment in retry-after-ms is a promise, for this request among all that come meanwhile."""
    only = upstream([{"status": 429, "headers": {"retry-after": "2"}, "times": 1}])
    house = gateway(config(backend("only", only, max_in_flight=1), queue={"max_wait_seconds": 0.5}), key=KEY)
    stop = threading.Event()

    def press(number: int) -> None:
        while not stop.is_set():
            ask(house, user=f"press{number}")

    told = ask(house, user="obeying")
    assert told.status == 429
    ready = time.monotonic() + int(str(told.header("retry-after-ms"))) / 1000
    with ThreadPoolExecutor(4) as pool:
        pressing = [pool.submit(press, number) for number in range(4)]
        until(lambda: time.monotonic() >= ready, what="the promised moment")
        answer = ask(house, user="obeying")
        stop.set()
        for one in pressing:
            one.result()

    assert answer.status == 200


def send(client: RawClient, user: str) -> None:
    body = json.dumps(fields_of(CHAT, user=user)).encode()
    head = (
        f"POST {CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    client.send(head.encode() + body)


@pytest.mark.rows("F19")
@pytest.mark.parametrize("leave", ["FIN", "RST"])
def test_a_client_that_leaves_the_line_frees_its_place(
    upstream: MakeUpstream, gateway: MakeGateway, leave: str
) -> None:
    """F19 (a): nothing of it ever reaches an upstream, and who stands behind it moves up."""
    only = upstream([HANGS_ONCE, {}])
    house = gateway(config(backend("only", only, max_in_flight=1)), key=KEY)

    with ThreadPoolExecutor(1) as pool, RawClient(house.url) as first, RawClient(house.url) as leaving:
        send(first, "first")
        until(only.journal, what="the first call")
        send(leaving, "leaving")
        until(lambda: depth(house) == 1, what="one in line")
        behind = pool.submit(ask, house, user="behind")
        until(lambda: depth(house) == 2, what="two in line")
        if leave == "FIN":
            leaving.socket.shutdown(socket.SHUT_RDWR)
        else:
            leaving.reset()
        until(lambda: depth(house) == 1, what="its place is free")
        first.close()
        assert behind.result().status == 200

    assert users_of(only) == ["first", "behind"]


def test_patience_waits_for_a_tier_that_is_worth_it(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    limited = {"status": 429, "headers": {"retry-after-ms": "600"}, "times": 1}
    first, second = upstream([limited]), upstream()
    settings: dict[str, Any] = config(backend("first", first), backend("second", second, "fallback"))
    settings["pools"][0]["patience_seconds"] = 2
    house = gateway(settings, key=KEY)

    answer = ask(house)

    assert answer.header("x-headworks-backend") == "first"
    assert len(second.journal()) == 0
