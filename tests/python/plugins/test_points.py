"""What hooks may decide at each point, and what they are shown."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from headworks import Changes, Cool, Reject, hook
from headworks.hookspecs import Attempt, Candidate, Exchange, Request
from headworks.testing import Upstream
from support.asking import MESSAGES, backend
from support.plugin_house import error_of, house
from support.until import until

MakeUpstream = Callable[..., Upstream]


def keys_of(*upstreams: Upstream) -> list[int]:
    return [len(one.journal()) for one in upstreams]


def test_route_decides_whom_to_ask_and_in_which_order(upstream: MakeUpstream) -> None:
    first, second, spare = upstream(), upstream([{"status": 500}]), upstream()

    @hook
    def route(request: Request, candidates: Sequence[Candidate]) -> list[str]:
        return ["second", "spare"]

    backends = [backend("first", first), backend("second", second), backend("spare", spare, "fallback")]
    with house(*backends, plugins=[route]) as made:
        answer = made.ask()

        assert answer.status_code == 200
        assert answer.headers["x-headworks-backend"] == "spare"
        assert answer.headers["x-headworks-pool"] == "fallback"
        assert keys_of(first, second, spare) == [0, 1, 1]
        assert [(step["hook"], step["why"]) for step in made.plan_of(answer)] == [("route.route", "ordered")]


def test_candidates_can_be_returned_as_they_came(upstream: MakeUpstream) -> None:
    seen: list[Candidate] = []

    @hook
    def route(request: Request, candidates: Sequence[Candidate]) -> list[Candidate]:
        seen.extend(candidates)
        return list(reversed(candidates))

    backends = [
        backend("one", upstream(), rpm_limit=7, model_mappings={"m": "up/m"}, metadata={"team": "a"}),
        backend("two", upstream(), "fallback", max_in_flight=3, weight=5),
    ]
    prices = {"prices": [{"model": "m", "input": 0.5, "output": 2}]}
    with house(*backends, plugins=[route]) as made:
        made.admin.request("PUT", "/prices", {"data": prices["prices"]})
        assert made.ask().headers["x-headworks-backend"] == "two"

    one, two = seen
    assert (one.backend, one.pool, one.model, one.out, one.ready_in) == ("one", "primary", "up/m", None, 0.0)
    assert (one.rpm_limit, one.starts_left, one.in_flight, one.metadata) == (7, 7, 0, {"team": "a"})
    assert (one.input_price, one.output_price) == (0.5, 2.0)
    assert (two.backend, two.model, two.starts_left, two.max_in_flight, two.weight) == (
        "two",
        "m",
        None,
        3,
        5,
    )


def test_a_cooling_candidate_says_so(upstream: MakeUpstream) -> None:
    seen: list[tuple[str, str | None]] = []

    @hook
    def route(request: Request, candidates: Sequence[Candidate]) -> None:
        seen[:] = [(one.backend, one.out) for one in candidates]

    with house(backend("one", upstream()), backend("two", upstream()), plugins=[route]) as made:
        made.admin.cool_backend("one", seconds=600)
        assert made.ask().headers["x-headworks-backend"] == "two"

    assert seen == [("one", "cooling"), ("two", None)]


def test_admit_sees_the_request_and_never_a_secret(upstream: MakeUpstream) -> None:
    seen: list[Request] = []

    @hook(body=True)
    def admit(request: Request) -> None:
        seen.append(request)

    with house(backend("one", upstream()), plugins=[admit]) as made:
        answer = made.ask(headers={"X-Team": "blue", "cookie": "a=b"}, max_tokens=77, stream=False)

    (request,) = seen
    assert request.id == answer.headers["x-request-id"]
    assert (request.route, request.model, request.stream, request.client_key) == (
        "/v1/chat/completions", "m", False, "app",
    )  # fmt: skip
    assert request.max_tokens == 77
    assert request.body is not None and len(request.body) == request.body_bytes
    assert request.headers["x-team"] == "blue"
    assert not {"authorization", "cookie", "x-api-key", "host"} & set(request.headers)
    assert request.seconds_left is not None and 0 < request.seconds_left <= 600


def test_the_body_is_shown_to_nobody_who_did_not_ask(upstream: MakeUpstream) -> None:
    seen: list[Request] = []

    @hook
    def admit(request: Request) -> None:
        seen.append(request)

    with house(backend("one", upstream()), plugins=[admit]) as made:
        made.ask()

    assert seen[0].body is None


def test_admit_changes_model_headers_and_time(upstream: MakeUpstream) -> None:
    provider = upstream()

    @hook
    def admit(request: Request) -> Changes:
        headers = {"X-Added": "yes", "x-secret": None}
        return Changes(model="other", timeout=5, tags={"team": "a"}, headers=headers)

    later: list[Request] = []

    @hook
    def route(request: Request, candidates: Sequence[Candidate]) -> None:
        later.append(request)

    with house(backend("one", provider), plugins=[admit, route]) as made:
        answer = made.ask(model="asked", headers={"x-secret": "s", "x-kept": "k"})
        assert answer.status_code == 200
        whys = [step["why"] for step in made.plan_of(answer)]

    (entry,) = provider.journal()
    assert entry.json()["model"] == "other"
    assert (entry.header("x-added"), entry.header("x-kept"), entry.header("x-secret")) == ("yes", "k", None)
    assert whys == ["model", "timeout", "headers"]
    assert later[0].model == "other"
    assert later[0].tags == {"team": "a"}
    assert later[0].seconds_left is not None and later[0].seconds_left <= 5


def test_hooks_of_one_point_see_what_the_ones_before_them_changed(upstream: MakeUpstream) -> None:
    @hook(point="admit")
    def first(request: Request) -> Changes:
        return Changes(tags={"a": "1"}, model="x")

    @hook(point="admit")
    def second(request: Request) -> Changes:
        return Changes(tags={"b": request.tags["a"]}, model=request.model + "y")

    seen: list[Request] = []

    @hook(point="admit")
    def third(request: Request) -> None:
        seen.append(request)

    with house(backend("one", upstream()), plugins=[first, second, third]) as made:
        made.ask()

    assert (seen[0].model, seen[0].tags) == ("xy", {"a": "1", "b": "1"})


def test_a_key_may_be_given_what_it_may_not_ask_for_only_in_exchange(upstream: MakeUpstream) -> None:
    """The plug-in is the operator's word; the client's own wish still needs the key's leave."""

    @hook
    def admit(request: Request) -> Changes | None:
        return Changes(model="large") if request.model == "smart" else None

    with house(backend("one", upstream()), plugins=[admit], key={"models": ["smart"]}) as made:
        assert made.ask(model="smart").status_code == 200
        refused = made.ask(model="large")

    assert (refused.status_code, error_of(refused)["code"]) == (403, "model_not_allowed")


def test_reject_is_an_error_of_the_dialect(upstream: MakeUpstream) -> None:
    provider = upstream()

    @hook
    def admit(request: Request) -> Reject:
        status = int(request.headers["x-status"])
        return Reject(f"no: {status}", status=status, retry_after=7)

    expected = {
        400: "bad_request", 401: "invalid_api_key", 402: "insufficient_quota", 403: "rejected",
        404: "model_not_found", 413: "body_too_large", 429: "key_rate_limited", 503: "overloaded",
    }  # fmt: skip
    with house(backend("one", provider), plugins=[admit]) as made:
        for status, code in expected.items():
            answer = made.ask(headers={"x-status": str(status)})
            assert answer.status_code == (429 if status == 402 else status)
            assert (error_of(answer)["code"], error_of(answer)["message"]) == (code, f"no: {status}")
        assert made.ask(headers={"x-status": "429"}).headers["retry-after"] == "7"
        other = made.ask(MESSAGES, headers={"x-status": "402"})
        assert (other.status_code, error_of(other)["type"]) == (402, "billing_error")
        assert [step["why"] for step in made.plan_of(other)] == ["rejected"]

    assert not provider.journal()


def test_failed_can_stop(upstream: MakeUpstream) -> None:
    first, second = upstream([{"status": 500}]), upstream()
    seen: list[Attempt] = []

    @hook
    def failed(request: Request, attempt: Attempt) -> str:
        seen.append(attempt)
        return "stop"

    with house(backend("one", first), backend("two", second, "fallback"), plugins=[failed]) as made:
        answer = made.ask()
        assert answer.status_code == 500
        assert [step["why"] for step in made.plan_of(answer)] == ["stop"]

    assert keys_of(first, second) == [1, 0]
    (attempt,) = seen
    assert (attempt.number, attempt.backend, attempt.status, attempt.failure) == (1, "one", 500, "status_5xx")


def test_failed_can_retry_what_is_the_clients_own_fault_otherwise(upstream: MakeUpstream) -> None:
    first, second = upstream([{"status": 404, "json": {"error": {"message": "no such model"}}}]), upstream()

    @hook
    def failed(request: Request, attempt: Attempt) -> str:
        return "retry"

    with house(backend("one", first), backend("two", second, "fallback"), plugins=[failed]) as made:
        answer = made.ask()

    assert answer.status_code == 200
    assert keys_of(first, second) == [1, 1]


def test_failed_can_retry_the_only_backend(upstream: MakeUpstream) -> None:
    provider = upstream(
        [{"status": 400, "json": {"error": {"message": "busy"}}, "times": 2}, {"text": "now"}]
    )

    @hook
    def failed(request: Request, attempt: Attempt) -> str:
        return "retry"

    retry = {"max_attempts": 3, "backoff_base_ms": 1}
    with house(backend("one", provider), plugins=[failed], retry=retry) as made:
        assert made.ask().status_code == 200

    assert keys_of(provider) == [3]


def test_failed_can_let_a_backend_rest(upstream: MakeUpstream) -> None:
    first = upstream([{"status": 400, "json": {"error": {"message": "maintenance"}}}])

    @hook
    def failed(request: Request, attempt: Attempt) -> Cool:
        return Cool(600)

    with house(backend("one", first), plugins=[failed]) as made:
        answer = made.ask()
        assert answer.status_code == 400
        (cooldown,) = until(made.admin.cooldowns)
        assert (cooldown["cause"], cooldown["source"]) == ("hook", "hook")
        assert cooldown["request_id"] == answer.headers["x-request-id"]
        assert made.ask().status_code == 429
        assert [step["why"] for step in made.plan_of(answer)] == ["cooled"]


def test_finished_observes(upstream: MakeUpstream) -> None:
    seen: list[Exchange] = []

    @hook
    def finished(exchange: Exchange) -> None:
        seen.append(exchange)

    with house(backend("one", upstream()), plugins=[finished]) as made:
        answer = made.ask()
        exchange = until(lambda: seen, what="the hook")[0]

    assert exchange.id == answer.headers["x-request-id"]
    assert (exchange.status, exchange.error, exchange.backend, exchange.attempts) == (200, None, "one", 1)
    assert exchange.input_tokens > 0 and exchange.output_tokens > 0
    assert exchange.first_byte_seconds is not None and exchange.first_byte_seconds <= exchange.seconds


def test_every_finished_exchange_is_observed_also_at_the_end(upstream: MakeUpstream) -> None:
    seen: list[str] = []

    @hook
    def finished(exchange: Exchange) -> None:
        seen.append(exchange.id)

    with house(backend("one", upstream()), plugins=[finished]) as made:
        asked = [made.ask().headers["x-request-id"] for _ in range(50)]

    assert sorted(seen) == sorted(asked), "each once; two worker threads keep no order"


def test_async_functions_are_hooks_too(upstream: MakeUpstream) -> None:
    @hook(timeout_ms=2000)
    async def route(request: Request, candidates: Sequence[Candidate]) -> list[str]:
        await asyncio.sleep(0)
        return ["two"]

    with house(backend("one", upstream()), backend("two", upstream(), "fallback"), plugins=[route]) as made:
        assert {made.ask().headers["x-headworks-backend"] for _ in range(5)} == {"two"}


def test_an_object_can_hold_hooks(upstream: MakeUpstream) -> None:
    class Policy:
        def __init__(self, name: str) -> None:
            self.name = name

        @hook
        def route(self, request: Request, candidates: Sequence[Candidate]) -> list[str]:
            return [self.name]

    backends = [backend("one", upstream()), backend("two", upstream())]
    with house(*backends, plugins=[Policy("two")]) as made:
        assert made.ask().headers["x-headworks-backend"] == "two"
        assert list(made.hooks()) == ["Policy.route"]


def test_without_hooks_nothing_is_listed(upstream: MakeUpstream) -> None:
    with house(backend("one", upstream())) as made:
        assert made.ask().status_code == 200
        assert made.admin.plugins() == []


def test_views_are_frozen_and_can_be_made() -> None:
    """So that plug-ins can be tested without a server."""
    one: Any = Candidate(backend="a", input_price=1.5, metadata={"x": [1]})

    assert (one.backend, one.input_price, one.metadata, one.out) == ("a", 1.5, {"x": [1]}, None)
    assert "backend='a'" in repr(one)
    with pytest.raises(AttributeError):
        one.backend = "b"
    with pytest.raises(AttributeError):
        one.new = 1
    made: Any = Candidate
    with pytest.raises(TypeError, match="no field nam"):
        made(nam="a")
