"""What the admin listener is sent by people who mean no good, and by people who mistype.

Roles, sessions, Host and Origin: tests/gateway/admin/test_access.py; every route: test_every_route.py.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from headworks.errors import HeadworksError
from headworks.testing import Upstream
from support.asking import KEY, ask, backend, config
from support.gateway import Gateway
from support.quiet import late
from support.raw_client import RawAnswer, RawClient
from support.until import until

MakeUpstream = Callable[..., Upstream]
MakeGateway = Callable[..., Gateway]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Upstream() as upstream:
        made = Gateway(config(backend("first", upstream)), tmp_path_factory.mktemp("admin") / "data", key=KEY)
        made.start()
        yield made
        assert made.stop() == 0


def call(house: Gateway, method: str, path: str, body: Any = None) -> RawAnswer:
    """With the right token; the path as it is."""
    headers = {"authorization": f"Bearer {house.admin_token}"}
    with RawClient(house.admin_url) as client:
        return client.request(
            method, path, headers=headers, body=None if body is None else json.dumps(body).encode()
        )


# A20

CLIMBING = (
    "/../../etc/passwd", "/..", "/%2e%2e%2f%2e%2e%2fetc/passwd", "/..%5c..%5cetc%5cpasswd",
    "/%252e%252e/etc/passwd",
    "/etc/passwd%00.css", "//etc/passwd", "/assets/../../etc/passwd", "/assets/..%2f..%2fetc%2fpasswd",
    "/admin/v1/../../etc/passwd", "/.git/config", "/master.key", "/admin.token", "/headworks.db",
)  # fmt: skip


@pytest.mark.rows("A20")
@pytest.mark.parametrize("path", CLIMBING)
def test_no_path_leads_to_a_file(house: Gateway, path: str) -> None:
    for url, key in ((house.admin_url, house.admin_token), (house.url, KEY)):
        with RawClient(url) as client:
            answer = client.request("GET", path, headers={"authorization": f"Bearer {key}"})
        assert answer.status in (400, 404), (url, answer.status)
        assert b"root:" not in answer.body


@pytest.mark.rows("A20")
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_no_request_opens_a_file_or_starts_a_program(house: Gateway, tmp_path: Path) -> None:
    """Neither a strange path nor any route: 0 execve, and 0 opens of what the paths name."""
    trace = tmp_path / "trace"
    tracer = subprocess.Popen(
        [
            "strace",
            "-f",
            "-qq",
            "-e",
            "trace=openat,open,execve,fork,vfork",
            "-o",
            str(trace),
            "-p",
            str(house.pid),
        ],
        stderr=subprocess.DEVNULL,
    )
    try:
        status = Path(f"/proc/{house.pid}/status")
        until(
            lambda: tracer.poll() is not None or b"TracerPid:\t0\n" not in status.read_bytes(), what="strace"
        )
        if tracer.poll() is not None:
            pytest.skip("processes may not be traced here")
        for path in (*CLIMBING, "/admin/v1/openapi.json", "/admin/v1/backends/first/models", "/metrics"):
            call(house, "GET", path)
        call(house, "POST", "/admin/v1/backends/first/test", {})
    finally:
        tracer.terminate()
        tracer.wait(10)
    lines = trace.read_text().splitlines()
    assert not [line for line in lines if "exec" in line or "fork" in line]
    assert not [
        line for line in lines if "passwd" in line or ".key" in line or ".token" in line or ".git" in line
    ]


# A22, A23, A24

ADDRESSES = {
    "a file": "file:///etc/passwd",
    "gopher": "gopher://127.0.0.1/",
    "no scheme": "127.0.0.1/v1",
    "metadata of clouds": "http://169.254.169.254",
    "link-local": "http://169.254.0.9/v1",
    "metadata, as IPv6": "http://[::ffff:169.254.169.254]",
    "metadata, in hexadecimal IPv6": "http://[::ffff:a9fe:a9fe]",
    "link-local IPv6": "http://[fe80::1]",
    "metadata, as one number": "http://2852039166",
    "metadata, in hexadecimal": "http://0xa9fea9fe",
    "unspecified": "http://0.0.0.0",
    "unspecified IPv6": "http://[::]",
    "short": "http://127.1",
    "user and password": "http://user:pass@host/v1",
    "fragment": "https://host/v1#x",
    "query": "https://host/v1?x=1",
    "backslash": "https://host\\@evil/v1",
    "line end": "https://host/v1\r\nX: y",
    "blank": "https://ho st/v1",
    "5 KB": "https://host/" + "x" * 5000,
    "empty": "",
    "port 0": "http://host:0/v1",
    "port 65536": "http://host:65536/v1",
    "climbing": "https://host/v1/../admin",
}


@pytest.mark.rows("A22")
@pytest.mark.parametrize("what", ADDRESSES)
def test_an_address_that_no_backend_has(house: Gateway, what: str) -> None:
    answer = call(
        house, "POST", "/admin/v1/backends", {"name": "bad", "api_base_url": ADDRESSES[what], "api_key": "k"}
    )

    assert answer.status == 400, answer.body
    error = json.loads(answer.body)["error"]
    assert "api_base_url" in error["path"]


@pytest.mark.rows("A22")
def test_a_name_that_leads_to_metadata_is_refused_after_the_lookup(house: Gateway) -> None:
    """No name in a test leads there; the rule on addresses is tests/cpp/net/resolver_test.cpp's."""
    with house.admin() as admin:
        made = admin.create_backend(
            name="lost", api_base_url="http://no-such-host.invalid/v1", api_key="sk-l"
        )
        report = admin.test_backend("lost", model="m")
        admin.remove_backend(made["id"])
    assert report["ok"] is False


@pytest.mark.rows("A23")
def test_a_key_does_not_follow_its_backend_to_another_origin(house: Gateway) -> None:
    with house.admin() as admin:
        made = admin.create_backend(name="moves", api_base_url="https://one.example/v1", api_key="sk-moves")
        with pytest.raises(HeadworksError) as refused:
            admin.change_backend("moves", api_base_url="https://evil.example/v1")
        assert refused.value.code == "conflict"
        assert admin.backend("moves")["api_base_url"] == "https://one.example/v1"
        admin.change_backend("moves", api_base_url="https://one.example/v2")  # the same origin
        admin.change_backend("moves", api_base_url="https://two.example/v1", api_key="sk-two")
        admin.remove_backend(made["id"])


@pytest.mark.rows("A24")
@pytest.mark.parametrize("key", ["sk-a\r\nX: y", "sk-a\0b", "sk a\x01", "sk-\x7f", "sk-é", "\nsk"])
def test_no_field_becomes_a_header_line(house: Gateway, key: str) -> None:
    """A backend has no headers of its own choice; its key is the only text that becomes one."""
    before = call(house, "GET", "/admin/v1/backends").body
    for field in ("headers", "extra_headers"):
        fields = {"name": "bad", "api_base_url": "https://host/v1", "api_key": "k", field: {"Host": "x"}}
        assert call(house, "POST", "/admin/v1/backends", fields).status == 400
    answer = call(
        house,
        "POST",
        "/admin/v1/backends",
        {"name": "bad", "api_base_url": "https://host/v1", "api_key": key},
    )

    assert answer.status == 400, answer.body
    assert key.encode() not in answer.body
    assert call(house, "GET", "/admin/v1/backends").body == before


# A25


@pytest.mark.rows("A25")
@pytest.mark.parametrize(
    "fields",
    [
        {"rpm_limit": -1},
        {"rpm_limit": 2**63},
        {"rpm_limit": 1.5},
        {"rpm_limit": "40"},
        {"weight": 0},
        {"timeout_seconds": -1},
        {"timeout_seconds": 1e308},
        {"enabled": "yes"},
        {"api": "gopher"},
        {"pool": 7},
        {"id": "another"},
        {"created_at": "2020-01-01T00:00:00Z"},
        {"rpm_limt": 3},
        {"label": "good", "rpm_limit": -1},
    ],
    ids=json.dumps,
)
def test_a_change_that_is_half_wrong_changes_nothing(house: Gateway, fields: dict[str, Any]) -> None:
    before = call(house, "GET", "/admin/v1/backends/first").body

    assert call(house, "PATCH", "/admin/v1/backends/first", fields).status == 400

    assert call(house, "GET", "/admin/v1/backends/first").body == before


# A26


@pytest.mark.rows("A26")
@pytest.mark.parametrize("text", ["%25" * 50, "_" * 50, "%25_" * 25, "'%20OR%201=1--", "%22%3B"])
def test_wildcards_are_letters(house: Gateway, text: str) -> None:
    """Filters are compared, not matched."""
    assert ask(house).status == 200
    for field in ("model", "backend", "key"):
        began = time.monotonic()
        answer = call(house, "GET", f"/admin/v1/exchanges?{field}={text}")
        assert answer.status in (200, 400)
        assert answer.status == 400 or json.loads(answer.body)["data"] == []
        assert time.monotonic() - began < late(1000) / 1000


# A31


@pytest.mark.rows("A31")
@pytest.mark.parametrize("form", ["json", "text"])
def test_one_line_in_the_log_for_each_request(
    upstream: MakeUpstream, gateway: MakeGateway, form: str
) -> None:
    """Whatever stands in path, model or User-Agent: no line is forged, long, or acts on a terminal."""
    house = gateway(config(backend("first", upstream())), key=KEY, arguments=("--log-format", form))
    nasty = [
        "a\nlevel=error forged",
        "\x1b[31mred",
        "a\u2028b\u0085c",
        "x" * 1_000_000,
        "\u202egnp",
        "%0a%0dforged",
    ]
    ids = []
    for text in nasty:
        ids.append(ask(house, model=text[:100_000]).header("x-request-id"))
        with RawClient(house.url) as client:
            client.send(
                f"GET /v1/models/{'%0a%0dforged%1b' * 9} HTTP/1.1\r\nhost: a\r\n"
                f"authorization: Bearer {KEY}\r\nuser-agent: {text[:20_000]}\r\n\r\n".encode().replace(
                    b"\n\nlevel", b"\n level"
                )
            )
            with contextlib.suppress(ConnectionError):
                ids.append(client.answer().header("x-request-id"))
    house.stop()

    lines = [line for line in house.log_lines if any(one in line for one in ids if one)]
    assert len(lines) == len({one for one in ids if one})
    assert max(map(len, lines)) < 4096
    for line in lines:
        assert not [one for one in line if ord(one) < 32 or one in "\x7f\u2028\u2029\x85\u202e"], line
        assert not line.startswith("level=error")
        if form == "json":
            assert isinstance(json.loads(line), dict)
