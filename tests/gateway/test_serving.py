"""headworksd as its operators meet it: start, ready, health, metrics, logs, TLS, signals, end."""

from __future__ import annotations

import json
import signal
import socket
import ssl
import threading
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from gateway.faults.figures import Note
from headworks.testing import Upstream
from support.asking import CHAT, KEY, ask, backend, config, error_of, metrics_of
from support.gateway import Gateway
from support.raw_client import RawClient
from support.until import until

MakeUpstream = Callable[..., Upstream]
MakeGateway = Callable[..., Gateway]


def status_of(url: str) -> int:
    with RawClient(url) as client:
        return client.request("GET", urlsplit(url).path).status


def test_it_says_when_it_is_ready_and_where(gateway: MakeGateway) -> None:
    house = gateway()

    (line,) = house.out_lines
    assert line == f"headworks ready data={house.url} admin={house.admin_url}"
    written = house.run_json
    assert (written["pid"], written["data_url"], written["admin_url"]) == (
        house.pid,
        house.url,
        house.admin_url,
    )
    assert written["started_at"].endswith("Z")
    assert house.stop() == 0
    assert not (house.data_dir / "run.json").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_told(gateway: MakeGateway, number: int) -> None:
    house = gateway()

    house.signal(number)

    assert house.wait() == 0


def test_an_address_in_use_exits_5(gateway: MakeGateway, tmp_path: Path) -> None:
    house = gateway()
    address = urlsplit(house.url).netloc
    second = gateway(None, data_dir=tmp_path / "second", start=False, arguments=("--listen", address))
    second.launch()

    assert second.wait() == 5
    assert address in "\n".join(second.log_lines)


def test_a_wrong_configuration_exits_3_and_changes_nothing(
    upstream: MakeUpstream, gateway: MakeGateway
) -> None:
    house = gateway(config(backend("first", upstream())), key=KEY)
    assert house.stop() == 0
    before = (house.data_dir / "headworks.db").read_bytes()
    house.write_config(config(backend("first", "ftp://nowhere", rpm_limt=3)))

    house.launch()

    assert house.wait() == 3
    said = "\n".join(house.log_lines)
    assert "$.backends[0].api_base_url" in said
    assert "$.backends[0].rpm_limt" in said
    assert "rpm_limit" in said
    assert (house.data_dir / "headworks.db").read_bytes() == before


def test_wrong_flags_exit_2(gateway: MakeGateway) -> None:
    house = gateway(None, start=False, arguments=("--no-such-flag",))
    house.launch()

    assert house.wait() == 2


@pytest.mark.rows("A29")
def test_health_needs_no_key(gateway: MakeGateway) -> None:
    house = gateway()

    for url in (house.url, house.admin_url):
        assert status_of(f"{url}/livez") == 200
        assert status_of(f"{url}/readyz") == 200
    assert status_of(f"{house.admin_url}/metrics") == 200
    assert status_of(f"{house.url}/metrics") == 404, "the data listener tells nothing about the house"


def test_full_of_clients_it_still_answers_its_operators(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    """Over limits.connections clients wait in the backlog; the admin listener has a count of its own."""
    house = gateway(config(backend("first", upstream()), limits={"connections": 1}), key=KEY)
    credential = {"authorization": f"Bearer {KEY}"}
    with RawClient(house.url) as first, ExitStack() as later:
        assert first.request("GET", "/v1/models", headers=credential).status == 200
        second = later.enter_context(RawClient(house.url))  # not before: another loop may be faster
        second.send(f"GET /v1/models HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {KEY}\r\n\r\n".encode())
        assert status_of(f"{house.admin_url}/readyz") == 200
        assert metrics_of(house)['headworks_connections{side="client"}'] == 1
        first.close()
        assert second.answer().status == 200


def test_metrics_count_what_happened(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    first = upstream([{"status": 500}, {}])
    house = gateway(config(backend("first", first), backend("second", upstream(), "fallback")), key=KEY)
    for stream in (False, True):
        for _ in range(5):
            assert ask(house, stream=stream).status == 200
    ask(house, key="wrong")

    def seen() -> dict[str, float]:
        found = metrics_of(house)
        done = [value for name, value in found.items() if name.startswith("headworks_exchanges_total")]
        return found if sum(done) >= 11 else {}

    found = until(seen, what="eleven exchanges in the metrics")
    total = {name: value for name, value in found.items() if name.startswith("headworks_exchanges_total")}
    assert sum(value for name, value in total.items() if 'status="200"' in name) == 10
    attempts = {name: value for name, value in found.items() if name.startswith("headworks_attempts_total")}
    assert sum(value for name, value in attempts.items() if 'backend="first"' in name) == len(first.journal())
    assert sum(value for name, value in attempts.items() if 'backend="second"' in name) == 10
    assert found['headworks_bad_requests_total{reason="invalid_api_key"}'] == 1
    assert found['headworks_in_flight{backend="first"}'] == 0
    assert found["headworks_ledger_dropped_total"] == 0


@pytest.mark.parametrize("form", ["json", "text"])
def test_the_log_has_one_line_per_exchange(upstream: MakeUpstream, gateway: MakeGateway, form: str) -> None:
    house = gateway(config(backend("first", upstream())), key=KEY, arguments=("--log-format", form))
    ids = [str(ask(house).header("x-request-id")) for _ in range(5)]
    house.stop()

    lines = [line for line in house.log_lines if any(one in line for one in ids)]
    assert len(lines) == 5
    if form == "json":
        for line in lines:
            entry = json.loads(line)
            assert (entry["status"], entry["backend"], entry["model"]) == (200, "first", "m")


@pytest.mark.rows("F34", "R7")
def test_a_draining_server_says_so_and_ends_its_streams(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    first = upstream([{"stream": {"events": 20, "per_second": 20}}])
    house = gateway(config(backend("first", first)), key=KEY)
    with RawClient(house.url) as client:
        body = b'{"model":"m","stream":true,"messages":[]}'
        client.send(
            f"POST {CHAT} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {KEY}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        until(first.journal, what="the stream's beginning")
        house.signal(signal.SIGTERM)
        answer = client.answer()

    assert answer.complete
    assert answer.body.endswith(b"data: [DONE]\n\n")
    assert house.wait() == 0


@pytest.mark.rows("F34", "R7")
def test_two_hundred_streams_outlive_the_signal(
    upstream: MakeUpstream, gateway: MakeGateway, record_property: Note
) -> None:
    """All are under way when it comes; each ends whole, and the process after them."""
    count = 200
    first = upstream({"rules": [{"stream": {"events": 20, "per_second": 10}}], "journal": False})
    house = gateway(config(backend("first", first)), key=KEY)
    with ExitStack() as stack:
        clients = [stack.enter_context(RawClient(house.url)) for _ in range(count)]
        body = b'{"model":"m","stream":true,"messages":[]}'
        head = f"POST {CHAT} HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {KEY}\r\n"
        for client in clients:
            client.send(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        until(lambda: first.stats()["requests"] == count, what="all streams to begin")
        house.signal(signal.SIGTERM)
        answers = [client.answer() for client in clients]

    whole = [one for one in answers if one.complete and one.body.endswith(b"data: [DONE]\n\n")]
    record_property("R7", f"{count - len(whole)} of {count} streams cut by SIGTERM")
    assert len(whole) == count
    assert house.wait() == 0


def with_tls(certificate: tuple[Path, Path], *backends: dict[str, object]) -> dict[str, object]:
    return config(*backends) | {
        "tls": {"certificate": str(certificate[0]), "private_key": str(certificate[1])}
    }


def test_the_data_listener_speaks_tls(
    upstream: MakeUpstream, gateway: MakeGateway, certificate: tuple[Path, Path]
) -> None:
    house = gateway(with_tls(certificate, backend("first", upstream())), key=KEY)
    trusting = ssl.create_default_context(cafile=str(certificate[0]))
    request = urllib.request.Request(
        f"{house.url}{CHAT}",
        data=b'{"model":"m","messages":[]}',
        headers={"authorization": f"Bearer {KEY}", "content-type": "application/json"},
    )

    assert house.url.startswith("https://")
    for _ in range(3):
        with urllib.request.urlopen(request, context=trusting, timeout=10) as answer:
            assert answer.status == 200
            assert json.load(answer)["choices"]
    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        urllib.request.urlopen(request, timeout=10)
    assert status_of(f"{house.admin_url}/readyz") == 200


@pytest.mark.rows("F26")
def test_an_upstream_must_prove_who_it_is(
    upstream: MakeUpstream, gateway: MakeGateway, tmp_path: Path, certificate: tuple[Path, Path]
) -> None:
    """A second gateway with TLS is the upstream: refused while its certificate is unknown."""
    inner = gateway(with_tls(certificate, backend("innermost", upstream())), key=KEY)
    to_inner = config(backend("inner", f"{inner.url}/v1") | {"api_key": KEY})
    stranger = gateway(to_inner, data_dir=tmp_path / "stranger", key=KEY)
    friend = gateway(
        to_inner, data_dir=tmp_path / "friend", key=KEY, environment={"SSL_CERT_FILE": str(certificate[0])}
    )

    refused = ask(stranger)
    answers = [ask(friend).status for _ in range(5)]

    assert (refused.status, error_of(refused)["code"]) == (502, "upstream_connect")
    assert "127.0.0.1" not in refused.body.decode()
    assert answers == [200] * 5


def test_a_second_connection_to_an_upstream_resumes_its_session(
    gateway: MakeGateway, certificate: tuple[Path, Path]
) -> None:
    """The upstream closes after each answer; the next handshake is an abbreviated one."""
    resumed: list[bool | None] = []
    body = b'{"id":"x","choices":[]}'
    lines = (
        "HTTP/1.1 200 OK",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Connection: close",
    )
    answer = "\r\n".join((*lines, "", "")).encode() + body
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)

    def serve(listener: socket.socket) -> None:
        for _ in range(3):
            plain, _ = listener.accept()
            with context.wrap_socket(plain, server_side=True) as connection:
                connection.recv(65536)
                resumed.append(connection.session_reused)
                connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        url = f"https://127.0.0.1:{listener.getsockname()[1]}/v1"
        house = gateway(
            config(backend("first", url)),
            key=KEY,
            arguments=("--workers", "1"),
            environment={"SSL_CERT_FILE": str(certificate[0])},
        )
        assert [ask(house).status for _ in range(3)] == [200] * 3
        thread.join(10)

    assert resumed == [False, True, True]
