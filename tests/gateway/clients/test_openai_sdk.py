"""An unmodified OpenAI SDK through the gateway, against aimock."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import openai
import pydantic
import pytest
from openai.types.chat import (
    ChatCompletionChunk,
    ChatCompletionMessageParam,
    ChatCompletionStreamOptionsParam,
    ChatCompletionToolParam,
)

from gateway.clients.answers import GREETING, UNICODE
from support.asking import KEY, final_row
from support.gateway import Gateway
from support.until import until

pytestmark = pytest.mark.real_client

TOOL: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


def said(text: str) -> list[ChatCompletionMessageParam]:
    return [{"role": "user", "content": text}]


@pytest.fixture(scope="module")
def client(real: Gateway) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{real.url}/v1", api_key=KEY, max_retries=0) as made:
        yield made


def test_chat(client: openai.OpenAI, real: Gateway) -> None:
    raw = client.chat.completions.with_raw_response.create(model="gpt-4o", messages=said("hello"))
    answer = raw.parse()

    assert answer.choices[0].message.content == GREETING
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (11, 9)
    row = final_row(real, raw.headers["x-request-id"])
    assert (row["input_tokens"], row["output_tokens"], row["usage_source"]) == (11, 9, "reported")


@pytest.mark.parametrize("asked", [True, False], ids=["usage asked for", "usage not asked for"])
def test_chat_stream(client: openai.OpenAI, real: Gateway, asked: bool) -> None:
    """The usage event reaches only who asked for it; the ledger has it in both cases."""
    options: ChatCompletionStreamOptionsParam = {"include_usage": True}
    with client.chat.completions.with_streaming_response.create(
        model="gpt-4o", messages=said("hello"), stream=True, stream_options=options if asked else openai.omit
    ) as raw:
        chunks: list[ChatCompletionChunk] = list(raw.parse())
        request_id = raw.headers["x-request-id"]

    text = "".join(one.choices[0].delta.content or "" for one in chunks if one.choices)
    usages = [one.usage for one in chunks if one.usage]
    assert text == GREETING
    assert [one.completion_tokens for one in usages] == ([9] if asked else [])
    assert all(one.choices for one in chunks) != asked
    row = final_row(real, request_id)
    assert (row["input_tokens"], row["output_tokens"], row["stream"]) == (11, 9, 1)


def test_unicode_passes_both_ways(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model="gpt-4o", messages=said(f"{UNICODE} in all languages" * 500)
    )

    assert answer.choices[0].message.content == UNICODE


def test_tools(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="gpt-4o", messages=said("weather"), tools=[TOOL])

    (call,) = answer.choices[0].message.tool_calls or []
    assert call.type == "function"
    assert (call.function.name, call.function.arguments) == ("get_weather", '{"city":"Rome"}')
    assert answer.choices[0].finish_reason == "tool_calls"


def test_streamed_tools(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(
        model="gpt-4o", messages=said("weather"), tools=[TOOL], stream=True
    )
    deltas = [call for chunk in stream for call in chunk.choices[0].delta.tool_calls or []]

    functions = [one.function for one in deltas if one.function]
    assert functions[0].name == "get_weather"
    assert "".join(one.arguments or "" for one in functions) == '{"city":"Rome"}'


def test_parsed_answers(client: openai.OpenAI) -> None:
    class Weather(pydantic.BaseModel):
        city: str
        degrees: int

    answer = client.chat.completions.parse(model="gpt-4o", messages=said("as json"), response_format=Weather)

    assert answer.choices[0].message.parsed == Weather(city="Rome", degrees=21)


def test_embeddings(client: openai.OpenAI) -> None:
    answer = client.embeddings.create(model="text-embedding-3-small", input="embed me")

    assert answer.data[0].embedding == pytest.approx([0.1, 0.2, 0.3])


def test_responses(client: openai.OpenAI, real: Gateway) -> None:
    raw = client.responses.with_raw_response.create(model="gpt-4o", input="hello")
    answer = raw.parse()

    assert answer.output_text == GREETING
    assert answer.usage is not None
    row = final_row(real, raw.headers["x-request-id"])
    assert (row["input_tokens"], row["output_tokens"]) == (
        answer.usage.input_tokens,
        answer.usage.output_tokens,
    )


def test_streamed_responses(client: openai.OpenAI, real: Gateway) -> None:
    with client.responses.with_streaming_response.create(model="gpt-4o", input="hello", stream=True) as raw:
        events = list(raw.parse())
        request_id = raw.headers["x-request-id"]

    assert events[0].type == "response.created"
    assert "".join(one.delta for one in events if one.type == "response.output_text.delta") == GREETING
    end = events[-1]
    assert end.type == "response.completed"
    assert end.response.usage is not None
    row = final_row(real, request_id)
    assert (row["input_tokens"], row["output_tokens"]) == (
        end.response.usage.input_tokens,
        end.response.usage.output_tokens,
    )


def test_moderations(client: openai.OpenAI) -> None:
    assert client.moderations.create(input="x").results[0].flagged is False


def test_models(client: openai.OpenAI) -> None:
    """The backends map nothing, so no names are known, and any name is served."""
    assert client.models.list().data == []
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("unknown")


@pytest.mark.parametrize(
    ("words", "kind", "status"),
    [
        ("wrong", openai.BadRequestError, 400),
        ("nothing of this kind", openai.NotFoundError, 404),
        ("broken", openai.InternalServerError, 500),
        ("too fast", openai.RateLimitError, 429),
    ],
)
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_errors_of_the_provider(
    real: Gateway,
    client: openai.OpenAI,
    words: str,
    kind: type[openai.APIStatusError],
    status: int,
    stream: bool,
) -> None:
    """They arrive as the SDK's own classes, with our request id; a 429 has cooled both backends then."""
    with pytest.raises(kind) as caught:
        client.chat.completions.create(model="gpt-4o", messages=said(words), stream=stream)
    until(lambda: _recovered(client), 20, what="the backends that the 429 cooled")

    assert caught.value.status_code == status
    assert str(caught.value.request_id).startswith("req_")


def _recovered(client: openai.OpenAI) -> bool:
    try:
        client.chat.completions.create(model="gpt-4o", messages=said("hello"))
    except openai.RateLimitError:
        return False
    return True


def test_errors_of_ours(real: Gateway) -> None:
    with (
        openai.OpenAI(base_url=f"{real.url}/v1", api_key="wrong", max_retries=0) as stranger,
        pytest.raises(openai.AuthenticationError) as caught,
    ):
        stranger.chat.completions.create(model="gpt-4o", messages=said("hello"))

    assert caught.value.code == "invalid_api_key"
    assert str(caught.value.request_id).startswith("req_")


def test_many_at_once(real: Gateway) -> None:
    async def ask_all() -> list[str | None]:
        async with openai.AsyncOpenAI(base_url=f"{real.url}/v1", api_key=KEY) as client:

            async def plain() -> str | None:
                answer = await client.chat.completions.create(model="gpt-4o", messages=said("hello"))
                return answer.choices[0].message.content

            async def streamed() -> str | None:
                stream = await client.chat.completions.create(
                    model="gpt-4o", messages=said("hello"), stream=True
                )
                return "".join([one.choices[0].delta.content or "" async for one in stream])

            return await asyncio.gather(*[plain() if at % 2 else streamed() for at in range(60)])

    assert asyncio.run(ask_all()) == [GREETING] * 60
