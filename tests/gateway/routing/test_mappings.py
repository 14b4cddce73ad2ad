"""What a mapping does to a request beyond its model's name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from headworks.testing import Upstream
from support.asking import KEY, ask, backend, config, final_row
from support.gateway import Gateway

MakeUpstream = Callable[..., Upstream]
MakeGateway = Callable[..., Gateway]


@pytest.mark.parametrize("stream", [False, True])
def test_parameters_are_set_and_dropped(upstream: MakeUpstream, gateway: MakeGateway, stream: bool) -> None:
    only = upstream()
    mapping = {"model": "theirs", "set": {"temperature": 0.5, "top_k": 40}, "drop": ["logit_bias", "user"]}
    house = gateway(config(backend("only", only, model_mappings={"m": mapping})), key=KEY)

    answer = ask(house, temperature=1, logit_bias={"1": 2}, user="u", seed=7, stream=stream)

    (seen,) = (one.json() for one in only.journal())
    assert answer.status == 200
    assert (seen["model"], seen["temperature"], seen["top_k"], seen["seed"]) == ("theirs", 0.5, 40, 7)
    assert not {"logit_bias", "user"} & seen.keys()
    assert seen.get("stream_options") == ({"include_usage": True} if stream else None)
    assert b'"usage":{' not in answer.body or not stream  # that event was ours, and is taken out


def test_a_mapping_has_a_price_of_its_own(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    usage = {"usage": {"input": 100, "output": 10}}
    cheap = {"m": {"model": "m", "price": {"input": 1, "output": 2}}}
    made: dict[str, Any] = config(
        backend("dear", upstream([usage])), backend("cheap", upstream([usage]), model_mappings=cheap)
    )
    made["pools"][0]["strategy"] = "cheapest"
    made["prices"] = [{"model": "m", "input": 10, "output": 20}]
    house = gateway(made, key=KEY)

    answers = [ask(house) for _ in range(3)]

    assert {one.header("x-headworks-backend") for one in answers} == {"cheap"}
    assert final_row(house, str(answers[0].header("x-request-id")))["cost_micro_usd"] == 120


@pytest.mark.parametrize(
    ("by", "headers"), [("client_key", {}), ("header:x-session", {"x-session": "s1"}), ("prompt", {})]
)
def test_what_belongs_together_stays_together(
    upstream: MakeUpstream, gateway: MakeGateway, by: str, headers: dict[str, str]
) -> None:
    made: dict[str, Any] = config(*(backend(f"b{number}", upstream()) for number in range(8)))
    made["pools"][0].update(strategy="sticky", sticky_by=by)
    house = gateway(made, key=KEY)

    same = {ask(house, headers=headers).header("x-headworks-backend") for _ in range(12)}
    others = {
        ask(house, headers={"x-session": f"s{number}"}, user=f"u{number}").header("x-headworks-backend")
        for number in range(40)
    }

    assert len(same) == 1
    assert (len(others) == 1) == (by == "client_key")
