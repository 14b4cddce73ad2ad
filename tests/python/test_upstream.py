"""headworks.testing.Upstream and the pytest fixtures that users get."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from headworks.errors import ConfigurationError
from headworks.testing import Upstream

pytest_plugins = ["pytester"]


def post(url: str, key: str = "sk-1") -> dict[str, object]:
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}]}).encode()
    request = urllib.request.Request(
        f"{url}/v1/chat/completions",
        body,
        {"authorization": f"Bearer {key}", "content-type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        document: dict[str, object] = json.load(answer)
    return document


def test_it_does_what_the_script_says_and_remembers() -> None:
    with Upstream(
        [{"status": 429, "headers": {"retry-after": "7"}, "times": 1}, {"text": "yes"}]
    ) as upstream:
        with pytest.raises(urllib.error.HTTPError) as refused:
            post(upstream.url)
        refused.value.close()
        post(upstream.url)
        first, second = upstream.journal()

        assert refused.value.code == 429
        assert refused.value.headers["retry-after"] == "7"
        assert (first.status, first.rule, second.status, second.rule) == (429, 0, 200, 1)
        assert (first.key, first.header("Authorization")) == ("sk-1", "Bearer sk-1")
        assert first.json()["model"] == "m"
        assert upstream.stats()["requests"] == 2

        upstream.clear_journal()
        upstream.set_script([{"json": {"a": 1}}])
        assert post(upstream.url) == {"a": 1}
        assert len(upstream.journal()) == 1


def test_a_script_that_does_not_hold_says_where() -> None:
    with pytest.raises(ConfigurationError, match="ruls"):
        Upstream({"ruls": []})


def test_users_get_the_fixtures(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import urllib.request

        def test_it(headworks_upstream):
            upstream = headworks_upstream([{"body": "hello"}])
            with urllib.request.urlopen(upstream.url + "/v1/models") as answer:
                assert answer.read() == b"hello"
        """
    )

    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)


def test_closing_refuses_connections(tmp_path: Path) -> None:
    upstream = Upstream()
    upstream.close()
    upstream.close()

    with pytest.raises(urllib.error.URLError):
        post(upstream.url)
