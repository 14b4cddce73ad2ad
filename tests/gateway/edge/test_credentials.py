"""Keys that are wrong, doubled, half right or gone: the first rows of the table about credentials."""

from __future__ import annotations

import base64
import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest

from gateway.edge.edge import BODY, CHAT, KEY, Edge, code_of, message
from headworks.testing import Upstream
from support.asking import KEY as OTHER_KEY
from support.asking import ask, backend, config
from support.gateway import Gateway
from support.raw_client import RawClient
from support.until import until

MakeUpstream = Callable[..., Upstream]
MakeGateway = Callable[..., Gateway]

BASIC = base64.b64encode(f"u:{KEY}".encode()).decode()
CANARY = "hw_key_canary-5c1e77aa90b3"


def with_lines(*lines: str, target: str = CHAT) -> bytes:
    """A good chat request but for its credential."""
    framing = ("Content-Type: application/json", f"Content-Length: {len(BODY)}")
    return message(f"POST {target} HTTP/1.1", "Host: a", *framing, *lines, body=BODY)


def bearer(token: str) -> str:
    return f"Authorization: Bearer {token}"


def changed(text: str, at: int) -> str:
    """One character another one."""
    return text[:at] + ("x" if text[at] != "x" else "y") + text[at + 1 :]


def other_end(text: str, kept: int) -> str:
    """The first so many characters, then others, of the same length."""
    return text[:kept] + "".join("x" if one != "x" else "y" for one in text[kept:])


WRONG: list[tuple[str, tuple[str, ...], int, str]] = [
    ("A01 none", (), 401, "missing_credential"),
    ("A01 a wrong one", (bearer("wrong"),), 401, "invalid_api_key"),
    ("A02 twice", (bearer(KEY), bearer(KEY)), 400, "bad_request"),
    ("A02 twice, the second wrong", (bearer(KEY), bearer("wrong")), 400, "bad_request"),
    ("A02 x-api-key twice", (f"X-Api-Key: {KEY}", f"X-Api-Key: {KEY}"), 400, "bad_request"),
    ("A03 two headers, different", (bearer(KEY), "X-Api-Key: other"), 400, "bad_request"),
    ("A03 two headers, different, the other way", (bearer("other"), f"X-Api-Key: {KEY}"), 400, "bad_request"),
    ("A04 Basic", (f"Authorization: Basic {BASIC}",), 401, "invalid_api_key"),
    ("A04 Bearer alone", ("Authorization: Bearer",), 401, "invalid_api_key"),
    ("A04 Bearer and a blank", ("Authorization: Bearer ",), 401, "invalid_api_key"),
    ("A04 two words", (bearer(f"{KEY} b"),), 401, "invalid_api_key"),
    ("A04 no scheme", (f"Authorization: {KEY}",), 401, "invalid_api_key"),
    ("A04 empty x-api-key", ("X-Api-Key:",), 401, "invalid_api_key"),
    ("A05 8 KB", (bearer("x" * 8192),), 401, "invalid_api_key"),
    ("A05 the key and more", (bearer(KEY + "x" * 8192),), 401, "invalid_api_key"),
    ("A07 the first character", (bearer(changed(KEY, 0)),), 401, "invalid_api_key"),
    ("A07 the last character", (bearer(changed(KEY, len(KEY) - 1)),), 401, "invalid_api_key"),
    ("A08 20 characters shared", (bearer(other_end(KEY, 20)),), 401, "invalid_api_key"),
    ("A08 all but one shared", (bearer(KEY[:-1]),), 401, "invalid_api_key"),
    ("A12 in the query", (), 401, "missing_credential"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "status", "code"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG]
)
def test_what_is_no_credential_opens_nothing(
    edge: Edge, lines: tuple[str, ...], status: int, code: str
) -> None:
    (answer,) = edge.talk(with_lines(*lines), answers=1).answers

    assert (answer.status, code_of(answer)) == (status, code)
    assert (answer.header("www-authenticate") == "Bearer") == (status == 401)
    assert KEY.encode() not in answer.body
    assert not edge.requests()


@pytest.mark.rows("A03")
@pytest.mark.parametrize(
    "lines", [(bearer(KEY),), (f"X-Api-Key: {KEY}",), (bearer(KEY), f"X-Api-Key: {KEY}")]
)
@pytest.mark.parametrize("target", [CHAT, "/v1/messages"])
def test_one_key_has_the_same_rights_by_either_header(
    edge: Edge, lines: tuple[str, ...], target: str
) -> None:
    assert edge.talk(with_lines(*lines, target=target), answers=1).statuses == [200]
    edge.requests()


@pytest.mark.rows("A06")
def test_the_digest_of_a_key_is_no_key(edge: Edge) -> None:
    with closing(sqlite3.connect(edge.gateway.data_dir / "headworks.db")) as database:
        (digest,) = database.execute("SELECT digest FROM client_keys").fetchone()
    raw = digest if isinstance(digest, bytes) else str(digest).encode()
    for token in (raw.hex(), raw.hex().upper(), base64.b64encode(raw).decode(), raw.decode("latin-1")):
        lines = bearer("".join(one if one.isprintable() else "." for one in token))
        assert edge.talk(with_lines(lines), answers=1).statuses[0] in (400, 401)
    assert not edge.requests()


@pytest.mark.rows("A12")
@pytest.mark.parametrize("name", ["key", "api_key", "api-key", "access_token"])
def test_a_key_in_the_query_is_nowhere_written_down(
    upstream: MakeUpstream, gateway: MakeGateway, name: str
) -> None:
    """It opens nothing; and where a right one stands in the header, its path is logged without it."""
    house = gateway(config(backend("first", upstream())), key=OTHER_KEY, arguments=("--log-level", "debug"))
    target = f"/v1/chat/completions?{name}={CANARY}"

    answers = [ask(house, target, key=None), ask(house, target)]
    with house.admin() as admin:
        seen = str(admin.exchanges()) + str(admin.audit())
    house.stop()

    assert [one.status for one in answers] == [401, 200]
    for text in (*(str(one.body) + str(one.head) for one in answers), seen, *house.log_lines):
        assert CANARY not in text


@pytest.mark.rows("A09")
@pytest.mark.parametrize("how", ["disabled", "deleted"])
def test_a_key_that_is_taken_away_ends_with_the_request_under_way(
    upstream: MakeUpstream, gateway: MakeGateway, how: str
) -> None:
    """A stream that has begun is finished: an exchange keeps the snapshot that it began with."""
    slow = upstream([{"stream": {"events": 20, "per_second": 20}, "model": "slow"}, {}])
    house = gateway(config(backend("first", slow)), key=OTHER_KEY)
    headers = {"authorization": f"Bearer {OTHER_KEY}", "content-type": "application/json"}
    with house.admin() as admin:
        made = admin.create_client_key("short")
    headers["authorization"] = f"Bearer {made['key']}"

    with RawClient(house.url) as stream, RawClient(house.url) as kept:
        body = b'{"model":"slow","stream":true,"messages":[]}'
        head = "".join(f"{field}: {value}\r\n" for field, value in headers.items())
        stream.send(
            f"POST {CHAT} HTTP/1.1\r\nhost: h\r\n{head}content-length: {len(body)}\r\n\r\n".encode() + body
        )
        assert kept.request("GET", "/v1/models", headers=headers).status == 200
        until(slow.journal, what="the stream to begin")
        with house.admin() as admin:
            if how == "disabled":
                admin.change_client_key(made["id"], enabled=False)
            else:
                admin.remove_client_key(made["id"])
        until(lambda: kept.request("GET", "/v1/models", headers=headers).status == 401, 1, what="401")
        answer = stream.answer()

    assert (answer.status, answer.complete) == (200, True)
    assert answer.body.endswith(b"data: [DONE]\n\n")
