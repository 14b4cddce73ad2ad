"""Two pools: who is asked, in which order, how often, and what happens when one says no."""

from __future__ import annotations

import collections
import itertools
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from gateway.faults.figures import Note
from headworks.testing import Upstream
from support.asking import CHAT, COUNT_TOKENS, KEY, MESSAGES, ask, backend, config, error_of, rows_of
from support.gateway import Gateway
from support.until import until

MakeUpstream = Callable[..., Upstream]
MakeGateway = Callable[..., Gateway]
LIMITED = {"status": 429, "headers": {"retry-after": "7"}}


def start(gateway: MakeGateway, *backends: dict[str, Any], **settings: Any) -> Gateway:
    return gateway(config(*backends, **settings), key=KEY)


def who(answer: Any) -> str:
    """The backend that answered."""
    return str(answer.header("x-headworks-backend"))


# Cooldown


@pytest.mark.rows("F13", "R8")
def test_a_limited_backend_rests_as_long_as_it_said(
    upstream: MakeUpstream, gateway: MakeGateway, record_property: Note
) -> None:
    """429 with Retry-After: 7. Every request succeeds on the fallback; kill -9 and restart change nothing."""
    primary = upstream([{**LIMITED, "times": 1}])
    fallback = upstream()
    house = start(gateway, backend("first", primary), backend("second", fallback, "fallback"))

    before = time.monotonic()
    answers = [ask(house) for _ in range(40)]
    limited_at = primary.journal()[0].at_ms / 1000
    house.restart(kill=True)
    answers += [ask(house) for _ in range(30)]
    house.restart()
    with ThreadPoolExecutor(8) as pool:
        answers += pool.map(lambda _: ask(house), range(30))
    asked_until = time.monotonic()

    assert [one.status for one in answers] == [200] * 100
    assert {who(one) for one in answers} == {"second"}
    assert before <= limited_at <= asked_until < limited_at + 7, "this machine is too slow for the test"
    hits = len(primary.journal()) - 1
    assert hits == 0

    until(lambda: who(ask(house)) == "first", 15, what="traffic on the backend that has rested")
    _, after = primary.journal()[:2]
    late = after.at_ms / 1000 - limited_at - 7
    record_property("R8", f"{hits} hits; asked again {late * 1000:.0f} ms after the end")
    assert late >= 0


@pytest.mark.rows("F14", "F15")
@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"retry-after": "1"}, id="seconds"),
        pytest.param({"retry-after": "${http_date+2}"}, id="date"),
        pytest.param({"retry-after-ms": "700"}, id="milliseconds"),
        pytest.param({"retry-after": "30", "retry-after-ms": "700"}, id="the finer one wins"),
        pytest.param({}, id="no hint: exponential"),
    ],
)
def test_every_form_of_hint_is_understood(
    upstream: MakeUpstream, gateway: MakeGateway, headers: dict[str, str]
) -> None:
    primary = upstream([{"status": 429, "headers": headers, "times": 1}])
    house = start(
        gateway,
        backend("first", primary),
        backend("second", upstream(), "fallback"),
        cooldown={"base_seconds": 0.7, "jitter_percent": 0},
    )

    assert who(ask(house)) == "second"

    until(lambda: who(ask(house)) == "first", 10, what="traffic on the backend that has rested")
    limited, after = primary.journal()[:2]
    assert after.at_ms - limited.at_ms >= 690


@pytest.mark.rows("F16")
def test_rests_without_a_hint_double(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    primary = upstream([{"status": 429, "times": 3}])
    house = start(
        gateway,
        backend("first", primary),
        backend("second", upstream(), "fallback"),
        cooldown={"base_seconds": 0.2, "jitter_percent": 0},
    )

    until(lambda: who(ask(house)) == "first", 15, what="traffic on the backend that has rested")

    at = [one.at_ms for one in primary.journal()]
    pauses = [later - earlier for earlier, later in itertools.pairwise(at[:4])]
    assert pauses[0] >= 195
    assert pauses[1] >= 395
    assert pauses[2] >= 795


@pytest.mark.rows("F16")
def test_a_success_forgets_the_doubling(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    primary = upstream([{"status": 429, "nth": 1}, {"status": 429, "nth": 3}])
    house = start(
        gateway,
        backend("first", primary),
        backend("second", upstream(), "fallback"),
        cooldown={"base_seconds": 0.3, "jitter_percent": 0},
    )

    until(
        lambda: len(primary.journal()) >= 4 or (ask(house) and False),
        15,
        what="four calls of the first backend",
    )

    with house.admin() as admin:
        assert [one["consecutive"] for one in admin.cooldowns()] == [1, 1]


@pytest.mark.rows("F13")
def test_when_all_rest_the_client_is_told_until_when(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    house = start(
        gateway,
        backend("first", upstream([{"status": 429, "headers": {"retry-after": "60"}}])),
        backend("second", upstream([{"status": 429, "headers": {"retry-after": "20"}}]), "fallback"),
    )

    ask(house)
    answer = ask(house)

    assert answer.status == 429
    assert error_of(answer)["code"] == "all_backends_limited"
    assert 15 <= int(str(answer.header("retry-after"))) <= 20
    assert 15_000 <= int(str(answer.header("retry-after-ms"))) <= 20_000
    assert answer.header("x-should-retry") is None


# Buckets


def test_a_backend_gets_no_more_starts_than_its_rpm_limit(
    upstream: MakeUpstream, gateway: MakeGateway
) -> None:
    primary = upstream()
    house = start(gateway, backend("first", primary, rpm_limit=5), backend("second", upstream(), "fallback"))

    with ThreadPoolExecutor(8) as pool:
        asked = collections.Counter(pool.map(lambda _: who(ask(house)), range(40)))

    assert asked == {"first": 5, "second": 35}
    assert len(primary.journal()) == 5


def test_without_a_fallback_the_limit_is_told(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    house = start(gateway, backend("first", upstream(), rpm_limit=3))

    statuses = [ask(house).status for _ in range(5)]
    answer = ask(house)

    assert statuses == [200, 200, 200, 429, 429]
    assert error_of(answer)["code"] == "all_backends_limited"
    assert 50 <= int(str(answer.header("retry-after"))) <= 61


def test_counting_tokens_takes_nothing(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    """Neither from the backend's bucket nor from the key's."""
    fields: dict[str, Any] = {"api": "anthropic", "rpm_limit": 1}
    house = gateway(config(backend("first", upstream(), **fields), key={"rpm_limit": 1}), key=KEY)

    statuses = [ask(house, COUNT_TOKENS).status for _ in range(3)]
    statuses += [ask(house, MESSAGES).status, ask(house, COUNT_TOKENS).status, ask(house, MESSAGES).status]

    assert statuses == [200, 200, 200, 200, 200, 429]


@pytest.mark.rows("A11")
def test_a_client_key_has_a_limit_of_its_own(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    house = gateway(config(backend("first", upstream()), key={"rpm_limit": 2}), key=KEY)

    answers = [ask(house) for _ in range(3)]

    assert [one.status for one in answers] == [200, 200, 429]
    assert [one.header("x-ratelimit-limit-requests") for one in answers] == ["2"] * 3
    assert [one.header("x-ratelimit-remaining-requests") for one in answers] == ["1", "0", "0"]
    assert error_of(answers[2])["code"] == "key_rate_limited"
    # The window's 60 s, rounded up to the bucket's tick and then to a whole second.
    assert 50 <= int(str(answers[2].header("retry-after"))) <= 61


# Retries


@pytest.mark.rows("F17")
@pytest.mark.parametrize(
    "failure",
    [
        pytest.param({"status": 500}, id="500"),
        pytest.param({"status": 503}, id="503"),
        pytest.param({"status": 529}, id="529"),
        pytest.param({"status": 401}, id="our key is refused"),
        pytest.param({"status": 403}, id="our account is refused"),
        pytest.param({"status": 408}, id="408"),
        pytest.param({"fault": {"at": "request", "do": "reset"}}, id="reset"),
        pytest.param({"fault": {"at": "head", "do": "close"}}, id="half a head"),
        pytest.param({"fault": {"at": "request", "do": "hang"}}, id="silence"),
        pytest.param({"raw": "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"}, id="malformed"),
    ],
)
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_what_fails_is_tried_elsewhere(
    upstream: MakeUpstream, gateway: MakeGateway, failure: dict[str, Any], stream: bool
) -> None:
    first = upstream([failure])
    house = start(
        gateway,
        backend("first", first),
        backend("second", upstream(), "fallback"),
        timeouts={"first_byte_seconds": 0.3},
        retry={"backoff_base_ms": 1},
    )

    answer = ask(house, stream=stream)

    assert answer.status == 200
    assert who(answer) == "second"
    assert int(str(answer.header("x-headworks-attempts"))) == len(first.journal()) + 1
    rows = until(lambda: rows_of(house), what="the ledger's rows")
    assert [row["backend"] for row in rows] == ["first"] * len(first.journal()) + ["second"]
    assert [row["final"] for row in rows] == [0] * len(first.journal()) + [1]


def test_a_refused_connection_is_tried_elsewhere(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    gone = Upstream()
    gone.close()
    house = start(gateway, backend("first", gone.url), backend("second", upstream(), "fallback"))

    assert who(ask(house)) == "second"


@pytest.mark.parametrize("status", [400, 404, 405, 413, 422])
def test_the_clients_own_errors_are_relayed_once(
    upstream: MakeUpstream, gateway: MakeGateway, status: int
) -> None:
    first, second = upstream([{"status": status, "json": {"error": {"message": "yours"}}}]), upstream()
    house = start(gateway, backend("first", first), backend("second", second, "fallback"))

    answer = ask(house)

    assert answer.status == status
    assert error_of(answer) == {"message": "yours"}
    assert (len(first.journal()), len(second.journal())) == (1, 0)


def test_when_all_fail_the_last_error_is_told_and_no_retry_advised(
    upstream: MakeUpstream, gateway: MakeGateway
) -> None:
    house = start(
        gateway,
        backend("first", upstream([{"fault": {"at": "request", "do": "reset"}}])),
        backend("second", upstream([{"fault": {"at": "request", "do": "reset"}}]), "fallback"),
        retry={"backoff_base_ms": 1},
    )

    answer = ask(house)

    assert answer.status == 502
    assert error_of(answer)["code"] == "upstream_reset"
    assert answer.header("x-should-retry") == "false"
    assert "127.0.0.1" not in answer.body.decode()


def test_an_error_of_the_anthropic_dialect_has_its_shape(
    upstream: MakeUpstream, gateway: MakeGateway
) -> None:
    house = start(
        gateway, backend("first", upstream([{"fault": {"at": "request", "do": "reset"}}]), api="anthropic")
    )

    answer = ask(house, MESSAGES)

    assert answer.status == 502
    assert error_of(answer)["type"] == "api_error"
    assert f'"request_id":"{answer.header("x-request-id")}"' in answer.body.decode()


# Which backends


def test_models_decide_with_one_star_and_the_exact_name_first(
    upstream: MakeUpstream, gateway: MakeGateway
) -> None:
    first, second = upstream(), upstream()
    house = start(
        gateway,
        backend("first", first, model_mappings={"llama-70b": "meta/llama-3.1-70b", "qwen-*": "qwen/*"}),
        backend("second", second, "fallback", model_mappings={"qwen-7b": "exact", "*": "any/*"}),
    )

    asked = {model: who(ask(house, model=model)) for model in ("llama-70b", "qwen-7b", "other")}

    assert asked == {"llama-70b": "first", "qwen-7b": "first", "other": "second"}
    assert [one.json()["model"] for one in first.journal()] == ["meta/llama-3.1-70b", "qwen/7b"]
    assert [one.json()["model"] for one in second.journal()] == ["any/other"]


def test_what_nobody_serves_is_not_found(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    house = start(gateway, backend("first", upstream(), model_mappings={"known": "known"}))

    openai, anthropic = ask(house, model="other"), ask(house, MESSAGES, "known")

    assert (openai.status, error_of(openai)["code"], error_of(openai)["param"]) == (
        404,
        "model_not_found",
        "model",
    )
    assert (anthropic.status, error_of(anthropic)["type"]) == (404, "not_found_error")


@pytest.mark.rows("A10")
def test_a_key_may_use_only_its_models(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    house = gateway(config(backend("first", upstream()), key={"models": ["small-*"]}), key=KEY)

    assert ask(house, model="small-1").status == 200
    refused = ask(house, model="large-1")
    assert (refused.status, error_of(refused)["code"]) == (403, "model_not_allowed")


def test_a_disabled_backend_gets_nothing(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    first = upstream()
    house = start(gateway, backend("first", first, enabled=False), backend("second", upstream(), "fallback"))

    assert {who(ask(house)) for _ in range(10)} == {"second"}
    assert not first.journal()


def test_weights_share_a_pool(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    one = upstream()
    house = start(gateway, backend("heavy", one, weight=3), backend("light", one, weight=1))

    asked = collections.Counter(who(ask(house)) for _ in range(200))

    assert 120 <= asked["heavy"] <= 180


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
@pytest.mark.parametrize("header", ["authorization", "x-api-key"])
def test_both_credentials_open_both_dialects(
    upstream: MakeUpstream, gateway: MakeGateway, path: str, header: str
) -> None:
    one = upstream()
    house = start(gateway, backend("o", one), backend("a", one, api="anthropic"))
    good = f"Bearer {KEY}" if header == "authorization" else KEY
    bad = good + "x"

    assert ask(house, path, key=None, headers={header: good}).status == 200
    refused = ask(house, path, key=None, headers={header: bad})
    assert (refused.status, error_of(refused)["type"]) == (401, "authentication_error")
    assert refused.header("www-authenticate") == "Bearer"
    assert KEY not in str(one.journal())
