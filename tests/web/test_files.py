"""How the dashboard's files are served: kept where they may be, compressed where that is taken, fenced in."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable

import pytest

from support.asking import KEY, config
from support.gateway import ROOT, Gateway
from support.raw_client import RawClient

MakeGateway = Callable[..., Gateway]
MakeClient = Callable[..., RawClient]


@pytest.fixture
def client(gateway: MakeGateway, raw: MakeClient) -> RawClient:
    return raw(gateway(config(), key=KEY).admin_url)


def test_the_page_is_asked_for_again_and_its_parts_are_kept(client: RawClient) -> None:
    page = client.request("GET", "/")
    assert page.status == 200
    assert page.header("content-type") == "text/html; charset=utf-8"
    assert page.header("cache-control") == "no-cache"
    assert page.body == (ROOT / "web/dist/index.html").read_bytes()
    parts = re.findall(r'"\./(assets/[^"]+)"', page.body.decode())
    assert len(parts) >= 2
    for part in parts:
        answer = client.request("GET", f"/{part}")
        assert answer.status == 200
        assert answer.header("cache-control") == "public, max-age=31536000, immutable"
        assert answer.header("content-type") in ("text/javascript; charset=utf-8", "text/css; charset=utf-8")
        assert answer.body == (ROOT / "web/dist" / part).read_bytes()
        assert client.request("HEAD", f"/{part}").header("content-length") == str(len(answer.body))


def test_who_has_it_is_told_so(client: RawClient) -> None:
    etag = client.request("GET", "/").header("etag") or ""
    assert re.fullmatch(r'"[0-9a-f]{20}"', etag)
    for tag in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        answer = client.request("GET", "/", headers={"if-none-match": tag})
        assert (answer.status, answer.body, answer.header("etag")) == (304, b"", etag)
    assert client.request("GET", "/", headers={"if-none-match": '"other"'}).status == 200


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [
        ("gzip", True),
        ("br, gzip;q=0.5", True),
        ("GZIP", True),
        ("gzip;q=0", False),
        ("br", False),
        ("", False),
    ],
)
def test_compressed_only_for_who_takes_it(client: RawClient, accepted: str, packed: bool) -> None:
    part = re.search(r"assets/[^\"]+\.js", client.request("GET", "/").body.decode())
    assert part
    plain = client.request("GET", f"/{part[0]}")
    answer = client.request("GET", f"/{part[0]}", headers={"accept-encoding": accepted})
    assert answer.header("vary") == "accept-encoding"
    assert answer.header("content-encoding") == ("gzip" if packed else None)
    assert (gzip.decompress(answer.body) if packed else answer.body) == plain.body
    assert (answer.header("etag") == plain.header("etag")) != packed


def test_it_is_fenced_in(client: RawClient) -> None:
    policy = client.request("GET", "/").header("content-security-policy") or ""
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    for name, value in (("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer")):
        assert client.request("GET", "/").header(name) == value


def test_nothing_else_is_there(client: RawClient) -> None:
    for path in (
        "/index.js",
        "/assets/",
        "/assets/../index.html",
        "/backends",
        "/.made-of",
        "/index.html.gz",
    ):
        assert client.request("GET", path).status in (400, 404), path
    assert client.request("POST", "/", body=b"{}").status == 405
