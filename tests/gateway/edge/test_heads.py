"""Request lines and headers that are wrong, hostile or merely odd. Each row: bytes, and what comes back."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest

from gateway.edge.edge import AUTH, BODY, CHAT, KEY, Edge, code_of, get, message, post

MIB = 1024 * 1024


@dataclass(frozen=True)
class Row:
    """One message. `closes`: the gateway ends the connection after its answer."""

    name: str
    data: bytes
    statuses: Sequence[int]
    closes: bool = True

    def __str__(self) -> str:
        return self.name


def bad(name: str, data: bytes, *statuses: int) -> Row:
    return Row(name, data, statuses or (400,))


def fine(name: str, data: bytes, *statuses: int) -> Row:
    return Row(name, data, statuses or (200,), closes=False)


def of_version(version: str) -> bytes:
    return get(version=version)


ROWS = [
    bad("B01 no Host", get(host="")),
    bad("B02 two Host, different", get("/v1/models", "Host: b")),
    bad("B03 two Host, identical", get("/v1/models", "Host: a")),
    bad("B04 empty Host", get(host="Host:")),
    bad("B05 Host is a list", get(host="Host: a, b")),
    bad("B06 Host with user and path", get(host="Host: u@a/x?y")),
    bad("B07 absolute form of another host", get("http://b/v1/models")),
    fine("B07 absolute form of the same host", get("http://a/v1/models")),
    bad("B08 asterisk form", get("*")),
    bad("B09 CONNECT", message("CONNECT a:443 HTTP/1.1", "Host: a"), 405),
    bad("B10 TRACE", message("TRACE / HTTP/1.1", "Host: a", "X-Secret: canary"), 405),
    bad("B11 lower case method", message("get /v1/models HTTP/1.1", "Host: a", AUTH), 405),
    bad("B12 unknown method", message("FOOBAR /v1/models HTTP/1.1", "Host: a", AUTH), 405),
    bad("B13 quote in the method", message('G"T / HTTP/1.1', "Host: a")),
    *(
        bad(f"B14 {version}", of_version(version), 400, 505)
        for version in ("HTTP/1.2", "HTTP/2.0", "http/1.1", "HTTP/1", "HTTP/01.01")
    ),
    bad("B15 preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, 505),
    bad("B16 HTTP/0.9", b"GET /\r\n"),
    bad("B17 no version", b"GET / \r\n\r\n"),
    bad("B18 two blanks", get().replace(b"GET /", b"GET  /")),
    bad("B18 tab", get().replace(b"GET /", b"GET\t/")),
    bad("B18 blank in the target", get("/v1/mo dels")),
    bad("B18 NUL in the target", get("/v1/mo\0dels")),
    bad("B19 raw UTF-8 in the target", get("/é".encode().decode("latin-1"))),
    bad("B20 fragment", get("/v1/models#b")),
    bad("B21 no leading slash", get("v1/models")),
    *(fine(f"B22 {escape}", get(f"/x{escape}y"), 404) for escape in ("%00", "%0d%0a", "%c0%af")),
    bad("B23 empty line first", b"\r\n" + get()),
    bad("B24 bare LF in the request line", get().replace(b"HTTP/1.1\r\n", b"HTTP/1.1\n")),
    bad("B24 bare LF in a header line", get().replace(b"Host: a\r\n", b"Host: a\n")),
    bad("B25 bare CR in a value", get("/v1/models", "X: a\rb")),
    bad("B25 NUL in a value", get("/v1/models", "X: a\0b")),
    bad("B25 0x01 in a value", get("/v1/models", "X: a\x01b")),
    bad("B25 CR before the end", get()[:-2] + b"\r\r\n"),
    bad("B26 folded line", get("/v1/models", "X: a", " folded")),
    bad("B26 folded Host", get(host="Host:\r\n a")),
    bad("B27 blank before the colon", get("/v1/models", "X : a")),
    bad("B27 blank before the first field", b"GET /v1/models HTTP/1.1\r\n Host: a\r\n\r\n"),
    bad("B27 empty name", get("/v1/models", ": a")),
    bad("B27 no colon", get("/v1/models", "X")),
    bad("B27 brackets in a name", get("/v1/models", "X[1]: a")),
    bad("B27 letter outside ASCII in a name", get("/v1/models", "Xë: a")),
    fine("B28 8,000 bytes of target", get("/" + "x" * 7_999), 404),
    bad("B29 100 kB of target", get("/" + "x" * 100_000), 414),
    bad("B30 100 kB of value", get("/v1/models", "X: " + "x" * 100_000), 431),
    bad("B30 100 kB of name", get("/v1/models", "x" * 100_000 + ": a"), 431),
    bad("B31 10,000 fields", get("/v1/models", *["X-A: 1"] * 10_000), 431),
    bad("B32 1,000 short fields", get("/v1/models", *["x:"] * 1_000), 431),
    bad("B33 ClientHello", bytes.fromhex("1603010200010001fc0303") + os.urandom(32)),
    bad("B33 binary", bytes(range(128, 256)) * 2),
    fine("B36 Upgrade: h2c", get("/v1/models", "Connection: Upgrade", "Upgrade: h2c")),
    fine(
        "B36 WebSocket to responses",
        get("/v1/responses", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: x"),
        426,
    ),
    bad("B39 Transfer_Encoding", post("Transfer_Encoding: chunked", body=b"0\r\n\r\n")),
    bad("B39 Content_Length", post("Content_Length: 5", body=b"hello")),
    bad("B40 unknown expectation", post("Expect: bogus", length=True), 417),
    fine("B46 overlapping ranges", get("/livez", "Range: bytes=" + ",".join(["0-9"] * 1_000))),
    bad("B47 two content types", post("Content-Type: text/plain", length=True)),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_head_is_answered_as_the_table_says(edge: Edge, row: Row) -> None:
    outcome = edge.talk(row.data, answers=None if row.closes else 1)

    (answer,) = outcome.answers
    assert answer.status in row.statuses
    assert outcome.closed == row.closes
    if row.closes:
        assert answer.header("connection") == "close"
        assert answer.header("content-type") == "application/json"
        assert code_of(answer)
        assert len(answer.body) < 400, "nothing of the input is echoed at length"
    assert b"canary" not in answer.head + answer.body
    assert not edge.requests()
    edge.assert_stands()


@pytest.mark.rows("B12")
def test_405_says_which_methods_there_are(edge: Edge) -> None:
    (answer,) = edge.talk(message("FOOBAR /v1/models HTTP/1.1", "Host: a", AUTH)).answers

    assert "POST" in str(answer.header("allow"))


@pytest.mark.rows("B36")
def test_426_says_what_is_spoken(edge: Edge) -> None:
    upgrade = ("Connection: Upgrade", "Upgrade: websocket")
    (answer,) = edge.talk(get("/v1/responses", *upgrade), answers=1).answers

    assert answer.header("upgrade") == "HTTP/1.1"


@pytest.mark.parametrize("sent", [b"", b"GET /v1/mod"], ids=["B34 nothing", "B35 a part"])
def test_a_head_that_does_not_come_is_not_waited_for(edge_with: Callable[..., Edge], sent: bytes) -> None:
    edge = edge_with(timeouts={"head_seconds": 0.2})

    outcome = edge.talk(sent)

    assert outcome.closed
    assert outcome.statuses == ([408] if sent else [])


@pytest.mark.rows("B35")
def test_a_dripped_head_has_one_deadline_for_all_of_it(edge_with: Callable[..., Edge]) -> None:
    """B35: bytes that keep coming do not push the deadline away."""
    edge = edge_with(timeouts={"head_seconds": 0.3})
    with edge.connect() as client:
        for byte in get() * 1_000:
            try:
                client.send(bytes([byte]))
                client.socket.settimeout(0.01)
                if client.socket.recv(1):
                    break
            except TimeoutError:
                continue
            except OSError:
                break
        else:
            pytest.fail("the head may drip for ever")
    assert not edge.requests()


@pytest.mark.rows("B37")
def test_connection_cannot_strip_our_own_headers(edge: Edge) -> None:
    """B37: a client that names our credential hop-by-hop does not keep us from sending it."""
    data = post("Connection: keep-alive, Authorization, X-Api-Key, X-Mine", "X-Mine: 1", length=True)

    assert edge.talk(data, answers=1).statuses == [200]

    (request,) = edge.requests()
    assert request.header("authorization") == "Bearer sk-o"
    assert request.header("x-mine") is None


@pytest.mark.rows("B38")
@pytest.mark.parametrize("name", ["X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Forwarded-Host"])
def test_claims_about_where_a_request_came_from_are_not_passed_on(edge: Edge, name: str) -> None:
    """B38."""
    assert edge.talk(post(f"{name}: 203.0.113.9", length=True), answers=1).statuses == [200]

    (request,) = edge.requests()
    assert not [value for _, value in request.headers if "203.0.113.9" in value]


@pytest.mark.rows("B41")
def test_a_wrong_key_is_told_without_100_continue(edge: Edge) -> None:
    """B41."""
    data = message(
        f"POST {CHAT} HTTP/1.1",
        "Host: a",
        "Authorization: Bearer wrong",
        "Expect: 100-continue",
        "Content-Length: 50",
    )
    with edge.connect() as client:
        client.send(data)
        answer = client.until_closed()

    assert answer.startswith(b"HTTP/1.1 401 ")
    assert not edge.requests()


@pytest.mark.rows("B42")
def test_100_continue_comes_before_the_body_is_read(edge: Edge) -> None:
    """B42."""
    with edge.connect() as client:
        client.send(post("Expect: 100-continue", f"Content-Length: {len(BODY)}", body=b""))
        assert client.read_some() == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.send(BODY)
        assert client.answer().status == 200
    edge.requests()


@pytest.mark.rows("B42")
def test_http_1_0_gets_no_100_continue(edge: Edge) -> None:
    """B42."""
    data = post("Expect: 100-continue", length=True).replace(b"HTTP/1.1", b"HTTP/1.0")
    with edge.connect() as client:
        client.send(data)
        answer = client.until_closed()

    assert answer.startswith(b"HTTP/1.1 200 ")
    edge.requests()


@pytest.mark.rows("B43")
def test_head_says_what_get_says(edge: Edge) -> None:
    """B43."""
    headers = {"authorization": f"Bearer {KEY}"}
    with edge.connect() as client:
        of_get = client.request("GET", "/v1/models", headers=headers)
        of_head = client.request("HEAD", "/v1/models", headers=headers)
        after = client.request("GET", "/v1/models", headers=headers)

    own = {"x-request-id", "date"}
    assert of_head.status == of_get.status == after.status == 200
    assert [one for one in of_head.headers if one[0] not in own] == [
        one for one in of_get.headers if one[0] not in own
    ]


@pytest.mark.rows("B44")
def test_pipelined_requests_are_answered_in_order(edge: Edge) -> None:
    """B44."""
    outcome = edge.talk(get() + get("/nowhere") + get("/livez"), answers=3)

    assert outcome.statuses == [200, 404, 200]


@pytest.mark.rows("B45")
@pytest.mark.costs
def test_pipelining_without_reading_costs_no_memory(edge: Edge) -> None:
    """B45: the gateway stops reading while its answers are not taken."""
    before = edge.gateway.resident_bytes()
    with edge.connect(receive_buffer=4096) as client:
        client.socket.setblocking(False)
        data, sent = get() * 10_000, 0
        blocked = 0
        while sent < len(data) and blocked < 200:
            try:
                sent += client.socket.send(data[sent : sent + 65536])
                blocked = 0
            except BlockingIOError:
                blocked += 1
                edge.assert_stands()
        assert edge.gateway.resident_bytes() - before < 4 * MIB
        client.socket.settimeout(10)
        for _ in range(sent // len(get())):
            assert client.answer().status == 200


@pytest.mark.rows("B48")
def test_http_1_0_without_host_is_served_and_closed(edge: Edge) -> None:
    """B48."""
    outcome = edge.talk(get(version="HTTP/1.0", host=""))

    assert outcome.statuses == [200]
    assert outcome.closed
