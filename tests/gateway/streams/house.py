"""House: one gateway in front of programmable upstreams, and what can be seen of both from outside."""

from __future__ import annotations

import base64
import json
import re
import sqlite3
import subprocess
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from support.asking import fields_of
from support.gateway import Gateway, headworksd
from support.raw_client import RawClient
from support.until import until

if TYPE_CHECKING:
    from headworks.testing import Script, Upstream

KEY = "hw_key_streams-0123456789abcdef"
MODEL = "llama-70b"

MakeHouse = Callable[..., "House"]


def body_of(path: str, *, stream: bool = True, **members: Any) -> dict[str, Any]:
    """A small request for this route."""
    return fields_of(path, MODEL, stream=stream, **members)


def request_bytes(path: str, body: Mapping[str, Any] | bytes, *, version: str = "1.1") -> bytes:
    """A whole POST as it goes over the wire."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/{version}\r\nhost: headworks\r\nauthorization: Bearer {KEY}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
    )
    return head.encode() + data


def chunked(*pieces: bytes, end: bool = True) -> bytes:
    """The pieces, one chunk each."""
    framed = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return framed + (b"0\r\n\r\n" if end else b"")


def raw_stream(*pieces: bytes, end: bool = True) -> dict[str, Any]:
    """A rule's members: a stream of exactly these bytes."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    return {"raw_base64": base64.b64encode(head + chunked(*pieces, end=end)).decode()}


def events_of(body: bytes) -> list[tuple[str, str]]:
    """(name, data) of each whole event, read as the standard says (line ends: LF)."""
    found = []
    for block in body.decode().split("\n\n")[:-1]:
        lines = [line.partition(": ") for line in block.split("\n")]
        data = "\n".join(value for name, _, value in lines if name == "data")
        found.append((next((value for name, _, value in lines if name == "event"), ""), data))
    return found


def tcp_table(port: int) -> list[list[str]]:
    """The kernel's lines (split) about the sockets on this port."""
    lines = [line.split() for line in Path("/proc/self/net/tcp").read_text().splitlines()[1:]]
    return [line for line in lines if int(line[1].rpartition(":")[2], 16) == port]


class House:
    """`upstreams[i]` serves the backends `b{i}` (openai) and `a{i}` (anthropic)."""

    def __init__(
        self,
        upstreams: Sequence[Upstream],
        make_gateway: Callable[..., Gateway],
        settings: Mapping[str, Any],
        fields: Mapping[str, Any],
        workers: int,
    ) -> None:
        self.upstreams = list(upstreams)
        self._clients: list[RawClient] = []
        backends = [
            {
                "name": f"{api[0]}{i}",
                "api": api,
                "api_base_url": f"{one.url}/v1",
                "api_key": f"sk-{i}",
                "pool": "primary" if i == 0 else "fallback",
                **fields,
            }
            for i, one in enumerate(upstreams)
            for api in ("openai", "anthropic")
        ]
        config = {
            "version": 1,
            # These tests break the upstreams on purpose, again and again.
            "settings": {"cooldown": {"failures": 0}, **settings},
            "backends": backends,
            "client_keys": [{"name": "app", "key": KEY}],
        }
        self.gateway = make_gateway(config, key=KEY, arguments=["--workers", str(workers)])

    @property
    def upstream(self) -> Upstream:
        """The first one."""
        return self.upstreams[0]

    def set_script(self, script: Script) -> None:
        """What the first upstream does from now on."""
        self.upstream.set_script(script)

    def client(self, *, seconds: float = 20, receive_buffer: int | None = None) -> RawClient:
        """A connection to the gateway; closed at the end of the test."""
        one = RawClient(self.gateway.url, seconds=seconds, receive_buffer=receive_buffer)
        self._clients.append(one)
        return one

    def close(self) -> None:
        """Closes what the test left open, so that the gateway has nothing to drain."""
        for one in self._clients:
            one.close()

    def ledger(self, count: int) -> list[dict[str, Any]]:
        """All rows, oldest first, once there are `count` of them (more fail the test)."""
        rows = until(lambda: self._rows(count), what=f"{count} rows of the ledger")
        assert len(rows) == count, rows
        return rows

    def metric(self, name: str, **labels: str) -> float:
        """The sum over the series that have these labels."""
        with urllib.request.urlopen(self._metrics_request(), timeout=10) as answer:
            text = answer.read().decode()
        series = re.findall(rf"^{name}(?:\{{(.*)\}})? (\S+)$", text, re.MULTILINE)
        return sum(
            float(value)
            for found, value in series
            if all(f'{label}="{wanted}"' in found for label, wanted in labels.items())
        )

    def client_sockets(self) -> int:
        """Connections to the data listener that the gateway still holds."""
        listening, no_process = "0A", "0"
        lines = tcp_table(int(self.gateway.url.rpartition(":")[2]))
        return sum(line[3] != listening and line[9] != no_process for line in lines)

    def wait_until_idle(self) -> None:
        """Every slot was given back."""
        until(lambda: self.metric("headworks_in_flight") == 0, what="no request in flight")

    def resident_mib(self, field: str = "VmRSS") -> float:
        """Memory of the gateway's process; `VmHWM` is the highest so far."""
        status = Path(f"/proc/{self.gateway.pid}/status").read_text()
        found = re.search(rf"^{field}:\s+(\d+) kB", status, re.MULTILINE)
        assert found is not None
        return int(found[1]) / 1024

    def bench(self, *arguments: str, url: str = "") -> dict[str, Any]:
        """One run of the native load generator; its report."""
        command = [headworksd(), "bench", "--url", url or self.gateway.url, "--key", KEY, "--model", MODEL]
        done = subprocess.run(
            [*map(str, command), "--json", *arguments],
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return report

    def _rows(self, count: int) -> list[dict[str, Any]] | None:
        file = self.gateway.data_dir / "usage.db"
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
            database.row_factory = sqlite3.Row
            rows = database.execute("SELECT * FROM attempts ORDER BY started_us, attempt").fetchall()
        return [dict(row) for row in rows] if len(rows) >= count else None

    def _metrics_request(self) -> urllib.request.Request:
        token = self.gateway.admin_token
        return urllib.request.Request(
            f"{self.gateway.admin_url}/metrics", headers={"authorization": f"Bearer {token}"}
        )
