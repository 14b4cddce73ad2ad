"""The processes of a run: the upstream that everything talks to, and the proxies under test.

Each subject offers a URL for plain answers and one for streams, and a process whose CPU and memory are
measured. All processes are started by us, pinned, and ended by us; their files are temporary.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

CLIENT_KEY = "hw-bench-key-0123456789abcdefghijklmnop"
UPSTREAM_KEY = "sk-bench-upstream-0123456789"

# Clients ask for "<name>-a"; a gateway maps it to "<name>-b", a plain proxy does not. Upstream has both.
ANSWER_TEXT = "Nothing is measured that is not also checked. " * 14
STREAM_EVENT_BYTES = 208
START_SECONDS = 20


def upstream_script() -> dict:
    paced = {"events": 1_000_000, "event_bytes": STREAM_EVENT_BYTES, "per_second": 50, "stamp": True}
    shapes = {
        "chat": {"ids": "fixed", "text": ANSWER_TEXT},
        "paced": {"stream": paced},
        "short": {"stream": {**paced, "events": 64}},
        "blast": {"stream": {**paced, "events": 4_000_000, "per_second": 0}},
    }
    rules = [{"model": f"{name}-{side}", **shape} for name, shape in shapes.items() for side in "ab"]
    return {"journal": False, "rules": rules}


class Process:
    """A child process on given cores. stop() asks, waits, then kills; it is safe to call twice."""

    def __init__(self, command: list[str], cpus: set[int], directory: Path, name: str) -> None:
        self.log = directory / f"{name}.log"
        self.popen = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self.log.open("wb"),
            cwd=directory,
            preexec_fn=lambda: os.sched_setaffinity(0, cpus),
        )

    @property
    def pid(self) -> int:
        return self.popen.pid

    def line_that_starts_with(self, start: str) -> str:
        """Waits for such a line on standard output; a process that does not say it is ended."""
        deadline = time.monotonic() + START_SECONDS
        output = b""
        while select.select([self.popen.stdout], [], [], max(0, deadline - time.monotonic()))[0]:
            piece = os.read(self.popen.stdout.fileno(), 4096)
            output += piece
            for line in output.decode(errors="replace").splitlines(keepends=True):
                if line.startswith(start) and line.endswith("\n"):
                    return line.strip()
            if not piece:
                break
        self.fail(f"did not say '{start}'")

    def fail(self, what: str) -> NoReturn:
        self.stop()
        log = self.log.read_text(errors="replace")[-4000:]
        raise SystemExit(f"{self.popen.args[0]} {what} (exit code {self.popen.returncode}):\n{log}")

    def stop(self) -> None:
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGTERM)
            try:
                self.popen.wait(5)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()
        self.popen.stdout.close()


@dataclass
class Subject:
    name: str
    url: str
    stream_url: str
    key: str
    process: Process | None  # None: the upstream itself, reached directly
    version: str
    admin_url: str = ""

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process else None

    def losses(self) -> dict[str, int]:
        """What a gateway under load did not write down, by metric; empty for others."""
        if not self.admin_url:
            return {}
        with urllib.request.urlopen(f"{self.admin_url}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        pairs = (line.rpartition(" ") for line in lines if "_dropped_total" in line and line[0] != "#")
        return {name: int(float(value)) for name, _, value in pairs}

    def must_live(self) -> None:
        if self.process and self.process.popen.poll() is not None:
            self.process.fail("died under load")

    def stop(self) -> None:
        if self.process:
            self.process.stop()


class Upstream:
    def __init__(self, tool: Path, cpus: set[int], directory: Path) -> None:
        script = directory / "upstream.json"
        script.write_text(json.dumps(upstream_script()))
        self.process = Process([str(tool), "upstream", "--script", str(script)], cpus, directory, "upstream")
        self.url = self.process.line_that_starts_with("upstream ready").split()[-1]

    def requests(self) -> int:
        with urllib.request.urlopen(f"{self.url}/__upstream/stats", timeout=10) as answer:
            return json.load(answer)["requests"]

    def stop(self) -> None:
        self.process.stop()


def direct(upstream: Upstream) -> Subject:
    return Subject("direct", upstream.url, upstream.url, CLIENT_KEY, None, "")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_for_port(port: int, process: Process) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.popen.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)  # nginx has no ready line
    process.fail(f"does not listen on port {port}")


NGINX_CONFIG = """\
daemon off;
master_process off;
worker_processes 1;
error_log stderr crit;
pid {directory}/nginx.pid;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  client_body_temp_path {directory}/nginx-body;
  proxy_temp_path {directory}/nginx-proxy;
  fastcgi_temp_path {directory}/nginx-fastcgi;
  uwsgi_temp_path {directory}/nginx-uwsgi;
  scgi_temp_path {directory}/nginx-scgi;
  keepalive_requests 1000000000;
  keepalive_timeout 600s;
  client_body_buffer_size 64k;
  upstream up {{
    server {upstream};
    keepalive 512;
    keepalive_requests 1000000000;
    keepalive_timeout 600s;
  }}
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  proxy_set_header Authorization "Bearer {key}";
  proxy_read_timeout 600s;
  server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ proxy_pass http://up; }} }}
  server {{
    listen 127.0.0.1:{stream_port} backlog=4096;
    location / {{ proxy_pass http://up; proxy_buffering off; }}
  }}
}}
"""


def nginx(upstream: Upstream, cpus: set[int], directory: Path) -> Subject:
    binary = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if binary is None:
        raise RuntimeError("nginx is not installed (Debian: apt install nginx-light)")
    port, stream_port = _free_port(), _free_port()
    config = directory / "nginx.conf"
    config.write_text(
        NGINX_CONFIG.format(
            directory=directory,
            upstream=upstream.url.removeprefix("http://"),
            key=UPSTREAM_KEY,
            port=port,
            stream_port=stream_port,
        )
    )
    process = Process([binary, "-p", str(directory), "-c", str(config)], cpus, directory, "nginx")
    _wait_for_port(port, process)
    version = subprocess.run([binary, "-v"], capture_output=True, text=True, check=True).stderr.strip()
    return Subject(
        "nginx",
        f"http://127.0.0.1:{port}",
        f"http://127.0.0.1:{stream_port}",
        CLIENT_KEY,
        process,
        version.split("/")[-1],
    )


def headworks_config(upstream: Upstream) -> dict:
    """Governed: key, mapping, limits of backend and client, budget, prices, ledger. Nothing is off."""
    names = ("chat", "paced", "short", "blast")
    plenty = 1_000_000_000
    return {
        "version": 1,
        "settings": {"limits": {"connections": 10_000}},
        "pools": [{"name": "primary", "strategy": "weighted"}],
        "backends": [
            {
                "name": "bench",
                "api": "openai",
                "api_base_url": f"{upstream.url}/v1",
                "api_key": UPSTREAM_KEY,
                "pool": "primary",
                "rpm_limit": plenty,
                "model_mappings": {f"{name}-a": f"{name}-b" for name in names},
            }
        ],
        "client_keys": [
            {
                "name": "bench",
                "key": CLIENT_KEY,
                "models": ["*"],
                "rpm_limit": plenty,
                "budgets": [{"usd": 1_000_000, "window": "day"}],
            }
        ],
        "prices": [{"model": f"{name}-a", "input": 0.35, "output": 0.4} for name in names],
    }


def headworks(upstream: Upstream, binary: Path, cpus: set[int], directory: Path) -> Subject:
    config = directory / "headworks.json"
    config.write_text(json.dumps(headworks_config(upstream), indent=1))
    config.chmod(0o600)
    command = [
        str(binary),
        "serve",
        "-c",
        str(config),
        "--data-dir",
        str(directory / "data"),
        "--listen",
        "127.0.0.1:0",
        "--admin-listen",
        "127.0.0.1:0",
        "--workers",
        "1",
        "--log-level",
        "warn",
    ]
    process = Process(command, cpus, directory, "headworks")
    ready = process.line_that_starts_with("headworks ready")
    said = dict(word.split("=", 1) for word in ready.split() if "=" in word)
    url = said["data"]
    versions = json.loads(subprocess.run([str(binary), "version"], capture_output=True, check=True).stdout)
    version = f"{versions['headworks']} (sqlite {versions['sqlite']}, simdjson {versions['simdjson']})"
    return Subject("headworks", url, url, CLIENT_KEY, process, version, said["admin"])
