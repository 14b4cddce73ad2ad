"""What aimock answers, by the words in the last message of a user."""

from __future__ import annotations

from typing import Any

GREETING = "Hello! How can I help you today?"
UNICODE = "Grüße, 世界 🌊 — „Wasser“"
USAGE = {"prompt_tokens": 11, "completion_tokens": 9, "total_tokens": 20}


def _on(words: str, status: int = 200, **response: Any) -> dict[str, Any]:
    return {
        "match": {"userMessage": words},
        "response": response if status == 200 else {**response, "status": status},
    }


def _failure(words: str, status: int) -> dict[str, Any]:
    return _on(
        words,
        status,
        error={"message": f"{words}, says the provider", "type": "of_the_provider", "code": "c"},
    )


ANSWERS = [
    _on("hello", content=GREETING, usage=USAGE),
    _on("languages", content=UNICODE),
    _on("weather", toolCalls=[{"name": "get_weather", "arguments": '{"city":"Rome"}'}]),
    _on("as json", content='{"city":"Rome","degrees":21}'),
    _failure("too fast", 429),
    _failure("broken", 500),
    _failure("wrong", 400),
    {"match": {"inputText": "embed me"}, "response": {"embedding": [0.1, 0.2, 0.3]}},
]
