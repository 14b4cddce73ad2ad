"""RawClient: bytes to a socket and bytes from it, for what no HTTP library would send or show."""

from __future__ import annotations

import socket
import struct
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit


@dataclass(frozen=True)
class RawAnswer:
    """One answer as it came."""

    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes
    """Decoded when it was chunked."""
    complete: bool
    """False: the connection ended before the body did."""
    head: bytes

    def header(self, name: str) -> str | None:
        """The first header of this name, whatever its case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


class ConnectionEndedError(Exception):
    """The peer closed where an answer was expected; `got` came before."""

    def __init__(self, got: bytes) -> None:
        super().__init__(f"the peer closed after {got!r}")
        self.got = got


class RawClient:
    """One connection. Everything has a deadline; TimeoutError when it passes."""

    def __init__(self, url: str, *, seconds: float = 10, receive_buffer: int | None = None) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        assert parts.port is not None
        self.host = f"{parts.hostname}:{parts.port}"
        self.socket = socket.socket(socket.AF_INET6 if ":" in parts.hostname else socket.AF_INET)
        if receive_buffer is not None:  # before connecting, so that the peer's window is small from the start
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(seconds)
        try:
            self.socket.connect((parts.hostname, parts.port))
        except OSError:
            self.socket.close()
            raise
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._seconds = seconds
        self._got = b""

    def send(self, data: bytes) -> None:
        """All of it."""
        self.socket.sendall(data)

    def request(
        self, method: str, target: str, *, headers: dict[str, str] | None = None, body: bytes | None = None
    ) -> RawAnswer:
        """One ordinary request and its answer."""
        lines = {"host": self.host, **(headers or {})}
        if body is not None:
            lines.setdefault("content-length", str(len(body)))
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self.send(f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + (body or b""))
        return self.answer(to_head=method == "HEAD")

    def answer(self, *, to_head: bool = False) -> RawAnswer:
        """Reads one answer; interim ones (1xx) are skipped. ConnectionEndedError when there is none."""
        while True:
            head = self._until(b"\r\n\r\n")
            first, *lines = head[:-4].decode("latin-1").split("\r\n")
            _, status, *reason = first.split(" ", 2)
            if not 100 <= int(status) < 200:
                break
        headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        named = {name.lower(): value for name, value in headers}
        complete = True
        if to_head or int(status) in (204, 304):
            body = b""
        elif "chunked" in named.get("transfer-encoding", "").lower():
            body, complete = self._chunks()
        elif "content-length" in named:
            length = int(named["content-length"])
            body = self._at_least(length)
            complete = len(body) == length
        else:
            body = self.until_closed()
        return RawAnswer(int(status), " ".join(reason), headers, body, complete, head)

    def until_closed(self, seconds: float | None = None) -> bytes:
        """Everything up to the end of the connection."""
        deadline = time.monotonic() + (self._seconds if seconds is None else seconds)
        while self._receive(deadline):
            pass
        got, self._got = self._got, b""
        return got

    def is_closed(self, seconds: float = 5) -> bool:
        """Whether the peer ends the connection within this time without another byte."""
        try:
            return self.until_closed(seconds) == b""
        except TimeoutError:
            return False

    def read_some(self) -> bytes:
        """What there is, at least one byte; empty at the end."""
        if not self._got:
            self._receive(time.monotonic() + self._seconds)
        got, self._got = self._got, b""
        return got

    def finish_sending(self) -> None:
        """FIN in our direction only."""
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """RST instead of FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self) -> None:
        """FIN in both directions. May be called again."""
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _receive(self, deadline: float) -> bool:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"nothing more came; before it: {self._got[-200:]!r}")
        self.socket.settimeout(left)
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            data = b""
        self._got += data
        return bool(data)

    def _until(self, mark: bytes) -> bytes:
        deadline = time.monotonic() + self._seconds
        while mark not in self._got:
            if not self._receive(deadline):
                raise ConnectionEndedError(self._got)
        end = self._got.index(mark) + len(mark)
        got, self._got = self._got[:end], self._got[end:]
        return got

    def _at_least(self, count: int) -> bytes:
        """So many bytes, or fewer at the end of the connection."""
        deadline = time.monotonic() + self._seconds
        while len(self._got) < count and self._receive(deadline):
            pass
        got, self._got = self._got[:count], self._got[count:]
        return got

    def _chunks(self) -> tuple[bytes, bool]:
        body = b""
        while True:
            try:
                size = int(self._until(b"\r\n").split(b";")[0], 16)
            except ConnectionEndedError:
                return body, False
            if size == 0:
                while self._until(b"\r\n") != b"\r\n":
                    pass
                return body, True
            chunk = self._at_least(size + 2)
            body += chunk[:size]
            if len(chunk) != size + 2:
                return body, False
