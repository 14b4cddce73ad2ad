"""Both SDKs through the gateway against a real llama.cpp server; the ledger has every token."""

from __future__ import annotations

from collections.abc import Iterator

import anthropic
import openai
import pytest
from openai.types.chat import (
    ChatCompletionChunk,
    ChatCompletionMessageParam,
    ChatCompletionStreamOptionsParam,
)

from support.asking import KEY, final_row
from support.gateway import Gateway
from support.peers import LLAMA_MODEL

pytestmark = pytest.mark.real_client

QUESTION = "Name three rivers of Italy."
MESSAGES: list[ChatCompletionMessageParam] = [{"role": "user", "content": QUESTION}]
MOST = 12


@pytest.fixture(scope="module")
def of_openai(model: Gateway) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{model.url}/v1", api_key=KEY, max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def of_anthropic(model: Gateway) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=model.url, api_key=KEY, max_retries=0) as client:
        yield client


def recorded(gateway: Gateway, request_id: str) -> tuple[object, object, object]:
    """Input and output tokens of an exchange, and where the ledger has them from."""
    row = final_row(gateway, request_id)
    return row["input_tokens"], row["output_tokens"], row["usage_source"]


def tokens_of(usage: anthropic.types.Usage) -> tuple[object, object, object]:
    """As the ledger counts: here the tokens from the cache stand apart, the ledger's input holds them."""
    return usage.input_tokens + (usage.cache_read_input_tokens or 0), usage.output_tokens, "reported"


def test_chat(of_openai: openai.OpenAI, model: Gateway) -> None:
    raw = of_openai.chat.completions.with_raw_response.create(
        model=LLAMA_MODEL, messages=MESSAGES, max_tokens=MOST
    )
    answer = raw.parse()

    assert answer.choices[0].message.content
    assert answer.usage is not None
    assert answer.usage.completion_tokens > 0
    tokens = (answer.usage.prompt_tokens, answer.usage.completion_tokens, "reported")
    assert recorded(model, raw.headers["x-request-id"]) == tokens


@pytest.mark.parametrize("asked", [True, False], ids=["usage asked for", "usage not asked for"])
def test_chat_stream(of_openai: openai.OpenAI, model: Gateway, asked: bool) -> None:
    usage: ChatCompletionStreamOptionsParam = {"include_usage": True}
    options = usage if asked else openai.omit
    with of_openai.chat.completions.with_streaming_response.create(
        model=LLAMA_MODEL,
        messages=MESSAGES,
        max_tokens=MOST,
        temperature=0,
        stream=True,
        stream_options=options,
    ) as raw:
        chunks: list[ChatCompletionChunk] = list(raw.parse())
        request_id = raw.headers["x-request-id"]

    assert "".join(one.choices[0].delta.content or "" for one in chunks if one.choices)
    usages = [one.usage for one in chunks if one.usage]
    assert len(usages) == (1 if asked else 0)
    input_tokens, output_tokens, source = recorded(model, request_id)
    assert (output_tokens, source) == (MOST, "reported")
    if asked:
        assert (usages[0].prompt_tokens, usages[0].completion_tokens) == (input_tokens, output_tokens)


def test_responses(of_openai: openai.OpenAI, model: Gateway) -> None:
    raw = of_openai.responses.with_raw_response.create(
        model=LLAMA_MODEL, input=QUESTION, max_output_tokens=MOST
    )
    answer = raw.parse()

    assert answer.output_text
    assert answer.usage is not None
    tokens = (answer.usage.input_tokens, answer.usage.output_tokens, "reported")
    assert recorded(model, raw.headers["x-request-id"]) == tokens


def test_streamed_responses(of_openai: openai.OpenAI, model: Gateway) -> None:
    with of_openai.responses.with_streaming_response.create(
        model=LLAMA_MODEL, input=QUESTION, max_output_tokens=MOST, stream=True
    ) as raw:
        events = list(raw.parse())
        request_id = raw.headers["x-request-id"]

    end = events[-1]
    assert end.type == "response.completed"
    assert end.response.usage is not None
    tokens = (end.response.usage.input_tokens, end.response.usage.output_tokens, "reported")
    assert recorded(model, request_id) == tokens


def test_messages(of_anthropic: anthropic.Anthropic, model: Gateway) -> None:
    raw = of_anthropic.messages.with_raw_response.create(
        model=LLAMA_MODEL, max_tokens=MOST, messages=[{"role": "user", "content": QUESTION}]
    )
    answer = raw.parse()

    assert answer.content[0].type == "text"
    assert answer.content[0].text
    assert recorded(model, raw.headers["x-request-id"]) == tokens_of(answer.usage)


def test_streamed_messages(of_anthropic: anthropic.Anthropic, model: Gateway) -> None:
    with of_anthropic.messages.stream(
        model=LLAMA_MODEL, max_tokens=MOST, messages=[{"role": "user", "content": QUESTION}]
    ) as stream:
        assert "".join(stream.text_stream)
        usage = stream.get_final_message().usage
        request_id = stream.response.headers["x-request-id"]

    assert recorded(model, request_id) == tokens_of(usage)


def test_count_tokens(of_anthropic: anthropic.Anthropic) -> None:
    counted = of_anthropic.messages.count_tokens(
        model=LLAMA_MODEL, messages=[{"role": "user", "content": QUESTION}]
    )
    answered = of_anthropic.messages.create(
        model=LLAMA_MODEL, max_tokens=1, messages=[{"role": "user", "content": QUESTION}]
    )

    assert (counted.input_tokens, 1, "reported") == tokens_of(answered.usage)
