"""What is taken out, for how long, and how it comes back: ejection, quarantine, scopes, probe, slow start."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from gateway.faults.figures import Note
from headworks.testing import Upstream
from support.asking import KEY, ask, backend, config, error_of, metrics_of
from support.gateway import Gateway
from support.quiet import late
from support.until import until

MakeUpstream = Callable[..., Upstream]
MakeGateway = Callable[..., Gateway]


def who(answer: Any) -> str:
    return str(answer.header("x-headworks-backend"))


def cooldowns(house: Gateway, name: str, cause: str) -> float:
    return metrics_of(house).get(f'headworks_cooldowns_total{{backend="{name}",cause="{cause}"}}', 0)


def attempts_of(house: Gateway, name: str) -> float:
    mine = f'headworks_attempts_total{{backend="{name}"'
    return sum(value for key, value in metrics_of(house).items() if key.startswith(mine))


@pytest.mark.rows("F17")
@pytest.mark.parametrize("status", [500, 502, 503, 504, 529])
def test_failures_in_a_row_take_a_backend_out_until_a_probe_succeeds(
    upstream: MakeUpstream, gateway: MakeGateway, status: int
) -> None:
    """F17."""
    first = upstream([{"status": status, "times": 5}])
    house = gateway(
        config(
            backend("first", first),
            backend("also", upstream()),
            cooldown={"failures": 5, "eject_seconds": 0.7, "ramp_seconds": 1, "jitter_percent": 0},
        ),
        key=KEY,
    )

    statuses = {ask(house).status for _ in range(40)}
    until(lambda: who(ask(house)) == "first", what="the backend is back")

    assert statuses == {200}
    *failed, last, back = first.journal()[:6]
    assert {one.status for one in (*failed, last)} == {status}
    assert back.status == 200
    assert cooldowns(house, "first", "failing") == 1
    assert back.at_ms - last.at_ms >= 700


@pytest.mark.rows("F01")
def test_a_backend_that_cannot_be_reached_is_out_after_three(
    upstream: MakeUpstream, gateway: MakeGateway
) -> None:
    """F01: the failover costs no client anything, and soon is not even tried."""
    dead = Upstream()
    url = f"{dead.url}/v1"
    dead.close()
    house = gateway(config(backend("dead", url), backend("fine", upstream())), key=KEY)

    took = []
    for _ in range(60):
        before = time.monotonic()
        answer = ask(house)
        took.append(time.monotonic() - before)
        assert answer.status == 200

    assert cooldowns(house, "dead", "failing") == 1
    until(lambda: attempts_of(house, "dead") == 3, what="three attempts, and no more")
    assert sorted(took)[58] <= late(20) / 1000


@pytest.mark.rows("F23")
def test_when_everybody_fails_the_answer_is_quick_and_says_when(
    upstream: MakeUpstream, gateway: MakeGateway
) -> None:
    """F23: nobody waits in line for what is broken."""
    house = gateway(
        config(backend("first", upstream([{"status": 500}])), cooldown={"failures": 2, "eject_seconds": 30}),
        key=KEY,
    )
    for _ in range(2):
        ask(house)

    took = []
    for _ in range(100):
        before = time.monotonic()
        answer = ask(house)
        took.append(time.monotonic() - before)

    assert answer.status == 503
    assert error_of(answer)["code"] == "no_backend"
    assert 25 <= int(str(answer.header("retry-after"))) <= 33
    assert sorted(took)[98] <= late(20) / 1000
    assert metrics_of(house)["headworks_queue_depth"] == 0


@pytest.mark.rows("F18")
def test_a_refused_key_is_out_at_once_and_never_the_clients_fault(
    upstream: MakeUpstream, gateway: MakeGateway
) -> None:
    """F18."""
    bad = upstream([{"key": "sk-bad", "status": 401}])
    house = gateway(
        config(backend("bad", bad), backend("good", upstream(), "fallback")),
        key=KEY,
    )

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ask(house), range(50)))

    assert {one.status for one in answers} == {200}
    assert len(bad.journal()) <= 8
    assert cooldowns(house, "bad", "auth") == 1


@pytest.mark.rows("F18")
def test_alone_a_refused_key_is_our_error(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    house = gateway(config(backend("bad", upstream([{"status": 403}]))), key=KEY)

    first, second = ask(house), ask(house)

    assert (first.status, error_of(first)["code"]) == (502, "upstream_auth")
    assert (second.status, error_of(second)["code"]) == (503, "no_backend")


@pytest.mark.rows("F22")
def test_after_a_rest_one_probe_goes_alone(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    first = upstream(
        [{"status": 429, "headers": {"retry-after-ms": "300"}, "times": 1}, {"delay_ms": 500, "times": 1}]
    )
    house = gateway(config(backend("first", first), backend("second", upstream(), "fallback")), key=KEY)

    with ThreadPoolExecutor(16) as pool:
        assert who(ask(house)) == "second"
        limited_at = first.journal()[0].at_ms
        probing = [pool.submit(ask, house)]

        def probe_is_under_way() -> bool:
            probing.append(pool.submit(ask, house))
            return len(first.journal()) == 2

        until(probe_is_under_way, what="the probe")
        during = list(pool.map(lambda _: ask(house), range(40)))
        answers = [*during, *(one.result() for one in probing)]

    _, probe, *later = first.journal()
    assert probe.at_ms - limited_at >= 300
    assert probe.end_ms is not None
    assert [one for one in later if one.at_ms < probe.end_ms] == [], "alone"
    assert {one.status for one in answers} == {200}
    assert "second" in {who(one) for one in during}


@pytest.mark.rows("F22", "R12")
def test_who_comes_back_is_not_run_over(
    upstream: MakeUpstream, gateway: MakeGateway, record_property: Note
) -> None:
    """F22: 200 are waiting; in the first second after the recovery at most 1.2 x the configured rate goes."""
    first = upstream([{"status": 429, "headers": {"retry-after-ms": "500"}, "times": 1}])
    house = gateway(config(backend("first", first, rpm_limit=600), queue={"max_wait_seconds": 6}), key=KEY)

    with ThreadPoolExecutor(200) as pool:
        waiting = [pool.submit(ask, house, user="first")]
        with house.admin() as admin:
            until(lambda: list(admin.cooldowns()), what="the cooldown")
        waiting += [pool.submit(ask, house, user=f"u{number}") for number in range(199)]
        until(lambda: len(first.journal()) > 14, 10, what="the slow start")
        recovered = first.journal()[1].at_ms
        for one in waiting:
            one.cancel()
        statuses = [one.result().status for one in waiting if not one.cancelled()]

    within = [one for one in first.journal()[1:] if one.at_ms < recovered + 1000]
    record_property("R12", f"{len(within) / 10:.1f}")
    assert len(within) <= 12
    assert set(statuses) <= {200, 429}


def test_a_models_limit_leaves_the_other_models_alone(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    said = "Rate limit reached for large in organization org-1 on requests per min. Please try again in 20s."
    first = upstream([{"model": "large", "status": 429, "json": {"error": {"message": said}}}])
    house = gateway(config(backend("first", first), backend("second", upstream(), "fallback")), key=KEY)

    answers = [who(ask(house, model=model)) for model in ("large", "small", "large", "small")]

    assert answers == ["second", "first", "second", "first"]
    assert [one.json()["model"] for one in first.journal()] == ["large", "small", "small"]


def test_a_limit_of_our_address_leaves_every_key_alive(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    """Many keys limited within seconds: the origin rests as a whole, then one of them finds out for all."""
    limited = {"status": 429, "headers": {"retry-after-ms": "2500"}, "times": 3}
    shared = upstream([limited])
    keys = [backend(f"key{number}", shared) for number in range(6)]
    spare = backend("spare", upstream(), "fallback")
    house = gateway(config(*keys, spare, retry={"max_attempts": 5}), key=KEY)

    answers = [ask(house) for _ in range(20)]

    assert {who(one) for one in answers} == {"spare"}
    met = list(shared.journal())
    assert len(met) == 3, "the others were not even asked"
    until(lambda: who(ask(house)) != "spare", what="the origin is back")
    assert shared.journal()[3].at_ms - met[2].at_ms >= 2500
    seen = until(
        lambda: len({who(ask(house)) for _ in range(30)} - {"spare"}) == 6, 15, what="every key at work again"
    )
    assert seen


@pytest.mark.parametrize("kind", ["model", "auth", "address", "failing"])
def test_kill_9_in_a_rest_forgets_nothing(upstream: MakeUpstream, gateway: MakeGateway, kind: str) -> None:
    rules: dict[str, Any] = {
        "model": {
            "status": 429,
            "json": {"error": {"message": "Rate limit reached for m in x. Try again in 60s"}},
        },
        "auth": {"status": 401},
        "address": {"status": 429, "body": "error code: 1015", "headers": {"retry-after": "60"}},
        "failing": {"status": 500},
    }
    first = upstream([rules[kind]])
    house = gateway(
        config(backend("first", first), backend("second", upstream(), "fallback"), cooldown={"failures": 1}),
        key=KEY,
    )
    assert who(ask(house)) == "second"
    with house.admin() as admin:  # the store's own answer: what it knows of is written
        until(lambda: len(admin.cooldowns()) == 1, what="the cooldown")
    assert {who(ask(house)) for _ in range(5)} == {"second"}

    house.restart(kill=True)

    assert {who(ask(house)) for _ in range(10)} == {"second"}
    assert len(first.journal()) == 1


def test_kill_9_in_a_rest_hits_its_end(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    """No call before the end of the cooldown, and the one that waits for it goes within 50 ms."""
    only = upstream([{"status": 429, "headers": {"retry-after-ms": "4000"}, "times": 1}])
    house = gateway(config(backend("only", only), retry={"max_attempts": 1}), key=KEY)
    assert ask(house).status == 429
    with house.admin() as admin:
        until(lambda: len(admin.cooldowns()) == 1, what="the cooldown")

    house.restart(kill=True)
    answer = ask(house)

    limited, served = only.journal()
    assert answer.status == 200
    print(f"end of a cooldown of 4,000 ms after kill -9: hit after {served.at_ms - limited.at_ms:.1f} ms")
    assert 4000 <= served.at_ms - limited.at_ms <= 4000 + late(50)


def test_the_buckets_levels_survive_a_restart(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    first = upstream()
    house = gateway(
        config(backend("first", first, rpm_limit=5), backend("second", upstream(), "fallback")), key=KEY
    )
    assert [who(ask(house)) for _ in range(3)] == ["first"] * 3

    house.restart()
    answers = [who(ask(house)) for _ in range(4)]

    assert answers == ["first", "first", "second", "second"]
