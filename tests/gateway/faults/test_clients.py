"""What clients do in great numbers: they leave, they read slowly, they invent names.

Covered elsewhere: F19 state by state with the ledger's row, streams/test_client_leaves.py and
routing/test_waiting.py (a); F20's back-pressure streams/test_pooled_connections.py. Here are the figures.
"""

from __future__ import annotations

import contextlib
import json
import resource
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway.faults.figures import (
    EAGER,
    MEASURED,
    STEADY,
    MakeGateway,
    MakeUpstream,
    Note,
    black_hole,
    ended,
    now_ms,
    tell,
)
from support.asking import CHAT, KEY, ask, backend, config, fields_of, metrics_of
from support.gateway import Gateway
from support.quiet import late
from support.raw_client import RawClient
from support.until import until

HANG = {"fault": {"at": "request", "do": "hang"}}
SILENT = {"stream": {"events": 9}, "fault": {"at": "event", "do": "hang", "after": 3}}
ENDLESS = {"stream": {"events": 1_000_000, "event_bytes": 200, "per_second": 50}}
LONG = {"text": "word " * 20_000, "drip": {"bytes": 100, "every_ms": 20}}


def chat(*, stream: bool) -> bytes:
    """A request, head and body."""
    body = json.dumps(fields_of(CHAT, stream=stream)).encode()
    head = f"POST {CHAT} HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {KEY}\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def begin(house: Gateway, *, stream: bool) -> RawClient:
    client = RawClient(house.url)
    client.send(chat(stream=stream))
    return client


def in_flight(house: Gateway, name: str = "only") -> float:
    return metrics_of(house)[f'headworks_in_flight{{backend="{name}"}}']


# F19


@pytest.mark.rows("F19", "R3")
@pytest.mark.costs
@pytest.mark.parametrize(
    ("rule", "stream", "mark"),
    [
        (HANG, True, b""),
        (HANG, False, b""),
        (SILENT, True, b"data: "),
        (ENDLESS, True, b"data: "),
        (LONG, False, b"w"),
    ],
    ids=["thinking, stream", "thinking, plain", "silent in mid-stream", "streaming", "plain body"],
)
def test_who_leaves_takes_the_upstream_call_along(
    upstream: MakeUpstream,
    gateway: MakeGateway,
    rule: dict[str, object],
    stream: bool,
    mark: bytes,
    record_property: Note,
) -> None:
    """From a client's close to the upstream's end: p99 <= 100 ms; and no slot is lost."""
    only = upstream([rule])
    house = gateway(config(backend("only", only), cooldown=STEADY), key=KEY)
    left: list[float] = []
    for number in range(100):
        with begin(house, stream=stream) as client:
            until(lambda: len(only.journal()) == number + 1, what="the call")  # noqa: B023
            got = b""
            while mark not in got:
                got += client.read_some()
            left.append(now_ms())
            if number % 2:
                client.reset()
    took = [(one.peer_closed_ms or 0) - at for one, at in zip(ended(only, 100), left, strict=True)]
    slowest = tell("close to the upstream's end", took)
    record_property("R3", f"p99 {slowest:.1f} ms")
    assert slowest <= 100
    until(lambda: in_flight(house) == 0, what="nobody in flight")


@pytest.mark.rows("F19")
@pytest.mark.costs
def test_who_leaves_while_we_connect_frees_the_place(gateway: MakeGateway) -> None:
    """State (b): there is no upstream to see it; the place in flight is free within 100 ms."""
    with black_hole() as port:
        lost = backend("only", f"http://127.0.0.1:{port}/v1", max_in_flight=1)
        house = gateway(config(lost, timeouts={"connect_seconds": 30}, cooldown=STEADY), key=KEY)
        took = []
        for _ in range(20):
            with begin(house, stream=True):
                until(lambda: in_flight(house) == 1, what="the call")
            left = now_ms()
            until(lambda: in_flight(house) == 0, what="its end")
            took.append(now_ms() - left)
    assert sorted(took)[-2] <= late(100)


@pytest.mark.rows("F19")
def test_ten_thousand_that_leave_cost_no_slot(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    only = upstream({"rules": [{"delay_ms": 1}], "journal": False})
    house = gateway(config(backend("only", only, max_in_flight=20), cooldown=STEADY, retry=EAGER), key=KEY)

    def leave_often(seed: int) -> None:
        for number in range(2500):
            with begin(house, stream=bool(number % 2)) as client:
                if (number + seed) % 3 == 0:
                    client.reset()
                elif (number + seed) % 3 == 1:
                    client.finish_sending()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(leave_often, range(4)))

    until(lambda: in_flight(house) == 0, 20, what="nobody in flight")
    until(lambda: metrics_of(house)["headworks_queue_depth"] == 0, what="nobody in line")
    assert [ask(house).status for _ in range(40)] == [200] * 40


# F20


@pytest.mark.rows("F20", "R5")
@pytest.mark.costs
def test_five_hundred_slow_readers_cost_little(
    upstream: MakeUpstream, gateway: MakeGateway, record_property: Note
) -> None:
    """Answers of 10 MB that nobody reads: at most 256 KiB each, and others are served."""
    count = 500
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    slow = upstream(
        {"rules": [{"stream": {"events": 10_000, "event_bytes": 1024, "per_second": 0}}], "journal": False}
    )
    well = backend("well", upstream(), model_mappings={"n": "n"})
    house = gateway(config(backend("slow", slow, model_mappings={"m": "m"}), well), key=KEY)
    assert ask(house, model="n").status == 200
    before = house.resident_bytes()
    with contextlib.ExitStack() as stack:
        readers = [stack.enter_context(RawClient(house.url, receive_buffer=4096)) for _ in range(count)]
        for reader in readers:
            reader.send(chat(stream=True))
        for reader in readers:
            assert reader.read_some()
        looks: list[int] = []

        def settled() -> bool:
            looks.append(house.resident_bytes())
            return len(looks) > 5 and looks[-1] - looks[-5] < 65_536

        until(settled, what="memory to settle")
        each = (house.resident_bytes() - before) / count
        record_property("R5", f"{each / 1024:.0f} KiB per slow reader")
        assert each <= 256 * 1024
        assert ask(house, model="n").status == 200
    until(lambda: in_flight(house, "slow") == 0, 20, what="nobody in flight")


@pytest.mark.rows("R5")
@pytest.mark.costs
def test_a_thousand_idle_connections_cost_little(
    upstream: MakeUpstream, gateway: MakeGateway, record_property: Note
) -> None:
    """Each has been served once and waits: at most 24 KiB."""
    count = 1000
    house = gateway(config(backend("only", upstream({"journal": False}))), key=KEY)
    assert ask(house).status == 200
    before = house.resident_bytes()
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            client = stack.enter_context(RawClient(house.url))
            client.send(chat(stream=False))
            assert client.answer().status == 200
        each = (house.resident_bytes() - before) / count
        held = metrics_of(house)['headworks_memory_held_bytes{of="buffers"}']
    record_property("R5", f"{each / 1024:.1f} KiB per idle connection")
    assert each <= 24 * 1024
    assert held <= 3 * 16_384, "an idle connection holds no buffer: the scrape's own are left"


# F46


@pytest.mark.rows("F46")
def test_invented_names_make_no_new_series(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    """10,000 models, keys and paths, and as many models under a wildcard: at most one new series each."""
    wild = backend("wild", upstream({"journal": False}), model_mappings={"known": "k", "any-*": "any-*"})
    house = gateway(config(wild), key=KEY)
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}

    def names_of_series() -> set[str]:
        return {name for name in metrics_of(house) if not name.startswith("headworks_build_info")}

    def ask_many(what: Callable[[int], tuple[str, str, str]], numbers: range) -> None:
        with RawClient(house.url) as client:
            for number in numbers:
                path, model, key = what(number)
                client.request(
                    "POST",
                    path,
                    headers={**headers, "authorization": f"Bearer {key}"},
                    body=json.dumps(fields_of(CHAT, model=model)).encode(),
                )

    shapes: list[Callable[[int], tuple[str, str, str]]] = [
        lambda number: (CHAT, f"no-{number}", KEY),
        lambda number: (CHAT, f"any-{number}", KEY),
        lambda number: (CHAT, "known", f"hw_key_{number}"),
        lambda number: (f"/v1/what/{number}", "known", KEY),
    ]
    for shape in shapes:
        ask_many(shape, range(3))
    counted = 'headworks_bad_requests_total{reason="invalid_api_key"}'
    until(lambda: metrics_of(house).get(counted) == 3, what="the first of each kind")

    def finished() -> float:
        return sum(
            value for name, value in metrics_of(house).items() if name.startswith("headworks_exchanges_total")
        )

    until(lambda: finished() == 3 * len(shapes), what="the first answers")
    before = names_of_series()
    memory = house.resident_bytes()
    for shape in shapes:
        ask_many(shape, range(3, 2503))
    until(lambda: metrics_of(house).get(counted) == 2503, what="all of them")
    assert names_of_series() - before == set()
    if MEASURED:
        assert house.resident_bytes() - memory < 48 * 1024 * 1024
