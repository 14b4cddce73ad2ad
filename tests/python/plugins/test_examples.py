"""The example plug-ins: what each says it does, in a real server."""

from __future__ import annotations

import datetime
import importlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import headworks.examples
from headworks.examples import (
    business_hours,
    canary,
    cheapest_that_fits,
    redact_header,
    sticky_conversation,
    tag_policy,
)
from headworks.examples.litellm_logger import adapt
from headworks.hookspecs import Candidate, Request
from headworks.testing import Upstream
from support.asking import backend
from support.plugin_house import House, error_of, house
from support.until import until

MakeUpstream = Callable[..., Upstream]


@pytest.fixture
def with_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., ModuleType]]:
    """`with_environment(module, NAME=value)`: the module, as it is imported with that environment."""
    reloaded: list[ModuleType] = []

    def load(module: ModuleType, **values: str) -> ModuleType:
        for name, value in values.items():
            monkeypatch.setenv(name, value)
        reloaded.append(module)
        return importlib.reload(module)

    yield load
    monkeypatch.undo()
    for module in reloaded:
        importlib.reload(module)


def backend_of(made: House, **options: Any) -> str | None:
    name: str | None = made.ask(**options).headers.get("x-headworks-backend")
    return name


def test_each_is_short() -> None:
    files = sorted(Path(str(headworks.examples.__file__)).parent.glob("*.py"))

    assert len(files) >= 8
    assert all(file.read_text().count("\n") < 60 for file in files)


def test_cheapest_that_fits(upstream: MakeUpstream) -> None:
    price = {"input": 1, "output": 1}
    backends = [
        backend("dear", upstream(), model_mappings={"m": {"model": "m", "price": {"input": 9, "output": 9}}}),
        backend(
            "small",
            upstream(),
            model_mappings={
                "m": {"model": "m", "price": {"input": 0.1, "output": 0.1}, "context_tokens": 2000}
            },
        ),
        backend(
            "cheap",
            upstream(),
            "fallback",
            model_mappings={"m": {"model": "m", "price": price, "context_tokens": 100_000}},
        ),
    ]
    with house(*backends, plugins=[cheapest_that_fits]) as made:
        assert backend_of(made, max_tokens=100) == "small"
        assert backend_of(made, max_tokens=5000) == "cheap"
        made.admin.cool_backend("cheap", seconds=600)
        assert backend_of(made, max_tokens=5000) == "dear"


def test_sticky_by_conversation(upstream: MakeUpstream) -> None:
    backends = [backend(f"b{number}", upstream()) for number in range(5)]
    with house(*backends, plugins=[sticky_conversation]) as made:
        chosen = {}
        for name in "abcdefgh":
            answers = {backend_of(made, headers={"x-conversation-id": name}) for _ in range(3)}
            assert len(answers) == 1
            chosen[name] = answers.pop()
        assert len(set(chosen.values())) > 1
        turns = [{"role": "system", "content": "s"}, {"role": "user", "content": "hi"}]
        first = backend_of(made, messages=turns)
        assert first == backend_of(made, messages=[*turns, {"role": "assistant", "content": "x"}])

        made.admin.cool_backend(str(first), seconds=600)
        moved = backend_of(made, messages=turns)
        assert moved not in (first, None)
        for name, before in chosen.items():
            if before != first:
                assert backend_of(made, headers={"x-conversation-id": name}) == before


def test_business_hours(upstream: MakeUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    def at(*moment: int) -> datetime.datetime:
        return datetime.datetime(*moment)  # type: ignore[arg-type]

    assert business_hours.is_open(at(2026, 1, 30, 8, 0)) and not business_hours.is_open(
        at(2026, 1, 30, 18, 0)
    )
    assert not business_hours.is_open(at(2026, 1, 31, 12, 0))
    with house(
        backend("day", upstream()), backend("night", upstream(), "fallback"), plugins=[business_hours]
    ) as made:
        for by_day, name in ((True, "day"), (False, "night")):
            monkeypatch.setattr(business_hours, "is_open", lambda _, by_day=by_day: by_day)
            assert backend_of(made) == name


def test_tag_policy(upstream: MakeUpstream) -> None:
    provider = upstream()
    backends = [
        backend("us", upstream(), metadata={"tags": ["us"]}),
        backend("eu", provider, metadata={"tags": ["eu", "no-logging"]}),
    ]
    with house(*backends, plugins=[tag_policy]) as made:
        for _ in range(3):
            assert backend_of(made, headers={"x-tags": "eu, no-logging"}) == "eu"
        refused = made.ask(headers={"x-tags": "eu, us"})
        assert (refused.status_code, error_of(refused)["code"]) == (403, "rejected")
        assert made.ask().status_code == 200
    assert all(entry.header("x-tags") is None for entry in provider.journal())


def test_canary(upstream: MakeUpstream, with_environment: Callable[..., ModuleType]) -> None:
    assert sum(canary.is_chosen(f"key_{number}", 5) for number in range(10_000)) in range(400, 600)
    provider = upstream()
    everybody = with_environment(canary, CANARY="old=new:100")
    with house(backend("one", provider), plugins=[everybody]) as made:
        assert made.ask(model="old").status_code == 200
        assert made.ask(model="other").status_code == 200
    first, second = provider.journal()
    assert (first.json()["model"], first.header("x-canary")) == ("new", "new")
    assert (second.json()["model"], second.header("x-canary")) == ("other", None)


def test_redaction_of_a_header(upstream: MakeUpstream, with_environment: Callable[..., ModuleType]) -> None:
    provider = upstream()
    module = with_environment(redact_header, REDACT_HEADERS="x-user-email, X-Employee-Id")
    with house(backend("one", provider), plugins=[module]) as made:
        made.ask(headers={"x-user-email": "anna@example.org", "x-employee-id": "4711", "x-other": "kept"})
    (entry,) = provider.journal()
    assert entry.header("x-user-email") == "a***@example.org"
    assert (entry.header("x-employee-id"), entry.header("x-other")) == (None, "kept")


class Logger:
    """What LiteLLM calls a CustomLogger."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Any]] = []

    async def async_pre_call_hook(self, user_api_key_dict: Any, cache: Any, data: Any, call_type: str) -> Any:
        self.events.append(
            ("pre", (user_api_key_dict["key_alias"], data["messages"][0]["content"], call_type))
        )
        if data["model"] == "forbidden":
            raise PermissionError("not this one")
        if data["model"] == "quiet":
            return "nothing to say"
        return {**data, "model": "other"}

    async def async_log_success_event(
        self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any
    ) -> None:
        self.events.append(("success", (kwargs["model"], response_obj["usage"]["completion_tokens"])))

    def log_failure_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        self.events.append(("failure", kwargs["exception"]))


def test_a_litellm_logger(upstream: MakeUpstream) -> None:
    provider = upstream(
        [{"model": "other", "text": "hi"}, {"status": 400, "json": {"error": {"message": "no"}}}]
    )
    logger = Logger()
    with house(backend("one", provider), plugins=[adapt(logger)]) as made:
        assert made.ask(model="m").status_code == 200
        for model, message in (("forbidden", "not this one"), ("quiet", "nothing to say")):
            refused = made.ask(model=model)
            assert (refused.status_code, error_of(refused)["message"]) == (403, message)
        until(lambda: len([one for one, _ in logger.events if one != "pre"]) == 3, what="three ends")

    assert logger.events[0] == ("pre", ("app", "Say something.", "chat/completions"))
    ends = [one for one in logger.events if one[0] != "pre"]
    assert ends[0][0] == "success" and ends[0][1][0] == "other" and ends[0][1][1] > 0
    assert ends[1:] == [("failure", "rejected")] * 2
    assert json.loads(provider.journal()[0].body)["model"] == "other"


def test_they_can_be_tried_without_a_server() -> None:
    """As a user's own tests would."""
    request = Request(model="m", body_bytes=400, max_tokens=10)
    candidates = [
        Candidate(backend="a", input_price=2, output_price=2),
        Candidate(backend="b", input_price=1, output_price=1),
        Candidate(backend="c", input_price=0.1, output_price=0.1, context_tokens=50),
    ]

    ordered = cheapest_that_fits.route(request, candidates)

    assert ordered is not None
    assert [one.backend for one in ordered] == ["b", "a"]
