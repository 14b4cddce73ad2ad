"""More comes than there is room for: the memory of bodies has a budget, and who is refused costs little.

Connections: test_serving.py; the waiting line: routing/test_waiting.py; descriptors: test_machine.py.
"""

from __future__ import annotations

import contextlib
import json
import selectors
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.faults.figures import MakeGateway, MakeUpstream, Note
from support.asking import CHAT, KEY, MESSAGES, ask, backend, config, error_of, fields_of, metrics_of
from support.gateway import Gateway
from support.raw_client import RawAnswer, RawClient
from support.until import until

MIB = 1024 * 1024
BODIES = 'headworks_memory_held_bytes{of="bodies"}'
BUFFERS = 'headworks_memory_held_bytes{of="buffers"}'


def body_of(size: int) -> bytes:
    """A request of exactly so many bytes."""
    empty = json.dumps(fields_of(CHAT, user=""))
    return json.dumps(fields_of(CHAT, user="x" * (size - len(empty)))).encode()


def head_of(length: int, path: str = CHAT, more: str = "") -> bytes:
    lines = f"authorization: Bearer {KEY}\r\ncontent-type: application/json\r\n{more}"
    return f"POST {path} HTTP/1.1\r\nhost: h\r\n{lines}content-length: {length}\r\n\r\n".encode()


def held(house: Gateway) -> float:
    return metrics_of(house)[BODIES]


def refused_already(client: RawClient) -> RawAnswer | None:
    """The answer that came although the request is not complete."""
    with selectors.DefaultSelector() as selector:  # not select(): a thousand descriptors are too many for it
        selector.register(client.socket, selectors.EVENT_READ)
        return client.answer() if selector.select(0) else None


@contextlib.contextmanager
def senders(house: Gateway, count: int, sent: bytes) -> Iterator[list[RawClient]]:
    """So many clients that have sent this, one after the other, and are admitted or refused."""
    with contextlib.ExitStack() as stack:
        clients = []
        for _ in range(count):
            clients.append(stack.enter_context(RawClient(house.url)))
            clients[-1].send(sent)
        yield clients


# F37


@pytest.mark.rows("F37")
@pytest.mark.costs
def test_bodies_have_a_budget_and_who_finds_no_room_is_told_at_once(
    upstream: MakeUpstream, gateway: MakeGateway, record_property: Note
) -> None:
    """Forty bodies of 1 MiB for 8 MiB: who was admitted succeeds however slow it is, the others get 503."""
    house = gateway(config(backend("only", upstream()), limits={"body_memory_bytes": 8 * MIB}), key=KEY)
    whole = body_of(MIB)
    assert ask(house).status == 200
    before = house.resident_bytes()

    with senders(house, 40, head_of(MIB) + whole[: MIB // 2]) as clients:
        answers: dict[RawClient, RawAnswer] = {}

        def all_are_judged() -> bool:
            for client in set(clients) - set(answers):
                if answer := refused_already(client):
                    answers[client] = answer
            return len(answers) + held(house) // MIB >= len(clients)

        until(all_are_judged, what="every client to be admitted or refused")
        admitted = [client for client in clients if client not in answers]
        grown = house.resident_bytes() - before
        for answer in answers.values():
            assert (answer.status, error_of(answer)["code"]) == (503, "overloaded")
            assert (answer.header("retry-after"), answer.header("x-should-retry")) == ("1", None)
        assert held(house) == len(admitted) * MIB
        for client in admitted:
            client.send(whole[MIB // 2 :])
        assert {client.answer().status for client in admitted} == {200}

    record_property("F37", f"{len(admitted)} of 40 served, {grown / MIB:.1f} MiB more while they were held")
    assert len(admitted) == 7, "the eighth would leave no room for the connections' own buffers"
    assert grown <= 9 * MIB
    until(lambda: held(house) == 0, what="all of it to be given back")
    assert ask(house, user="x" * MIB).status == 200
    assert metrics_of(house)['headworks_bad_requests_total{reason="overloaded"}'] == len(answers)


@pytest.mark.rows("F37")
def test_large_bodies_go_first_and_small_ones_never(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    """From 80 % on large ones are refused, before their body is asked for; what fits a buffer always goes."""
    house = gateway(config(backend("only", upstream()), limits={"body_memory_bytes": 8 * MIB}), key=KEY)
    with contextlib.ExitStack() as stack:

        def begin(size: int, more: str = "", path: str = CHAT) -> RawClient:
            client = stack.enter_context(RawClient(house.url))
            client.send(head_of(size, path, more))
            return client

        begin(6 * MIB)
        until(lambda: held(house) == 6 * MIB, what="the first one")
        large = begin(MIB + 1, "expect: 100-continue\r\n")
        messages = begin(MIB + 1, path=MESSAGES)
        other, small = ask(house, user="x" * (MIB // 2)), ask(house)
        begin(MIB)
        until(lambda: held(house) == 7 * MIB, what="one that is not large")
        begin(MIB - 100_000)
        until(lambda: held(house) == 8 * MIB - 100_000, what="all of it")
        none = begin(100_000).answer()

        assert (large.answer().status, none.status) == (503, 503)
        assert error_of(messages.answer())["type"] == "overloaded_error"
        assert (other.status, small.status, ask(house).status) == (200, 200, 200)
    until(lambda: held(house) == 0, what="all of it to be given back")


@pytest.mark.rows("F37")
@pytest.mark.costs
def test_a_thousand_large_bodies_at_once(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    """Each announces 32 MiB; by default there is room for six, and the process stays as small as they are."""
    house = gateway(config(backend("only", upstream())), key=KEY)
    assert ask(house).status == 200
    before = house.resident_bytes()

    with senders(house, 1000, head_of(32 * MIB) + b"x" * 20_000) as clients:
        waiting = set(clients)

        def all_are_judged() -> bool:
            for client in list(waiting):
                if answer := refused_already(client):
                    assert answer.status == 503
                    waiting.remove(client)
            return held(house) == len(waiting) * 32 * MIB

        until(all_are_judged, 30, what="every client to be admitted or refused")
        assert len(waiting) == 6
        assert ask(house).status == 200
        grown = house.resident_bytes() - before

    assert grown <= 32 * MIB
    until(lambda: held(house) == 0, what="all of it to be given back")
    until(lambda: metrics_of(house)[BUFFERS] <= 3 * 16_384, what="the buffers too")


# Who is refused costs no more than who is served


def unknown_key(client: RawClient) -> int:
    headers = {"authorization": "Bearer hw_key_wrong", "content-type": "application/json"}
    return client.request("POST", CHAT, headers=headers, body=BODY).status


def unknown_route(client: RawClient) -> int:
    return client.request("GET", "/wp-login.php").status


def unknown_model(client: RawClient) -> int:
    return client.request("POST", CHAT, headers=HEADERS, body=OTHER_MODEL).status


def known(client: RawClient) -> int:
    return client.request("POST", CHAT, headers=HEADERS, body=BODY).status


HEADERS = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
BODY = json.dumps(fields_of(CHAT)).encode()
OTHER_MODEL = json.dumps(fields_of(CHAT, "nobody has this")).encode()
TURNS = 2000


def cpu_us(house: Gateway, turn: Callable[[], None]) -> float:
    """The gateway's CPU for one turn."""
    before = house.cpu_seconds()
    for _ in range(TURNS):
        turn()
    return (house.cpu_seconds() - before) / TURNS * 1e6


@pytest.mark.minutes
@pytest.mark.parametrize(
    ("refused", "status"),
    [(unknown_key, 401), (unknown_route, 404), (unknown_model, 404)],
    ids=["wrong keys", "unknown routes", "unknown models"],
)
def test_a_flood_of_refused_requests_costs_no_more_than_served_ones(
    upstream: MakeUpstream,
    gateway: MakeGateway,
    refused: Callable[[RawClient], int],
    status: int,
    record_property: Note,
) -> None:
    named = backend("only", upstream({"journal": False}), model_mappings={"m": "m"})
    house = gateway(config(named), key=KEY, arguments=("--workers", "1"))
    with RawClient(house.url) as client:

        def one(request: Callable[[RawClient], int], expected: int) -> Callable[[], None]:
            def turn() -> None:
                assert request(client) == expected

            return turn

        rounds = [(cpu_us(house, one(known, 200)), cpu_us(house, one(refused, status))) for _ in range(3)]
    served, cost = min(one for one, _ in rounds), min(one for _, one in rounds)
    record_property("refused", f"{cost:.0f} us of CPU, served {served:.0f} us")
    print(f"refused {cost:.0f} us of CPU, served {served:.0f} us")
    assert cost <= served


@pytest.mark.minutes
@pytest.mark.parametrize(
    "noise", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"x" * 500, b"\x80\x2e\x01", b""]
)
def test_bad_tls_costs_no_more_than_a_connection_that_is_served(
    upstream: MakeUpstream, gateway: MakeGateway, certificate: tuple[Path, Path], noise: bytes
) -> None:
    """Plain HTTP, a record that is none, an SSL 2 hello, nothing: closed, for less than a handshake."""
    files = {"certificate": str(certificate[0]), "private_key": str(certificate[1])}
    secure = config(backend("only", upstream({"journal": False}))) | {"tls": files}
    house = gateway(secure, key=KEY, arguments=("--workers", "1"))
    trusting = ssl.create_default_context(cafile=str(certificate[0]))

    def noisy() -> None:
        with RawClient(house.url) as client, contextlib.suppress(OSError):  # it may have closed already
            client.send(noise)
            client.finish_sending()
            client.until_closed()

    def good() -> None:
        with RawClient(house.url) as client:
            client.socket = trusting.wrap_socket(client.socket, server_hostname="127.0.0.1")
            assert known(client) == 200

    def both() -> tuple[float, float]:
        return cpu_us(house, good), cpu_us(house, noisy)

    rounds = [both() for _ in range(2)]
    served, cost = min(one for one, _ in rounds), min(one for _, one in rounds)
    print(f"bad TLS {cost:.0f} us of CPU, served {served:.0f} us")
    assert cost <= served
