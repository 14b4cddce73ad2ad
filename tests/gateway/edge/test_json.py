"""JSON that is wrong, ambiguous or hostile, and what the API makes of well-formed nonsense."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.edge.edge import AUTH, BODY, CHAT, Edge, chunks, code_of, message, post
from headworks.testing import Upstream
from support.source import ROOT
from support.until import until

MIB = 1024 * 1024
CORPUS = ROOT / "tests/fuzz/corpus/json_policy"


@dataclass(frozen=True)
class Row:
    """One body, and the error codes that it may get (none: it goes on, byte for byte)."""

    name: str
    body: bytes
    codes: Sequence[str] = ()

    def __str__(self) -> str:
        return self.name


def bad(name: str, body: bytes | str, *codes: str) -> Row:
    return Row(name, body if isinstance(body, bytes) else body.encode(), codes or ("invalid_json",))


def with_member(member: bytes | str) -> bytes:
    """A good request with one more member."""
    more = member if isinstance(member, bytes) else member.encode()
    return BODY[:-1] + b"," + more + b"}"


def passes(name: str, member: bytes | str) -> Row:
    return Row(name, with_member(member))


NOT_JSON = [
    bad("J01 blank", "  \r\n"),
    bad("J02 array", "[1]", "invalid_json", "bad_request"),
    bad("J02 string", '"x"', "invalid_json", "bad_request"),
    bad("J03 a member without a value", '{"model":"a", nonsense }'),
    bad("J04 two documents", BODY + BODY),
    bad("J04 text behind the end", BODY + b" x"),
    *(bad(f"J05 {value}", with_member(f'"x":{value}'))
      for value in ("NaN", "Infinity", "01.2.3", "01", "1.", ".5", "+1")),
    bad("J05 comment", with_member('/* no */ "x":1')),
    bad("J05 comma at the end", BODY[:-1] + b",}"),
    bad("J06 the model twice", '{"model":"cheap","model":"expensive","messages":[]}', "duplicate_key"),
    bad("J06 stream twice", with_member('"stream":false,"stream":true'), "duplicate_key"),
    bad("J08 the model twice, one escaped", '{"model":"a","mod\\u0065l":"b","messages":[]}', "duplicate_key"),
    bad("J09 invalid UTF-8", with_member(b'"x":"\xff"')),
    bad("J09 overlong UTF-8", with_member(b'"x":"\xc0\xaf"')),
    bad("J09 surrogate in UTF-8", with_member(b'"x":"\xed\xa0\x80"')),
    bad("J09 control character", with_member(b'"x":"a\nb"')),
    bad("J09 lone surrogate in the model", '{"model":"a\\ud800","messages":[]}'),
    bad("J09 lone surrogate elsewhere", with_member('"x":"\\ud800"')),
    bad("J10 NUL in the model", '{"model":"gpt\\u0000-4","messages":[]}', "bad_request", "model_not_found"),
    bad("J11 byte order mark", b"\xef\xbb\xbf" + BODY),
    bad("J12 5,000 deep", with_member('"x":' + "[" * 5_000 + "]" * 5_000)),
    bad("J12 100,000 unclosed", with_member('"x":' + "[" * 100_000)),
    bad("J14 no model", '{"messages":[]}', "missing_model"),
    *(bad(f"J14 model {value}", f'{{"model":{value},"messages":[]}}', "bad_request", "missing_model")
      for value in ("7", "null", '""', "[]", "{}")),
    bad("J14 model of 10 kB", f'{{"model":"{"x" * 10_000}","messages":[]}}', "bad_request"),
    bad("J16 stream is no boolean", with_member('"stream":"yes"'), "bad_request"),
    bad("J18 8 MB of nesting in tools", with_member('"tools":' + '{"a":' * (8 * MIB // 5))),
]  # fmt: skip

JSON = [
    Row("J07 escaped name", b'{"mod\\u0065l":"m","messages":[]}'),
    passes("J13 2^64", '"x":18446744073709551616'),
    passes("J13 1e999", '"x":1e999'),
    passes("J13 400 digits", '"x":' + "7" * 400),
    Row("J16 messages is an object", b'{"model":"m","messages":{}}'),
    passes("J17 n", '"n":1000000'),
    passes("J17 max_tokens", '"max_tokens":-5'),
    passes("J20 address in an image", '"x":{"image_url":"http://169.254.169.254/"}'),
    passes("unknown members twice", '"x":1,"x":2'),
    Row("blanks around", b" \t\r\n" + BODY + b" \r\n"),
]


@pytest.mark.parametrize("row", NOT_JSON, ids=str)
def test_what_is_wrong_is_refused_by_name(edge: Edge, row: Row) -> None:
    (answer,) = edge.talk(post(length=True, body=row.body), answers=1).answers

    assert answer.status in (400, 404)
    assert code_of(answer) in row.codes
    assert not edge.requests()


@pytest.mark.costs
@pytest.mark.parametrize(
    "data",
    [
        pytest.param(post(length=True, body=with_member('"x":' + "[" * 100_000)), id="J12 100,000 unclosed"),
        pytest.param(post(length=True, body=with_member('"x":' + '{"a":' * (8 * MIB // 5))), id="J18 8 MB"),
        pytest.param(post("Content-Encoding: gzip", f"Content-Length: {10 * MIB}", body=b""), id="J21 bomb"),
    ],
)
def test_hostile_bodies_cost_little(edge: Edge, data: bytes) -> None:
    """The table says 10, 20 and 1 ms of CPU; this bound is wide: only another order of growth breaks it."""
    before = edge.gateway.cpu_seconds()

    assert edge.talk(data, answers=1).answers[0].status in (400, 415)

    assert edge.gateway.cpu_seconds() - before < 0.1


@pytest.mark.rows("J01")
def test_an_empty_body_is_refused(edge: Edge) -> None:
    """J01."""
    (answer,) = edge.talk(post("Content-Length: 0", body=b""), answers=1).answers

    assert answer.status == 400
    assert not edge.requests()


@pytest.mark.parametrize("row", JSON, ids=str)
def test_what_is_legal_goes_on_byte_for_byte(edge: Edge, row: Row) -> None:
    assert edge.talk(post(length=True, body=row.body), answers=1).statuses == [200]

    (request,) = edge.requests()
    assert request.body.encode() == row.body


@pytest.mark.rows("J06", "J07", "J08")
@pytest.mark.parametrize("file", sorted(CORPUS.iterdir()), ids=lambda file: file.name)
def test_we_decide_on_what_python_reads(edge: Edge, file: Path) -> None:
    """The corpus of the fuzz target: what is taken means to us what it means to Python's json."""
    body = file.read_bytes()

    (answer,) = edge.talk(post(length=True, body=body), answers=1).answers

    sent = edge.requests()
    assert len(sent) == (answer.status == 200)
    if sent:
        with edge.gateway.admin() as admin:
            name = str(answer.header("x-request-id"))
            until(lambda: name in [one["request_id"] for one in admin.exchanges()], what="the exchange")
            ours = admin.exchange(name)
        theirs = json.loads(body)
        assert (ours["model"], ours["stream"]) == (theirs["model"], theirs.get("stream", False))
    else:
        assert answer.status == 400


@pytest.fixture(scope="module")
def edge_for_one_model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """Its backends serve `known` and nothing else."""
    with (
        Upstream() as upstream,
        Edge(
            upstream, tmp_path_factory.mktemp("edge"), fields={"model_mappings": {"known": "known"}}
        ) as edge,
    ):
        yield edge


@pytest.mark.rows("J15")
@pytest.mark.parametrize(
    "model",
    ["unknown", "a\\r\\nX-Injected: y", "<img src=x onerror=alert(1)>"],
    ids=["unknown", "header injection", "markup"],
)
def test_an_unknown_model_is_named_safely(edge_for_one_model: Edge, model: str) -> None:
    """J15."""
    body = f'{{"model":"{model}","messages":[]}}'.encode()

    (answer,) = edge_for_one_model.talk(post(length=True, body=body), answers=1).answers

    assert answer.status == 404
    assert code_of(answer) == "model_not_found"
    assert answer.header("x-injected") is None
    assert answer.header("content-type") == "application/json"
    assert not edge_for_one_model.requests()
    assert model not in edge_for_one_model.metrics()


@pytest.mark.rows("J19")
@pytest.mark.parametrize(
    "name",
    ["api_base", "base_url", "api_key", "custom_llm_provider", "x-portkey-custom-host", "x-target-url"],
)
def test_no_request_chooses_its_destination(edge: Edge, name: str) -> None:
    """J19: neither by a member nor by a header."""
    with Upstream() as canary:
        body = with_member(f'"{name}":"{canary.url}/v1"')
        data = post(f"{name.replace('_', '-')}: {canary.url}", length=True, body=body)
        assert edge.talk(data, answers=1).statuses == [200]
        assert not canary.journal()
    (request,) = edge.requests()
    assert request.header("authorization") == "Bearer sk-o"


@pytest.mark.rows("J21")
@pytest.mark.parametrize("coding", ["gzip", "br", "zstd", "gzip, identity"])
def test_compressed_bodies_are_not_opened(edge: Edge, coding: str) -> None:
    """J21: told at the head, so a bomb costs nothing."""
    (answer,) = edge.talk(
        post(f"Content-Encoding: {coding}", f"Content-Length: {10 * MIB}", body=b""), answers=1
    ).answers

    assert answer.status == 415
    assert not edge.requests()


@pytest.mark.rows("J22")
@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
    ],
)
def test_a_json_route_takes_json(edge: Edge, content_type: str) -> None:
    """J22."""
    data = message(
        f"POST {CHAT} HTTP/1.1",
        "Host: a",
        AUTH,
        f"Content-Type: {content_type}",
        f"Content-Length: {len(BODY)}",
        body=BODY,
    )

    assert edge.talk(data, answers=1).statuses == [415]
    assert not edge.requests()


@pytest.mark.rows("J22")
def test_a_boundary_has_a_bound(edge: Edge) -> None:
    """J22: RFC 2046 allows 70 characters."""
    content_type = f"Content-Type: multipart/form-data; boundary={'x' * 10_000}"
    data = message(
        "POST /v1/audio/transcriptions HTTP/1.1",
        "Host: a",
        AUTH,
        content_type,
        "Content-Length: 5",
        body=b"hello",
    )

    assert edge.talk(data, answers=1).statuses == [400]
    assert not edge.requests()


@pytest.mark.rows("J23")
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_body_over_the_limit_is_refused(edge: Edge, framing: str) -> None:
    """J23: by its length at the head, without one where the limit is reached."""
    if framing == "length":
        data = post(f"Content-Length: {33 * MIB}", body=b"")
    else:
        data = post("Transfer-Encoding: chunked", body=chunks(*[b" " * MIB] * 33))

    outcome = edge.talk(data)

    assert outcome.statuses in ([413], [])  # a reset may overtake the answer in a flood
    assert framing == "chunked" or outcome.statuses == [413]
    assert not edge.requests()
    edge.assert_stands()


@pytest.mark.rows("J24")
@pytest.mark.costs
def test_an_image_of_20_mb_passes(edge_with: Callable[..., Edge]) -> None:
    """J24: and the gateway holds its body once."""
    edge = edge_with()
    edge.assert_stands()
    before = edge.gateway.resident_bytes()
    image = base64.b64encode(bytes(range(256)) * (15 * MIB // 256)).decode()
    body = json.dumps(
        {"model": "m", "messages": [{"role": "user", "content": [{"image_url": {"url": image}}]}]}
    ).encode()

    assert edge.talk(post(length=True, body=body), answers=1).statuses == [200]

    assert edge.gateway.resident_bytes() - before < 2 * len(body)
    (request,) = edge.requests()
    assert request.body_bytes == len(body)


@pytest.mark.rows("J25")
def test_a_reflected_end_of_stream_stays_a_string(edge_with: Callable[..., Edge]) -> None:
    """J25: text that looks like the protocol is text."""
    text = "before\r\ndata: [DONE]\r\n\r\nafter"
    edge = edge_with([{"text": text}])
    with edge.connect() as client:
        client.send(post(length=True, body=with_member('"stream":true')))
        answer = client.answer()

    events = [one.removeprefix(b"data: ") for one in answer.body.split(b"\n\n") if one]
    assert events.count(b"[DONE]") == 1
    assert events[-1] == b"[DONE]"
    contents = [json.loads(one)["choices"][0]["delta"].get("content") or "" for one in events[:-1]]
    assert "".join(contents) == text
