"""An unmodified Anthropic SDK through the gateway, against aimock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import anthropic
import pytest
from anthropic.types import MessageParam, ToolParam

from gateway.clients.answers import GREETING, UNICODE
from headworks.testing import Upstream
from support.asking import KEY, backend, config, final_row
from support.gateway import Gateway

pytestmark = pytest.mark.real_client

MODEL = "claude-of-tomorrow"
TOOL: ToolParam = {
    "name": "get_weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}


def said(text: str) -> list[MessageParam]:
    return [{"role": "user", "content": text}]


@pytest.fixture(scope="module")
def client(real: Gateway) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=real.url, api_key=KEY, max_retries=0) as made:
        yield made


def test_messages(client: anthropic.Anthropic, real: Gateway) -> None:
    raw = client.messages.with_raw_response.create(
        model=MODEL, max_tokens=50, system="Be kind.", messages=said("hello")
    )
    answer = raw.parse()

    assert answer.content[0].type == "text"
    assert answer.content[0].text == GREETING
    row = final_row(real, raw.headers["x-request-id"])
    assert (row["input_tokens"], row["output_tokens"]) == (
        answer.usage.input_tokens,
        answer.usage.output_tokens,
    )
    assert answer.usage.output_tokens == 9


def test_streamed_messages(client: anthropic.Anthropic, real: Gateway) -> None:
    with client.messages.stream(model=MODEL, max_tokens=50, messages=said("hello")) as stream:
        text = "".join(stream.text_stream)
        usage = stream.get_final_message().usage
        request_id = stream.response.headers["x-request-id"]

    assert text == GREETING
    row = final_row(real, request_id)
    assert (row["input_tokens"], row["output_tokens"], row["stream"]) == (
        usage.input_tokens,
        usage.output_tokens,
        1,
    )


def test_tools(client: anthropic.Anthropic) -> None:
    answer = client.messages.create(model=MODEL, max_tokens=50, messages=said("weather"), tools=[TOOL])

    call = answer.content[-1]
    assert call.type == "tool_use"
    assert (call.name, call.input) == ("get_weather", {"city": "Rome"})
    assert answer.stop_reason == "tool_use"


def test_streamed_tools(client: anthropic.Anthropic) -> None:
    with client.messages.stream(model=MODEL, max_tokens=50, messages=said("weather"), tools=[TOOL]) as stream:
        call = stream.get_final_message().content[-1]

    assert call.type == "tool_use"
    assert call.input == {"city": "Rome"}


def test_unicode_passes_both_ways(client: anthropic.Anthropic) -> None:
    answer = client.messages.create(
        model=MODEL, max_tokens=50, messages=said(f"{UNICODE} in all languages" * 500)
    )

    assert answer.content[0].type == "text"
    assert answer.content[0].text == UNICODE


def test_many_at_once(real: Gateway) -> None:
    async def ask_all() -> list[str]:
        async with anthropic.AsyncAnthropic(base_url=real.url, api_key=KEY) as client:

            async def streamed() -> str:
                async with client.messages.stream(
                    model=MODEL, max_tokens=50, messages=said("hello")
                ) as stream:
                    return await stream.get_final_text()

            return await asyncio.gather(*[streamed() for _ in range(30)])

    assert asyncio.run(ask_all()) == [GREETING] * 30


def test_errors_are_the_sdks_own_classes(client: anthropic.Anthropic, real: Gateway) -> None:
    with pytest.raises(anthropic.BadRequestError) as of_the_provider:
        client.messages.create(model=MODEL, max_tokens=50, messages=said("wrong"))
    with (
        anthropic.Anthropic(base_url=real.url, api_key="wrong", max_retries=0) as stranger,
        pytest.raises(anthropic.AuthenticationError) as of_ours,
    ):
        stranger.messages.create(model=MODEL, max_tokens=50, messages=said("hello"))

    assert "wrong, says the provider" in str(of_the_provider.value)
    body = of_ours.value.body
    assert isinstance(body, dict)
    assert body["error"]["type"] == "authentication_error"
    assert body["request_id"] == of_ours.value.response.headers["x-request-id"]


def test_models_have_the_shape_of_the_dialect(
    upstream: Callable[..., Upstream], gateway: Callable[..., Gateway]
) -> None:
    mapped = backend("first", upstream(), api="anthropic", model_mappings={MODEL: "inside"})
    house = gateway(config(mapped), key=KEY)
    with anthropic.Anthropic(base_url=house.url, api_key=KEY) as client:
        assert [one.id for one in client.models.list()] == [MODEL]
        assert client.models.retrieve(MODEL).id == MODEL
        assert client.messages.count_tokens(model=MODEL, messages=said("hello")).input_tokens > 0
