"""Where a body ends. Behind each row stands a hidden request: one answer, or one attack that worked."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pytest

from gateway.edge.edge import AUTH, BODY, CHAT, KEY, NEXT, Edge, chunks, code_of, get, message, post

KIB, MIB = 1024, 1024 * 1024
CHUNKED = "Transfer-Encoding: chunked"
LAST = b"0\r\n\r\n"


@dataclass(frozen=True)
class Row:
    """One refused message, without the hidden request behind it."""

    name: str
    data: bytes
    statuses: Sequence[int] = (400,)

    def __str__(self) -> str:
        return self.name


def of_length(value: str, name: str) -> Row:
    return Row(name, post(f"Content-Length: {value}"))


def coded(value: str, name: str, status: int = 400, *more: str) -> Row:
    return Row(name, post(f"Transfer-Encoding: {value}", *more, body=chunks(BODY)), (status,))


def chunk(name: str, body: bytes, *statuses: int) -> Row:
    return Row(name, post(CHUNKED, body=body), statuses or (400,))


WHOLE = b"%x\r\n" % len(BODY) + BODY + b"\r\n"

REFUSED = [
    Row("S01 length, coding", post("Content-Length: 5", CHUNKED, body=chunks(BODY))),
    Row("S01 coding, length", post(CHUNKED, "Content-Length: 5", body=chunks(BODY))),
    Row("S02 two lengths", post("Content-Length: 5", "Content-Length: 6")),
    of_length("5, 6", "S02 list of lengths"),
    Row("S03 one length twice", post("Content-Length: 5", "Content-Length: 5")),
    of_length("5, 5", "S03 list of one length"),
    *(of_length(value, f"S04 {value!r}")
      for value in ("+5", "-1", "0x5", "5a", "1_0", "1 0", "", str(2**64))),
    *(of_length(value, f"S05 {value!r}") for value in ("0005", "00", "-0")),
    Row("S06 2^64-1", post(f"Content-Length: {2**64 - 1}", body=b""), (413,)),
    Row("S06 999999999", post("Content-Length: 999999999", body=b""), (413,)),
    Row("S07 coding in HTTP/1.0", post(CHUNKED, body=chunks(BODY)).replace(b"HTTP/1.1", b"HTTP/1.0")),
    coded("gzip", "S08 gzip", 501),
    coded("identity", "S09 identity"),
    coded("identity", "S10 identity, length", 400, "Content-Length: 5"),
    coded("xchunked", "S11 xchunked", 501),
    coded("chunked, identity", "S12 chunked, identity"),
    coded("chunked, chunked", "S13 chunked twice"),
    coded("gzip, chunked", "S14 gzip, chunked", 501),
    coded("chunked", "S15 two fields", 400, CHUNKED),
    *(coded(value, f"S16 {value!r}") for value in ("", "chunked,", "chunked;p=1")),
    *(coded(value, f"S17 {value!r}") for value in ("\x0bchunked", "chunked\0")),
    Row("S17 blank before the colon", post("Transfer-Encoding : chunked", body=chunks(BODY))),
    Row("S18 folded", post("Transfer-Encoding:", " chunked", body=chunks(BODY))),
    *(
        chunk(f"S19 {size!r}", size.encode() + b"\r\n" + BODY + b"\r\n" + LAST)
        for size in ("0x5", "+5", "-1", "0_5", " 5", "5 ", "0" * 16 + "5", "")
    ),
    chunk("S20 largest size", b"FFFFFFFFFFFFFFFF\r\nx", 400, 413),
    chunk("S21 longer than its size", b"5\r\nhello!\r\n" + LAST),
    chunk("S21 no line end behind the data", b"5\r\nhello0\r\n\r\n"),
    chunk("S22 LF behind the size", b"5\nhello\r\n" + LAST),
    chunk("S22 LF behind the data", b"5\r\nhello\n" + LAST),
    chunk("S22 LF in the extension", b"5;a\nb\r\nhello\r\n" + LAST),
    chunk("S22 LF at the end", b"5\r\nhello\r\n0\r\n\n"),
    chunk("S22 CR in the extension", b"5;a\rb\r\nhello\r\n" + LAST),
    chunk("S22 NUL in the extension", b"5;a\0b\r\nhello\r\n" + LAST),
    chunk("S22 empty extension", b"5;\r\nhello\r\n" + LAST),
    chunk("S24 64 KiB of extension", b"5;" + b"x" * (64 * KIB) + b"\r\nhello\r\n" + LAST),
    chunk("S25 more framing than data", (b"1;" + b"x" * 200 + b"\r\na\r\n") * 20_000 + LAST),
    *(
        chunk(f"S27 trailer {name}", WHOLE + f"0\r\n{name}: 5\r\n\r\n".encode())
        for name in ("Content-Length", "Transfer-Encoding")
    ),
    chunk("S28 350 KB of trailers", WHOLE + b"0\r\n" + b"X-A: 1234567\r\n" * 25_000 + b"\r\n", 431),
    chunk("S29 no line end at the end", WHOLE + b"0\r\nXX"),
]  # fmt: skip


@pytest.mark.parametrize("row", REFUSED, ids=str)
def test_ambiguous_framing_is_refused_and_ends_the_connection(edge: Edge, row: Row) -> None:
    outcome = edge.talk(row.data + NEXT)

    (answer,) = outcome.answers
    assert answer.status in row.statuses
    assert code_of(answer)
    assert outcome.closed
    assert not edge.requests()
    edge.assert_stands()


@pytest.mark.costs
@pytest.mark.parametrize(
    "endless",
    [
        pytest.param((b"5;", b"x" * (64 * KIB)), id="S24 64 MiB of extension"),
        pytest.param((WHOLE + b"0\r\n", b"X-A: 1234567\r\n" * 5_000), id="S28 64 MiB of trailers"),
    ],
)
def test_what_does_not_end_is_not_kept(edge: Edge, endless: tuple[bytes, bytes]) -> None:
    begin, more = endless
    before = edge.gateway.resident_bytes()

    def pieces() -> Iterator[bytes]:
        yield post(CHUNKED, body=begin)
        for _ in range(64 * MIB // len(more)):
            yield more

    outcome = edge.talk(pieces())

    assert outcome.closed
    assert set(outcome.statuses) <= {400, 431}  # or a reset: we did not read to the end of the flood
    assert edge.gateway.resident_bytes() - before < 4 * MIB
    assert not edge.requests()
    edge.assert_stands()


@pytest.mark.rows("S23", "S35")
def test_a_chunk_extension_is_dropped(edge: Edge) -> None:
    """S23. S35: what goes on is framed anew."""
    body = b"%x;a=b\r\n" % len(BODY) + BODY + b"\r\n" + LAST

    outcome = edge.talk(post(CHUNKED, body=body) + NEXT, answers=2)

    assert outcome.statuses == [200, 404]
    (request,) = edge.requests()
    assert request.body.encode() == BODY
    assert request.header("transfer-encoding") is None
    assert request.header("content-length") == str(len(BODY))


@pytest.mark.rows("S26")
@pytest.mark.parametrize("name", ["Authorization", "Host", "X-Forwarded-For", "Connection"])
def test_trailers_are_dropped(edge: Edge, name: str) -> None:
    """S26: they change neither the request nor what becomes of the connection."""
    trailer = f"0\r\n{name}: close\r\n\r\n".encode()

    outcome = edge.talk(post(CHUNKED, body=WHOLE + trailer) + NEXT, answers=2)

    assert outcome.statuses == [200, 404]
    (request,) = edge.requests()
    assert not [value for _, value in request.headers if value == "close"]


@pytest.mark.rows("S30")
def test_a_body_that_stalls_has_a_deadline(edge_with: Callable[..., Edge]) -> None:
    """S30."""
    edge = edge_with(timeouts={"body_idle_seconds": 0.2})

    outcome = edge.talk(post("Content-Length: 100", body=BODY))

    assert outcome.statuses == [408]
    assert outcome.closed
    assert not edge.requests()


@pytest.mark.parametrize(
    "data",
    [post(CHUNKED, body=WHOLE), post(f"Content-Length: {len(BODY) + 5}")],
    ids=["S31 no last chunk", "fewer bytes than said"],
)
def test_half_a_request_never_reaches_the_upstream(edge: Edge, data: bytes) -> None:
    with edge.connect() as client:
        client.send(data)
        client.finish_sending()
        assert client.until_closed() == b""
    assert not edge.requests()
    edge.assert_stands()


@pytest.mark.rows("S32")
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_a_body_where_none_is_needed_is_read_past(edge: Edge, method: str) -> None:
    """S32: also when it looks like a request."""
    data = message(
        f"{method} /v1/models HTTP/1.1", "Host: a", AUTH, f"Content-Length: {len(NEXT)}", body=NEXT
    )
    with edge.connect() as client:
        client.send(data + get("/livez"))
        first = client.answer(to_head=method == "HEAD")
        second = client.answer()

    assert first.status < 500
    assert second.body == b"ok\n"
    edge.requests()


@pytest.mark.rows("S33")
@pytest.mark.parametrize("size", [100, 40 * KIB, 5 * MIB])
def test_what_follows_an_early_answer_is_no_request(edge: Edge, size: int) -> None:
    """S33: a wrong key is told at the head; the body, full of requests, is drained or the connection ends."""
    body = NEXT * (size // len(NEXT))
    data = message(
        f"POST {CHAT} HTTP/1.1",
        "Host: a",
        "Authorization: Bearer wrong",
        f"Content-Length: {len(body)}",
        body=body,
    )
    with edge.connect() as client:
        with contextlib.suppress(ConnectionError):
            client.send(data)
            client.finish_sending()
        got = client.until_closed()

    assert got.count(b"HTTP/1.1 ") <= 1
    assert got.startswith(b"HTTP/1.1 401 ") or size > MIB  # a reset may overtake the answer in a flood
    edge.assert_stands()


@pytest.mark.rows("S35", "S36")
@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("mebibytes", [1.5, 31])
def test_large_bodies_arrive_whole(edge: Edge, framing: str, mebibytes: float) -> None:
    """S36. S35: both framings go on as one length."""
    filler = b"x" * int(mebibytes * MIB)
    body = b'{"model":"m","messages":[{"role":"user","content":"' + filler + b'"}]}'
    pieces = [body[at : at + 100_000] for at in range(0, len(body), 100_000)]
    data = post(length=True, body=body) if framing == "length" else post(CHUNKED, body=chunks(*pieces))

    assert edge.talk(data + NEXT, answers=2).statuses == [200, 404]

    (request,) = edge.requests()
    assert request.body_bytes == len(body)
    assert request.header("content-length") == str(len(body))


@pytest.mark.rows("S36")
def test_a_body_over_the_limit_is_refused_at_the_head(edge: Edge) -> None:
    """S36: before a byte of it was read."""
    (answer,) = edge.talk(post(f"Content-Length: {33 * MIB}", body=b"")).answers

    assert answer.status == 413
    assert code_of(answer) == "body_too_large"
    assert not edge.requests()


@pytest.mark.rows("S36")
def test_a_chunked_body_over_the_limit_is_refused_there(edge_with: Callable[..., Edge]) -> None:
    edge = edge_with(limits={"body_bytes": 10_000})

    outcome = edge.talk(post(CHUNKED, body=chunks(b"x" * 9_000, b"x" * 2_000)))

    assert outcome.statuses == [413]
    assert not edge.requests()


def test_keys_are_needed_before_anything_is_read(edge: Edge) -> None:
    """Without one, a large body costs nothing."""
    data = message(f"POST {CHAT} HTTP/1.1", "Host: a", f"Content-Length: {30 * MIB}")
    with edge.connect() as client:
        client.send(data)
        assert client.answer().status == 401
    assert KEY not in str(edge.requests())
