"""headworks.Server: the gateway inside this process."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

import headworks
from headworks import errors
from headworks.testing import Upstream


def ask(server: headworks.Server) -> str | None:
    """The text that one request gets."""
    with server.openai() as client:
        answer = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}])
    return answer.choices[0].message.content


def config_for(*upstreams: Upstream) -> dict[str, Any]:
    return {
        "version": 1,
        "backends": [
            {"name": f"b{at}", "api_base_url": f"{one.url}/v1", "api_key": "sk-x"}
            for at, one in enumerate(upstreams)
        ],
    }


def test_it_serves_and_cleans_up_after_itself(upstream: Callable[..., Upstream]) -> None:
    with headworks.Server(config_for(upstream([{"text": "hello"}]))) as server:
        assert ask(server) == "hello"
        url = server.url

    with pytest.raises(httpx2.ConnectError):
        httpx2.get(f"{url}/livez", trust_env=False)


def test_servers_live_side_by_side(upstream: Callable[..., Upstream]) -> None:
    with (
        headworks.Server(config_for(upstream([{"text": "one"}]))) as first,
        headworks.Server(config_for(upstream([{"text": "two"}]))) as second,
    ):
        assert [ask(first), ask(second)] == ["one", "two"]


def test_python_runs_on_while_the_server_waits(upstream: Callable[..., Upstream]) -> None:
    """The lock is given away around everything that waits: this thread counts while others ask."""
    with headworks.Server(config_for(upstream([{"delay_ms": 1200}]))) as server:
        asking = [threading.Thread(target=ask, args=(server,)) for _ in range(4)]
        for thread in asking:
            thread.start()
        last, longest = time.monotonic(), 0.0
        while any(thread.is_alive() for thread in asking):
            time.sleep(0.001)
            now = time.monotonic()
            longest, last = max(longest, now - last), now

    assert longest < 1


def test_apply_changes_a_running_server(upstream: Callable[..., Upstream]) -> None:
    with headworks.Server(config_for(upstream([{"text": "old"}]))) as server:
        before = server.apply(config_for(upstream([{"text": "new"}])))
        text = ask(server)
        with pytest.raises(errors.ConfigurationError) as caught:
            server.apply({"version": 1, "setings": {}})

    assert before > 0
    assert text == "new"
    assert caught.value.problems[0].path == "$.setings"


def test_the_data_directory_may_be_kept(tmp_path: Path) -> None:
    with headworks.Server(data_dir=tmp_path / "data") as server:
        key = server.client_key
    with headworks.Server(data_dir=tmp_path / "data") as server:
        answer = httpx2.get(
            f"{server.url}/v1/models", headers={"authorization": f"Bearer {key}"}, trust_env=False
        )

    assert answer.status_code == 200
    assert (tmp_path / "data" / "headworks.db").is_file()


def test_one_directory_has_one_server(tmp_path: Path) -> None:
    with headworks.Server(data_dir=tmp_path), pytest.raises(errors.InUseError) as caught:
        headworks.Server(data_dir=tmp_path).start()

    assert caught.value.exit_code == 5


def test_what_is_not_running_says_so() -> None:
    server = headworks.Server()

    with pytest.raises(errors.UsageError, match="not running"):
        server.url  # noqa: B018
    server.close()


def test_a_server_that_is_forgotten_ends() -> None:
    server = headworks.Server()
    server.start()
    url = server.url
    del server
    gc.collect()

    with pytest.raises(httpx2.ConnectError):
        httpx2.get(f"{url}/livez", trust_env=False)
