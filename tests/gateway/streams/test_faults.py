"""What breaks on the way: told to the client, never prettified, and written down as it was."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from gateway.streams.house import House, MakeHouse, body_of, events_of, raw_stream, request_bytes
from support.asking import CHAT, COMPLETIONS, MESSAGES, RESPONSES
from support.raw_client import RawAnswer

PATHS = [CHAT, COMPLETIONS, RESPONSES, MESSAGES]
ENDS = ["[DONE]", "message_stop", "response.completed"]
# A silent upstream must be noticed soon.
IMPATIENT = {"timeouts": {"idle_seconds": 0.3, "first_byte_seconds": 0.3}}
ONE_TRY = {"retry": {"max_attempts": 1}}


@dataclass(frozen=True)
class Fault:
    do: str
    code: str


MID_STREAM = [
    Fault("reset", "upstream_reset"),
    Fault("close", "upstream_reset"),
    Fault("end", "upstream_reset"),
    Fault("hang", "upstream_timeout"),
]


def ask(home: House, path: str, *, version: str = "1.1", **members: Any) -> RawAnswer:
    client = home.client()
    client.send(request_bytes(path, body_of(path, **members), version=version))
    return client.answer()


def error_in(path: str, event: tuple[str, str]) -> dict[str, Any]:
    """The error object of our last event, in the shape of its dialect."""
    name, data = event
    document: dict[str, Any] = json.loads(data)
    if path == RESPONSES:
        assert name == document["type"] == "response.failed"
        assert document["response"]["status"] == "failed"
        document = document["response"]
    elif path == MESSAGES:
        assert name == document["type"] == "error"
        assert document["request_id"].startswith("req_")
    else:
        assert name == ""
        assert set(document) == {"error"}
        assert set(document["error"]) == {"message", "type", "param", "code"}
    error: dict[str, Any] = document["error"]
    assert error["message"]
    return error


def expect_told(path: str, answer: RawAnswer, code: str) -> list[tuple[str, str]]:
    """The last event is the error, nothing looks like success. The events before it."""
    assert answer.status == 200
    assert not answer.complete, "the body was ended as if it were whole"
    *before, last = events_of(answer.body)
    assert answer.body.endswith(b"\n\n")
    error = error_in(path, last)
    if path == MESSAGES:
        assert error["type"] == ("timeout_error" if code == "upstream_timeout" else "api_error")
    else:
        assert error["code"] == code
    text = answer.body.decode()
    assert not [one for one in ENDS if one in text]
    return before


@pytest.mark.rows("F06")
@pytest.mark.parametrize("fault", MID_STREAM, ids=lambda fault: fault.do)
@pytest.mark.parametrize("path", PATHS)
def test_a_stream_that_breaks_ends_with_an_error_event(house: MakeHouse, path: str, fault: Fault) -> None:
    script = [{"stream": {"events": 9}, "fault": {"at": "event", "do": fault.do, "after": 3}}]
    home = house(script, settings=IMPATIENT)

    answer = ask(home, path)

    before = expect_told(path, answer, fault.code)
    contents = [data for _, data in before if '"delta":' in data or '"text":' in data]
    assert len(contents) >= 3
    (row,) = home.ledger(1)
    assert row["error"] == row["exchange_error"] == fault.code
    assert row["usage_source"] == "partial"
    assert row["input_tokens"] > 0
    assert 3 <= row["output_tokens"] <= 4  # the opening of a chat carries a choice, too
    assert (row["status"], row["exchange_status"]) == (200, 200)
    assert len(home.upstream.journal()) == 1
    home.wait_until_idle()


CHAT_EVENT = '{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}'
MESSAGE_EVENT = '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}'
RESPONSE_EVENT = '{"type":"response.output_text.delta","delta":"a"}'
SHAPES = {
    CHAT: f"data: {CHAT_EVENT}\n\n",
    RESPONSES: f"event: response.output_text.delta\ndata: {RESPONSE_EVENT}\n\n",
    MESSAGES: f"event: content_block_delta\ndata: {MESSAGE_EVENT}\n\n",
}


@pytest.mark.parametrize("end", ["close", "reset", "clean"])
@pytest.mark.parametrize(
    ("path", "asked"), [(CHAT, False), (CHAT, True), (RESPONSES, False), (MESSAGES, False)]
)
def test_a_cut_inside_an_event_leaves_only_whole_events(
    house: MakeHouse, path: str, asked: bool, end: str
) -> None:
    event = SHAPES[path].encode()
    half = event[: len(event) * 2 // 3]
    rule = raw_stream(event, event, half, end=end == "clean")
    if end != "clean":
        rule["fault"] = {"at": "body", "do": end}
    home = house([rule])
    members: dict[str, Any] = {"stream_options": {"include_usage": True}} if asked else {}

    answer = ask(home, path, **members)

    before = expect_told(path, answer, "upstream_reset")
    assert answer.body.startswith(event * 2)
    assert len(before) == 2
    (row,) = home.ledger(1)
    assert row["usage_source"] == "partial"
    assert row["output_tokens"] == 2


def test_a_cut_inside_an_event_that_was_too_long_to_wait_for(house: MakeHouse) -> None:
    start = SHAPES[CHAT].encode()
    rule = raw_stream(start, b'data: {"choices":[{"delta":{"content":"' + 300_000 * b"x", end=False)
    home = house([{**rule, "fault": {"at": "body", "do": "close"}}])

    before = expect_told(CHAT, ask(home, CHAT), "upstream_reset")

    # The half event is ended by a blank line, so that the error stays one of its own.
    assert len(before) == 2


@pytest.mark.parametrize("text", ["7\r\ndata: \r\nXYZ\r\n", "ffffffffffffffffff\r\n", "-1\r\n"])
def test_broken_framing_in_mid_stream(house: MakeHouse, text: str) -> None:
    head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    event = SHAPES[CHAT]
    home = house([{"raw": f"{head}{len(event):x}\r\n{event}\r\n{text}"}])

    expect_told(CHAT, ask(home, CHAT), "upstream_malformed")

    (row,) = home.ledger(1)
    assert row["error"] == "upstream_malformed"


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
def test_the_upstreams_own_error_event_is_handed_on_once(house: MakeHouse, path: str) -> None:
    error = '{"error":{"message":"the model fell over","type":"server_error","param":null,"code":null}}'
    told = f"data: {error}\n\n"
    if path == MESSAGES:
        error = '{"type":"error","error":{"type":"overloaded_error","message":"the model fell over"}}'
        told = f"event: error\ndata: {error}\n\n"
    sent = (SHAPES[path] + told).encode()
    home = house([raw_stream(sent)])

    answer = ask(home, path)

    assert answer.body == sent
    assert not answer.complete
    (row,) = home.ledger(1)
    assert row["error"] == "upstream_error"
    assert row["usage_source"] == "partial"


def test_an_old_client_sees_the_cut_as_a_reset(house: MakeHouse) -> None:
    """Without chunks, only the way in which the connection ends says that the body did not."""
    home = house([{"stream": {"events": 9}, "fault": {"at": "event", "do": "close", "after": 3}}])
    client = home.client()
    client.send(request_bytes(CHAT, body_of(CHAT), version="1.0"))

    with pytest.raises(ConnectionResetError):
        while client.socket.recv(65536):
            pass


BEFORE_THE_FIRST_EVENT: dict[str, tuple[dict[str, Any], int, str]] = {
    "reset": ({"fault": {"at": "request", "do": "reset"}}, 502, "upstream_reset"),
    "close": ({"fault": {"at": "request", "do": "close"}}, 502, "upstream_reset"),
    "silence": ({"fault": {"at": "request", "do": "hang"}}, 504, "upstream_timeout"),
    "cut head": ({"fault": {"at": "head", "do": "close"}}, 502, "upstream_reset"),
    "half a head": ({"fault": {"at": "head", "do": "hang"}}, 504, "upstream_timeout"),
    "no event": ({**raw_stream(end=False), "fault": {"at": "body", "do": "close"}}, 502, "upstream_reset"),
    "half an event": (
        {**raw_stream(b'data: {"choices":[', end=False), "fault": {"at": "body", "do": "reset"}},
        502,
        "upstream_reset",
    ),
    "an empty stream": (raw_stream(), 502, "upstream_malformed"),
    "comments only": (
        {**raw_stream(b": ping\n\n", end=False), "fault": {"at": "body", "do": "hang"}},
        504,
        "upstream_timeout",
    ),
    "an error event": (raw_stream(b'data: {"error":{"message":"no"}}\n\n'), 502, "upstream_error"),
}


@pytest.mark.parametrize("what", BEFORE_THE_FIRST_EVENT)
def test_before_the_first_event_another_backend_makes_it_good(house: MakeHouse, what: str) -> None:
    rule, _, code = BEFORE_THE_FIRST_EVENT[what]
    home = house([rule], [{"stream": {"events": 4}}], settings=IMPATIENT)

    answer = ask(home, CHAT)

    assert answer.status == 200
    assert answer.complete
    assert answer.body.endswith(b"data: [DONE]\n\n")
    assert answer.header("x-headworks-backend") == "o1"
    *failed, good = home.ledger(len(home.upstream.journal()) + 1)
    assert {row["error"] for row in failed} == {code}
    assert {row["backend"] for row in failed} == {"o0"}
    assert (good["backend"], good["error"], good["usage_source"]) == ("o1", None, "reported")
    assert [row["final"] for row in failed] == [0] * len(failed)


@pytest.mark.parametrize("what", BEFORE_THE_FIRST_EVENT)
def test_before_the_first_event_a_failure_has_a_status(house: MakeHouse, what: str) -> None:
    rule, status, code = BEFORE_THE_FIRST_EVENT[what]
    home = house([rule], settings={**IMPATIENT, **ONE_TRY})

    answer = ask(home, CHAT)

    assert answer.status == status
    assert answer.complete
    assert answer.header("content-type") == "application/json"
    assert json.loads(answer.body)["error"]["code"] == code
    (row,) = home.ledger(1)
    assert row["error"] == row["exchange_error"] == code
    assert row["exchange_status"] == status
    home.wait_until_idle()


@pytest.mark.parametrize("do", ["close", "reset", "hang"])
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_plain_answer_that_breaks_is_not_ended_cleanly(house: MakeHouse, framing: str, do: str) -> None:
    rule = {"text": "word " * 50_000, "framing": framing, "fault": {"at": "body", "do": do}}
    home = house([rule], settings=IMPATIENT)

    answer = ask(home, CHAT, stream=False)

    assert answer.status == 200
    assert not answer.complete
    assert len(answer.body) > 100_000
    (row,) = home.ledger(1)
    code = "upstream_timeout" if do == "hang" else "upstream_reset"
    assert row["error"] == row["exchange_error"] == code
    home.wait_until_idle()


def test_a_plain_answer_without_a_length_that_is_reset(house: MakeHouse) -> None:
    rule = {"text": "word " * 50_000, "framing": "close", "fault": {"at": "body", "do": "reset"}}
    home = house([rule])

    answer = ask(home, CHAT, stream=False)

    assert answer.header("transfer-encoding") == "chunked"
    assert not answer.complete
    (row,) = home.ledger(1)
    assert row["error"] == "upstream_reset"


def test_a_stream_without_a_length_that_ends_with_its_final_event(house: MakeHouse) -> None:
    home = house([{"stream": {"events": 4}, "framing": "close"}])

    answer = ask(home, CHAT)

    assert answer.complete
    assert answer.body.endswith(b"data: [DONE]\n\n")


def test_a_stream_without_a_length_that_ends_before_its_final_event(house: MakeHouse) -> None:
    rule = {"stream": {"events": 4, "final": False, "done": False}, "framing": "close"}
    home = house([rule])

    expect_told(CHAT, ask(home, CHAT), "upstream_reset")


def test_the_time_for_all_of_it_is_up_in_the_middle(house: MakeHouse) -> None:
    """Not the upstream's silence: it speaks, too slowly for `timeout_seconds`."""
    home = house([{"stream": {"events": 1_000, "per_second": 20}}], fields={"timeout_seconds": 0.4})

    answer = ask(home, CHAT)

    expect_told(CHAT, answer, "deadline_exceeded")
    (row,) = home.ledger(1)
    assert row["usage_source"] == "partial"


# Pings of ours


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
def test_a_silent_stream_is_kept_alive_by_comments(house: MakeHouse, path: str) -> None:
    """They are no life of the upstream: it is cut all the same when its silence has lasted too long."""
    home = house(
        [{"stream": {"events": 20}, "fault": {"at": "event", "do": "hang", "after": 3}}],
        settings={"stream": {"ping_seconds": 0.15}, "timeouts": {"idle_seconds": 0.7}},
    )

    answer = ask(home, path)

    assert 1 <= answer.body.split(b"\n").count(b": ping") <= 4
    expect_told(path, answer, "upstream_timeout")


def test_no_comment_falls_into_an_event(house: MakeHouse) -> None:
    """An upstream that stops in the middle of an event that is too long to be held."""
    begun = b'data: {"choices":[{"delta":{"content":"' + b"x" * 200_000
    home = house(
        [
            {
                **raw_stream(b'data: {"choices":[]}\n\n', begun, end=False),
                "fault": {"at": "body", "do": "hang"},
            }
        ],
        settings={"stream": {"ping_seconds": 0.1}, "timeouts": {"idle_seconds": 0.5}},
    )

    answer = ask(home, CHAT)

    assert b": ping" not in answer.body


def test_a_stream_that_speaks_gets_no_comments(house: MakeHouse) -> None:
    home = house([{"stream": {"events": 60, "per_second": 40}}], settings={"stream": {"ping_seconds": 1}})

    assert b": ping" not in ask(home, CHAT).body
