"""A backend's upstream, asked by hand: a real small request, and the list of its models."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from headworks.errors import HeadworksError, NotFoundError, UsageError
from headworks.testing import Upstream
from support.asking import KEY, backend, config
from support.gateway import Gateway

MakeUpstream = Callable[..., Upstream]
MakeGateway = Callable[..., Gateway]


def test_a_test_is_a_real_request(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    one, other = upstream(), upstream()
    house = gateway(
        config(
            backend("first", one, model_mappings={"m": "real-m", "q-*": "q/*"}, rpm_limit=3),
            backend("claude", other, api="anthropic"),
        ),
        key=KEY,
    )
    with house.admin() as admin:
        made = admin.test_backend("first")
        assert (made["ok"], made["status"], made["model_sent"], made["failure"]) == (
            True,
            200,
            "real-m",
            None,
        )
        assert 0 < made["first_byte_ms"] <= made["total_ms"] < 10_000
        assert admin.test_backend("first", "q-7")["model_sent"] == "q/7"
        assert admin.backend("first")["live"]["starts_left"] == 1
        admin.test_backend("first")
        with pytest.raises(HeadworksError, match="used up"):
            admin.test_backend("first")
        with pytest.raises(UsageError, match="needed"):
            admin.test_backend("claude")
        assert admin.test_backend("claude", "opus")["ok"]
        with pytest.raises(NotFoundError):
            admin.test_backend("nobody")
    sent = one.journal()[0]
    assert (sent.method, sent.target) == ("POST", "/v1/chat/completions")
    assert dict(sent.headers)["authorization"] == "Bearer " + str(backend("first", one)["api_key"])
    claude = other.journal()[0]
    assert claude.target == "/v1/messages"
    assert "x-api-key" in dict(claude.headers)


def test_what_goes_wrong_is_said_without_the_key(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    key = "sk-canary-0123456789"
    refusing = upstream(
        [{"status": 401, "json": {"error": {"message": f"Incorrect API key provided: {key}"}}}]
    )
    gone = upstream()
    house = gateway(
        config(
            backend("refusing", refusing, api_key=key),
            backend("gone", gone),
            backend("cut", upstream([{"close": "silent"}])),
        ),
        key=KEY,
    )
    gone.close()
    with house.admin() as admin:
        made = admin.test_backend("refusing", "m")
        assert (made["ok"], made["status"]) == (False, 401)
        assert "Incorrect API key provided: ***" in made["answer"]
        assert key not in str(made)
        made = admin.test_backend("gone", "m")
        assert (made["ok"], made["status"], made["failure"]) == (False, 0, "no connection could be made")
        with pytest.raises(HeadworksError, match="no list of models"):
            admin.upstream_models("gone")
        assert admin.backend("refusing")["status"] == "healthy", "a test blames nobody"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "headworks", "backends", "test", "refusing", "--model", "m"),
            *("--data-dir", str(house.data_dir)),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, "401" in done.stdout) == (1, True)


def test_the_upstreams_models(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    listing = {"object": "list", "data": [{"id": "real-m"}, {"id": "other"}, {"no": "id"}, 7]}
    one = upstream([{"path": "/v1/models", "json": listing}])
    house = gateway(config(backend("first", one, model_mappings={"m": "real-m", "n": "real-m"})), key=KEY)
    with house.admin() as admin:
        assert admin.upstream_models("first") == [
            {"id": "real-m", "mapped_as": ["m", "n"]},
            {"id": "other", "mapped_as": []},
        ]
