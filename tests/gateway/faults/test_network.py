"""What stands between us and an upstream: networks that swallow, names that lead nowhere, bad TLS.

Covered elsewhere: F01's three failures routing/test_recovery.py; F25's stale answers and changed addresses
tests/cpp/net/resolver_test.cpp; resumed sessions test_serving.py.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import socket
import ssl
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

import pytest
import trustme

from gateway.faults.figures import (
    EAGER,
    REPETITIONS,
    STEADY,
    MakeGateway,
    MakeUpstream,
    Note,
    black_hole,
    now_ms,
    tell,
)
from support.asking import KEY, ask, backend, config, error_of, rows_of
from support.gateway import Gateway
from support.quiet import late
from support.until import until


def failures_of(house: Gateway) -> set[str]:
    """How the failed attempts failed."""
    sql = "SELECT error FROM attempts WHERE error IS NOT NULL"
    return {row["error"] for row in until(lambda: rows_of(house, sql), what="failed attempts")}


# F01


@pytest.mark.rows("F01", "R2")
@pytest.mark.costs
def test_a_refused_connection_costs_hardly_any_time(
    upstream: MakeUpstream, gateway: MakeGateway, record_property: Note
) -> None:
    """With one healthy of three: all succeed, and p99 of what the failover takes is <= 20 ms."""
    with contextlib.ExitStack() as stack:
        nobody = [stack.enter_context(socket.socket()) for _ in range(2)]
        for one in nobody:
            one.bind(("127.0.0.1", 0))  # and never listens
        dead = [
            backend(f"dead{number}", f"http://127.0.0.1:{one.getsockname()[1]}/v1")
            for number, one in enumerate(nobody)
        ]
        well = upstream()
        house = gateway(config(*dead, backend("well", well), cooldown=STEADY, retry=EAGER), key=KEY)
        began, answers = [], []
        for _ in range(3 * REPETITIONS):
            began.append(now_ms())
            answers.append(ask(house))

    assert {(one.status, one.header("x-headworks-backend")) for one in answers} == {(200, "well")}
    # From before the client connects to the call's arrival at the one that is well.
    took = [
        call.at_ms - at
        for call, at, answer in zip(well.journal(), began, answers, strict=True)
        if int(str(answer.header("x-headworks-attempts"))) > 1
    ]
    assert len(took) >= 180
    slowest = tell("failover", took)
    record_property("R2", f"p99 {slowest:.1f} ms")
    assert slowest <= 20


# F02


@pytest.mark.rows("F02")
@pytest.mark.costs
def test_a_network_that_swallows_costs_the_connect_clock(
    upstream: MakeUpstream, gateway: MakeGateway
) -> None:
    """Failover at the clock's end and at most 0.1 s later."""
    with black_hole() as port:
        first = backend("first", f"http://127.0.0.1:{port}/v1")
        second = backend("second", upstream(), "fallback")
        timeouts = {"connect_seconds": 0.5}
        house = gateway(config(first, second, timeouts=timeouts, cooldown=STEADY, retry=EAGER), key=KEY)

        def timed(_: int) -> float:
            begin = now_ms()
            answer = ask(house)
            assert (answer.status, answer.header("x-headworks-backend")) == (200, "second")
            return now_ms() - begin

        with ThreadPoolExecutor(5) as pool:
            took = list(pool.map(timed, range(20)))

    assert min(took) >= 495
    assert sorted(took)[-2] <= 500 + late(100)
    rows = until(
        lambda: rows_of(house, "SELECT * FROM attempts WHERE error IS NOT NULL"), what="failed attempts"
    )
    assert {row["error"] for row in rows} == {"upstream_connect"}


# F25


@pytest.mark.rows("F25", "R10")
def test_a_name_that_leads_nowhere_harms_nobody_else(
    upstream: MakeUpstream, gateway: MakeGateway, record_property: Note
) -> None:
    """The lookup is bounded by the connect clock, and others do not wait for it."""
    lost = backend("lost", "http://no-such-host.invalid/v1", model_mappings={"lost": "lost"})
    well = backend("well", upstream(), model_mappings={"well": "well"})
    timeouts = {"connect_seconds": 1}
    house = gateway(config(lost, well, timeouts=timeouts, cooldown=STEADY, retry=EAGER), key=KEY)
    assert ask(house, model="well").status == 200

    def ask_the_well() -> float:
        begin = now_ms()
        assert ask(house, model="well").status == 200
        return now_ms() - begin

    alone = median(ask_the_well() for _ in range(REPETITIONS))
    beside: list[float] = []

    def ask_the_lost() -> tuple[int, str, float]:
        begin = now_ms()
        answer = ask(house, model="lost")
        return answer.status, error_of(answer)["code"], now_ms() - begin

    with ThreadPoolExecutor(8) as pool:
        lost_ones = [pool.submit(ask_the_lost) for _ in range(8)]
        while not all(one.done() for one in lost_ones):
            beside.append(ask_the_well())
        assert max(beside) < late(500)
        for one in lost_ones:
            status, code, took = one.result()
            assert (status, code) == (502, "upstream_connect")
            assert took < 4000, "two tries with a backoff between them"
    record_property("R10", f"{median(beside) - alone:+.2f} ms at the median of {len(beside)}")


# F26

AUTHORITY = trustme.CA()
ANSWER = {"id": "x", "choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"}}]}
NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)


class TlsServer:
    """Answers every request of an encrypted connection with `raw`, then closes; counts handshakes."""

    def __init__(self, context: ssl.SSLContext, raw: bytes, *, notify: bool) -> None:
        self.context, self.raw, self.notify = context, raw, notify
        self.handshakes = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self.listener.accept()
            except OSError:
                return
            plain.settimeout(5)
            with contextlib.suppress(OSError), plain:
                encrypted = self.context.wrap_socket(plain, server_side=True)
                with encrypted:
                    self._answer(encrypted)

    def _answer(self, client: ssl.SSLSocket) -> None:
        self.handshakes += 1
        got = b""
        while b"\r\n\r\n" not in got:
            got += client.recv(65536) or b"\r\n\r\n"
        client.sendall(self.raw)
        if self.notify:
            client.unwrap().close()

    def close(self) -> None:
        self.listener.close()


@pytest.fixture
def tls() -> Iterator[Callable[..., TlsServer]]:
    with contextlib.ExitStack() as stack:

        def start(leaf: trustme.LeafCert, raw: bytes = b"", **options: Any) -> TlsServer:
            notify, context = options.get("notify", True), options.get("context")
            made = context or ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            leaf.configure_cert(made)
            body = json.dumps(ANSWER).encode()
            head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
            server = TlsServer(made, raw or head.encode() + body, notify=notify)
            stack.callback(server.close)
            return server

        yield start


def trusting(tmp_path: Path) -> dict[str, str]:
    """An environment in which the tests' own authority is all that is trusted."""
    file = tmp_path / "authority.pem"
    AUTHORITY.cert_pem.write_to_path(str(file))
    return {"SSL_CERT_FILE": str(file), "SSL_CERT_DIR": "/nonexistent"}


def old_protocol() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


def issue(name: str, begin: int = -9, end: int = 9) -> trustme.LeafCert:
    """A certificate of our authority, valid from and to so many days from now."""
    return AUTHORITY.issue_cert(name, not_before=NOW + begin * DAY, not_after=NOW + end * DAY)


BAD: dict[str, Callable[[], tuple[trustme.LeafCert, ssl.SSLContext | None]]] = {
    "expired": lambda: (issue("localhost", end=-1), None),
    "not valid yet": lambda: (issue("localhost", begin=1), None),
    "of another name": lambda: (issue("elsewhere.example"), None),
    "of another authority": lambda: (trustme.CA().issue_cert("localhost"), None),
    "of an address, for a name": lambda: (issue("127.0.0.1"), None),
    "of an old protocol": lambda: (issue("localhost"), old_protocol()),
}


@pytest.mark.rows("F26")
@pytest.mark.parametrize("what", BAD)
def test_a_bad_certificate_is_never_accepted(
    upstream: MakeUpstream, gateway: MakeGateway, tls: Callable[..., TlsServer], tmp_path: Path, what: str
) -> None:
    leaf, context = BAD[what]()
    server = tls(leaf, context=context)
    bad = backend("bad", f"https://localhost:{server.port}/v1")
    backup = backend("backup", upstream(), "fallback")
    environment = trusting(tmp_path)
    house = gateway(config(bad, backup, cooldown=STEADY, retry=EAGER), key=KEY, environment=environment)

    answers = [ask(house) for _ in range(5)]

    assert {(one.status, one.header("x-headworks-backend")) for one in answers} == {(200, "backup")}
    assert server.handshakes == 0, "no request may reach it"
    rows = until(
        lambda: rows_of(house, "SELECT * FROM attempts WHERE error IS NOT NULL"), what="failed attempts"
    )
    assert {row["error"] for row in rows} == {"upstream_connect"}


@pytest.mark.rows("F26")
@pytest.mark.parametrize("what", ["nothing is said", "no TLS at all"])
def test_a_handshake_that_does_not_happen(upstream: MakeUpstream, gateway: MakeGateway, what: str) -> None:
    with contextlib.ExitStack() as stack:
        if what == "nothing is said":
            silent = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            port = silent.getsockname()[1]
        else:
            port = int(upstream().url.rpartition(":")[2])
        bad = backend("bad", f"https://127.0.0.1:{port}/v1")
        backup = backend("backup", upstream(), "fallback")
        timeouts = {"connect_seconds": 0.4}
        house = gateway(config(bad, backup, timeouts=timeouts, cooldown=STEADY, retry=EAGER), key=KEY)
        begin = now_ms()
        answer = ask(house)
        assert (answer.status, answer.header("x-headworks-backend")) == (200, "backup")
        assert now_ms() - begin < 3000


@pytest.mark.rows("F26")
@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_a_good_certificate_is_accepted(
    gateway: MakeGateway, tls: Callable[..., TlsServer], tmp_path: Path, name: str
) -> None:
    server = tls(AUTHORITY.issue_cert(name))
    good = backend("good", f"https://{name}:{server.port}/v1")
    house = gateway(config(good), key=KEY, environment=trusting(tmp_path))
    answer = ask(house)
    assert (answer.status, json.loads(answer.body)["choices"][0]["message"]["content"]) == (200, "hello")


@pytest.mark.rows("F26")
def test_an_end_without_close_notify_is_a_cut(
    gateway: MakeGateway, tls: Callable[..., TlsServer], tmp_path: Path
) -> None:
    """Where the end of the connection is the end of the body, anybody on the way could have made it."""
    raw = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n" + json.dumps(ANSWER).encode()
    leaf = AUTHORITY.issue_cert("localhost")
    cut, whole = tls(leaf, raw=raw, notify=False), tls(leaf, raw=raw, notify=True)
    backends = [
        backend("cut", f"https://localhost:{cut.port}/v1", model_mappings={"cut": "m"}),
        backend("whole", f"https://localhost:{whole.port}/v1", model_mappings={"whole": "m"}),
    ]
    house = gateway(config(*backends, cooldown=STEADY), key=KEY, environment=trusting(tmp_path))

    good = ask(house, model="whole")
    bad = [ask(house, model="cut") for _ in range(5)]

    assert (good.status, good.complete) == (200, True)
    assert [one for one in bad if one.status == 200 and one.complete] == []
