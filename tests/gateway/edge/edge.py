"""Edge: a gateway seen as bytes. What a row sends, what it gets, and that the house stands afterwards."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from support.gateway import Gateway
from support.raw_client import ConnectionEndedError, RawAnswer, RawClient
from support.until import until

if TYPE_CHECKING:
    from headworks.testing import Entry, Upstream

KEY = "hw_key_edge-0123456789abcdef"
AUTH = f"Authorization: Bearer {KEY}"
CHAT = "/v1/chat/completions"
BODY = b'{"model":"m","messages":[{"role":"user","content":"hi"}]}'
NEXT = b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n"
"""What stands hidden behind a message: 404 when somebody takes it for a request."""


def message(first: str | bytes, *lines: str | bytes, body: bytes = b"") -> bytes:
    """The bytes of a message: its first line, its header lines, its body."""
    parts = [one if isinstance(one, bytes) else one.encode("latin-1") for one in (first, *lines)]
    return b"\r\n".join(parts) + b"\r\n\r\n" + body


def get(
    target: str = "/v1/models", *lines: str | bytes, version: str = "HTTP/1.1", host: str = "Host: a"
) -> bytes:
    """A GET with a good key."""
    return message(f"GET {target} {version}", *([host] if host else []), AUTH, *lines)


def post(*lines: str | bytes, body: bytes = BODY, target: str = CHAT, length: bool = False) -> bytes:
    """A chat request with a good key; `length` adds the right Content-Length."""
    framing = [f"Content-Length: {len(body)}"] if length else []
    return message(
        f"POST {target} HTTP/1.1",
        "Host: a",
        AUTH,
        "Content-Type: application/json",
        *framing,
        *lines,
        body=body,
    )


def chunks(*pieces: bytes) -> bytes:
    """The pieces, one chunk each, and the end."""
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


@dataclass
class Outcome:
    """What one connection got: its answers, and whether the gateway ended it."""

    answers: list[RawAnswer]
    closed: bool

    @property
    def statuses(self) -> list[int]:
        """Of the answers."""
        return [one.status for one in self.answers]


def code_of(answer: RawAnswer) -> str:
    """The `code` of an error body in the OpenAI dialect."""
    return str(json.loads(answer.body)["error"]["code"])


class Edge:
    """One upstream, one gateway; between enter and exit."""

    def __init__(
        self,
        upstream: Upstream,
        folder: Path,
        settings: dict[str, Any] | None = None,
        fields: dict[str, Any] | None = None,
    ) -> None:
        """`fields`: of each backend."""
        self.upstream = upstream
        url = f"{upstream.url}/v1"
        config = {
            "version": 1,
            # These rows break the upstream on purpose, again and again.
            "settings": {"cooldown": {"failures": 0}, **(settings or {})},
            "backends": [
                {"name": "openai", "api_base_url": url, "api_key": "sk-o", **(fields or {})},
                {
                    "name": "anthropic",
                    "api": "anthropic",
                    "api_base_url": url,
                    "api_key": "sk-a",
                    **(fields or {}),
                },
            ],
            "client_keys": [{"name": "app", "key": KEY}],
        }
        arguments = ("--workers", "1", "--log-level", "error")
        self.gateway = Gateway(config, folder / "data", key=KEY, arguments=arguments)

    def __enter__(self) -> Self:
        self.gateway.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        code = self.gateway.stop()
        assert code == 0, self.gateway.describe()

    def connect(self, **options: Any) -> RawClient:
        """A connection to the data listener."""
        return RawClient(self.gateway.url, **options)

    def talk(
        self, data: bytes | Iterable[bytes], *, answers: int | None = None, seconds: float = 10
    ) -> Outcome:
        """Sends the bytes, and reads so many answers, or all until the gateway ends the connection.

        A gateway that has answered need not listen to the rest: what cannot be sent any more is left.
        """
        with self.connect(seconds=seconds) as client:
            with contextlib.suppress(ConnectionResetError, BrokenPipeError, TimeoutError):
                for piece in [data] if isinstance(data, bytes) else data:
                    client.send(piece)
            got: list[RawAnswer] = []
            try:
                while answers is None or len(got) < answers:
                    got.append(client.answer())
            except (ConnectionEndedError, ConnectionResetError) as end:
                assert not getattr(end, "got", b""), end
                return Outcome(got, closed=True)
            return Outcome(got, closed=False)

    def requests(self) -> list[Entry]:
        """What has reached the upstream since the last question."""
        until(
            lambda: all(one.end != "open" for one in self.upstream.journal()), what="the upstream to be done"
        )
        entries = self.upstream.journal()
        self.upstream.clear_journal()
        return entries

    def assert_stands(self) -> None:
        """A fresh connection is served."""
        with self.connect() as client:
            assert (
                client.request("GET", "/v1/models", headers={"authorization": f"Bearer {KEY}"}).status == 200
            )

    def metrics(self) -> str:
        """What /metrics says."""
        with RawClient(self.gateway.admin_url) as client:
            return client.request("GET", "/metrics").body.decode()
