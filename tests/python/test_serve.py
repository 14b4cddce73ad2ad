"""`headworks serve` and `headworks demo` as processes: ready line, signals, HUP."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from headworks.testing import Upstream
from support.gateway import Gateway, Lines
from support.until import until

HEADWORKS = Path(sys.executable).with_name("headworks")
SERVE = (HEADWORKS, "serve")
KEY = "sk-app-0123456789abcdef"


def config_for(upstream: Upstream, **settings: Any) -> dict[str, Any]:
    return {
        "version": 1,
        "settings": settings,
        "pools": [{"name": "primary"}],
        "backends": [{"name": "one", "api_base_url": f"{upstream.url}/v1", "api_key": "sk-one"}],
        "client_keys": [{"name": "app", "key": KEY}],
    }


def ask(gateway: Gateway, **headers: str) -> httpx2.Response:
    return httpx2.post(
        f"{gateway.url}/v1/chat/completions",
        headers={"authorization": f"Bearer {KEY}", **headers},
        json={"model": "m", "messages": [{"role": "user", "content": "hi"}]},
        trust_env=False,
        timeout=20,
    )


def test_serve_runs_a_yaml_file(
    upstream: Callable[..., Upstream], gateway: Callable[..., Gateway], tmp_path: Path
) -> None:
    file = tmp_path / "headworks.yaml"
    provider = upstream([{"text": "hello from yaml"}])
    file.write_text(
        f"version: 1\nbackends:\n  - {{name: one, api_base_url: '{provider.url}/v1', api_key: sk-one}}\n"
        f"client_keys:\n  - {{name: app, key: {KEY}}}\n"
    )

    running = gateway(command=SERVE, arguments=["-c", str(file)], key=KEY)

    assert ask(running).json()["choices"][0]["message"]["content"] == "hello from yaml"
    assert [entry.key for entry in provider.journal()] == ["sk-one"]
    assert running.run_json["data_url"] == running.url
    assert running.stop() == 0
    assert not (running.data_dir / "run.json").exists()


def test_hup_applies_the_file_as_one_change(
    upstream: Callable[..., Upstream], gateway: Callable[..., Gateway]
) -> None:
    first, second = upstream([{"text": "first"}]), upstream([{"text": "second"}])
    running = gateway(config_for(first), command=SERVE, key=KEY)
    assert "first" in ask(running).text

    running.write_config(config_for(second))
    running.signal(signal.SIGHUP)

    until(lambda: "second" in ask(running).text, what="the new backend")


@pytest.mark.rows("F48")
def test_hup_with_an_invalid_file_keeps_the_old_one_and_says_the_lines(
    upstream: Callable[..., Upstream], gateway: Callable[..., Gateway]
) -> None:
    provider = upstream()
    running = gateway(config_for(provider), command=SERVE, key=KEY)

    running.write_config({**config_for(provider), "backends": [], "setings": {}})
    running.signal(signal.SIGHUP)

    said = until(lambda: [line for line in running.log_lines if "$.setings" in line], what="the problem")
    assert f"{running.config_file}:" in said[0]
    until(lambda: any("old configuration stays" in line for line in running.log_lines))
    assert ask(running).status_code == 200


@pytest.mark.rows("F34")
def test_term_lets_running_answers_finish(
    upstream: Callable[..., Upstream], gateway: Callable[..., Gateway]
) -> None:
    provider = upstream([{"stream": {"events": 20, "per_second": 20, "always": True}}])
    running = gateway(config_for(provider), command=SERVE, key=KEY)
    body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    headers = {"authorization": f"Bearer {KEY}"}

    with (
        httpx2.Client(trust_env=False, timeout=20) as client,
        client.stream("POST", f"{running.url}/v1/chat/completions", json=body, headers=headers) as answer,
    ):
        lines = answer.iter_lines()
        next(lines)
        running.signal(signal.SIGTERM)
        rest = list(lines)

    assert "data: [DONE]" in rest
    assert running.wait() == 0


@pytest.mark.rows("F34")
def test_a_second_term_ends_at_once(
    upstream: Callable[..., Upstream], gateway: Callable[..., Gateway]
) -> None:
    provider = upstream([{"fault": {"at": "request", "do": "hang"}}])
    running = gateway(config_for(provider), command=SERVE, key=KEY)
    client = subprocess.Popen(
        ["curl", "-sS", "-o", "-", "-H", f"authorization: Bearer {KEY}", f"{running.url}/v1/files"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until(provider.journal, what="the request at the upstream")

    def ended() -> bool:
        if running.running:
            running.signal(signal.SIGTERM)  # again and again: two that come together are one
        return not running.running

    until(ended, 10, what="its end, long before drain_seconds (30) are over")
    client.wait(10)


@pytest.mark.rows("F49")
def test_a_second_server_on_the_directory_ends_with_5(gateway: Callable[..., Gateway]) -> None:
    running = gateway(command=SERVE)

    second = gateway(command=SERVE, data_dir=running.data_dir, start=False)
    second.launch()

    assert second.wait(20) == 5
    assert str(running.pid) in "\n".join(second.log_lines)


def test_demo_has_life_in_it() -> None:
    arguments = ["demo", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]
    with subprocess.Popen(
        [HEADWORKS, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            out, err = Lines(process.stdout), Lines(process.stderr)
            ready = until(
                lambda: next((one for one in out.all() if one.startswith("headworks ready")), ""), 20
            )
            admin = ready.rpartition("admin=")[2]
            curl = until(lambda: next((one for one in err.all() if "curl " in one), ""))
            key = curl.split("Bearer ")[1].split("'")[0]
            url = curl.split()[1]
            body = {"model": "demo", "messages": [{"role": "user", "content": "hi"}]}
            answer = httpx2.post(
                url, json=body, headers={"authorization": f"Bearer {key}"}, trust_env=False, timeout=30
            )
            assert answer.status_code == 200, answer.text
            until(lambda: _exchanges(admin) >= 3, 20, what="traffic of its own")
            tagged = httpx2.post(
                url,
                json=body,
                headers={"authorization": f"Bearer {key}", "x-tags": "eu"},
                trust_env=False,
                timeout=30,
            )
            assert tagged.headers["x-headworks-backend"] in ("healthy", "spare"), "a plug-in chose"
            process.send_signal(signal.SIGINT)
            assert process.wait(40) == 0, json.dumps(err.all())
        finally:
            process.kill()


def _exchanges(admin: str) -> float:
    text = httpx2.get(f"{admin}/metrics", trust_env=False).text
    return sum(
        float(line.rsplit(" ", 1)[1])
        for line in text.splitlines()
        if line.startswith("headworks_exchanges_total{")
    )
