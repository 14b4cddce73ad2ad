"""Why: the plan that was made (exchanges), the one that would be made (explain); and their command."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from headworks.admin import AdminClient
from headworks.errors import NotFoundError, UsageError
from headworks.testing import Upstream
from support.asking import CHAT, KEY, ask, backend, config, fields_of, final_row, metrics_of
from support.gateway import Gateway
from support.raw_client import RawClient
from support.until import until

MakeUpstream = Callable[..., Upstream]
MakeGateway = Callable[..., Gateway]


def made_of(admin: AdminClient, request_id: str | None) -> Any:
    """The exchange, once the recorder has it: until then it still runs, or is on its way."""

    def found() -> Any:
        try:
            one = admin.exchange(str(request_id))
        except NotFoundError:
            return None
        return one if one["state"] == "finished" else None

    return until(found, what=f"the exchange {request_id}")


def headworks(house: Gateway, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "headworks", *arguments, "--data-dir", str(house.data_dir)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_an_exchange_tells_its_plan_attempts_clocks_and_cost(
    upstream: MakeUpstream, gateway: MakeGateway
) -> None:
    limited = upstream([{"status": 429, "headers": {"retry-after": "7"}}])
    house = gateway(
        {
            **config(
                backend("first", limited, model_mappings={"m": "theirs"}),
                backend("second", upstream(), "fallback"),
            ),
            "prices": [{"model": "m", "input": 1, "output": 2}],
        },
        key=KEY,
    )

    answers = [ask(house), ask(house)]

    with house.admin() as admin:
        first, second = (made_of(admin, answer.header("x-request-id")) for answer in answers)
        line = admin.exchanges(limit=1)[0]
    assert (first["status"], first["error"], first["model"], first["client_key"]) == (200, None, "m", "app")
    assert [one["backend"] for one in first["attempts"]] == ["first", "second"]
    failed, good = first["attempts"]
    assert (failed["failure"], failed["status"], failed["model_sent"]) == ("status_429", 429, "theirs")
    assert failed["cooldown"] == {"seconds": 7, "scope": "backend", "source": "header"}
    assert 0 <= failed["started_ms"] <= good["started_ms"] <= first["total_ms"]
    assert good["failure"] is None
    assert good["first_byte_ms"] > 0
    assert first["cost_usd"] == pytest.approx((first["input_tokens"] + 2 * first["output_tokens"]) / 1e6)
    assert {(step["backend"], step["why"]) for step in second["plan"]} == {("first", "cooling")}
    assert line["request_id"] == second["request_id"]
    assert "attempts" not in line


def test_an_exchange_is_known_by_the_ledger_after_a_restart(
    upstream: MakeUpstream, gateway: MakeGateway
) -> None:
    house = gateway(
        config(backend("first", upstream([{"status": 503}])), backend("second", upstream())), key=KEY
    )
    request_id = until(lambda: _failed_over(house), what="an answer of the second attempt")
    with house.admin() as admin:
        before = made_of(admin, request_id)
        final_row(house, request_id)
        house.restart()
    with house.admin() as admin:
        after = admin.exchange(request_id)
    assert len(after["attempts"]) == 2
    for name in ("plan", "status", "model", "client_key", "cost_usd", "started_at"):
        assert after[name] == before[name]
    for one, other in zip(after["attempts"], before["attempts"], strict=True):
        for key, value in one.items():
            assert key.endswith("_ms") or key == "score" or value == dict(other)[key], key


def _failed_over(house: Gateway) -> str:
    answer = ask(house)
    return str(answer.header("x-request-id")) if answer.header("x-headworks-attempts") == "2" else ""


def test_a_wait_is_part_of_the_plan(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    only = upstream([{"fault": {"at": "request", "do": "hang"}, "times": 1}, {}])
    house = gateway(config(backend("first", only, max_in_flight=1)), key=KEY)
    with ThreadPoolExecutor(1) as pool, RawClient(house.url) as ahead, house.admin() as admin:
        body = json.dumps(fields_of(CHAT)).encode()
        head = f"POST {CHAT} HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {KEY}\r\n"
        ahead.send(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        until(only.journal, what="the first one is under way")
        asked = pool.submit(ask, house)
        until(lambda: metrics_of(house)["headworks_queue_depth"] == 1, what="the other one waits")
        ahead.close()
        answer = asked.result()
        assert answer.status == 200
        made = made_of(admin, answer.header("x-request-id"))
    waits = [step for step in made["plan"] if step["what"] == "waited"]
    assert [step["why"] for step in waits] == ["turn"]
    assert waits[0]["seconds"] == pytest.approx(made["queue_wait_ms"] / 1000, abs=0.01)
    assert {step["why"] for step in made["plan"] if step["what"] == "passed_over"} == {"in_flight"}


def test_explain_says_what_would_be_done_and_changes_nothing(
    upstream: MakeUpstream, gateway: MakeGateway
) -> None:
    house = gateway(
        config(
            backend("first", upstream(), rpm_limit=1),
            backend("small", upstream(), model_mappings={"m": {"model": "tiny", "context_tokens": 100}}),
            backend("second", upstream(), "fallback"),
        ),
        key=KEY,
    )
    with house.admin() as admin:
        for _ in range(3):
            free = admin.explain("m", client_key="app", tokens=50)
        assert (free["next"], free["pool"], free["error"]) == ("try", "primary", None)
        assert free["client_key"]["model_allowed"] is True
        assert [tier["pool"] for tier in free["tiers"]] == ["primary", "fallback"]
        first = free["tiers"][0]["candidates"][0]
        assert (first["backend"], first["out"], first["starts_left"], first["rpm_limit"]) == (
            "first",
            None,
            1,
            1,
        )

        admin.cool_backend("small", seconds=60, reason="maintenance")
        until(lambda: ask(house).header("x-headworks-backend") == "first", what="the one start is used")
        made = admin.explain("m")
        states = {one["backend"]: one for tier in made["tiers"] for one in tier["candidates"]}
        assert {name: one["out"] for name, one in states.items()} == {
            "first": "bucket",
            "small": "cooling",
            "second": None,
        }
        assert 55 < states["first"]["ready_in_seconds"] <= 60.26
        assert 55 < states["small"]["ready_in_seconds"] <= 60
        assert states["small"]["cooldown"]["cause"] == "by_hand"
        assert (made["next"], made["pool"]) == ("try", "fallback")


def test_explain_of_what_nobody_serves(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    only = backend("first", upstream(), model_mappings={"known": "k"})
    off, other = backend("off", upstream(), enabled=False), backend("other", upstream(), api="anthropic")
    house = gateway(config(only, off, other, key={"models": ["known"]}), key=KEY)
    with house.admin() as admin:
        left_out = {one["backend"]: one["why"] for one in admin.explain("unknown")["left_out"]}
        assert left_out == {"first": "model_not_mapped", "off": "disabled", "other": "other_dialect"}
        assert admin.explain("unknown")["error"] == "model_not_found"
        assert admin.explain("other", client_key="app")["error"] == "model_not_allowed"
        admin.change_client_key("app", enabled=False)
        assert admin.explain("known", client_key="app")["error"] == "invalid_api_key"
        with pytest.raises(UsageError, match="did you mean 'model'"):
            admin.request("POST", "/explain", {"modle": "x"})
        with pytest.raises(UsageError, match="no client key"):
            admin.explain("known", client_key="nobody")


def test_the_command_explains_both(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    house = gateway(
        config(backend("first", upstream([{"status": 503}])), backend("second", upstream())), key=KEY
    )
    request_id = until(lambda: _failed_over(house), what="an answer of the second attempt")
    with house.admin() as admin:
        made_of(admin, request_id)

    was, would, raw = (
        headworks(house, "explain", request_id),
        headworks(house, "explain", "--model", "m"),
        headworks(house, "explain", "--model", "m", "--json"),
    )

    assert was.returncode == 0, was.stderr
    assert "tried first (primary)" in was.stdout
    assert "status_5xx 503" in was.stdout
    assert "tried second (primary)" in was.stdout
    assert would.returncode == 0, would.stderr
    assert "would be tried in pool primary" in would.stdout
    assert json.loads(raw.stdout)["next"] == "try"
    assert headworks(house, "explain").returncode == 2
    unknown = headworks(house, "explain", "req_0000000000000000000000")
    assert unknown.returncode == 1
    assert "no such exchange" in unknown.stderr
