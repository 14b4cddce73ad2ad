"""headworks.testing.Upstream and the pytest fixtures that users get."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from headworks.errors import ConfigurationError
from headworks.testing import Bucket, Upstream, cooldown_after_429

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


def test_users_test_their_own_code_against_a_gateway(pytester: pytest.Pytester) -> None:
    """The example of the documentation: two fixtures, a failure of the provider, a look at what happened."""
    pytester.makepyfile(
        """
        import httpx2

        def test_it_survives_a_provider_that_is_down(headworks_server, headworks_upstream):
            down, good = headworks_upstream([{"status": 503}]), headworks_upstream([{"text": "hello"}])
            server = headworks_server({
                "pools": [{"name": "primary"}, {"name": "fallback"}],
                "backends": [
                    {"name": "down", "api_base_url": f"{down.url}/v1"},
                    {"name": "good", "api_base_url": f"{good.url}/v1", "pool": "fallback"},
                ],
            })
            answer = httpx2.post(
                f"{server.url}/v1/chat/completions",
                headers={"authorization": f"Bearer {server.client_key}"},
                json={"model": "m", "messages": [{"role": "user", "content": "hi"}]},
            )
            assert answer.json()["choices"][0]["message"]["content"] == "hello"
            assert answer.headers["x-headworks-backend"] == "good"
            assert answer.headers["x-headworks-attempts"] == str(len(down.journal()) + 1)
            assert {row["name"] for row in server.admin.backends()} == {"down", "good"}

        def test_there_may_be_two(headworks_server):
            assert headworks_server().url != headworks_server().url
        """
    )

    pytester.runpytest_subprocess("-p", "no:cacheprovider", "-W", "error").assert_outcomes(passed=2)


def test_the_fixtures_are_listed_with_their_help(pytester: pytest.Pytester) -> None:
    listed = pytester.runpytest_subprocess("--fixtures", "-p", "no:cacheprovider").stdout.str()

    assert "headworks_server" in listed
    assert "starts a gateway in this process" in listed


def test_a_bucket_admits_so_many_in_any_window() -> None:
    bucket = Bucket(3, window_seconds=60)

    assert [bucket.take(at) for at in (0, 1, 2, 3)] == [True, True, True, False]
    assert bucket.level(3) == 0
    assert bucket.earliest(3) == pytest.approx(60, abs=0.001)
    assert not bucket.take(59.9)
    assert bucket.take(60.01)
    assert Bucket(0).take(0), "no limit"


def test_how_long_a_429_cools() -> None:
    alone = [cooldown_after_429(n, jitter_percent=0) for n in (1, 2, 3, 20)]

    assert alone == [2, 4, 8, 300]
    assert cooldown_after_429(5, hint_seconds=7) == 7, "what the upstream says, exactly"
    assert cooldown_after_429(1, hint_seconds=86_400) == 600, "within hint_cap_seconds"
    spread = {cooldown_after_429(1, seed=seed) for seed in range(50)}
    assert len(spread) > 10
    assert all(1.8 <= one <= 2.2 for one in spread)


def test_closing_refuses_connections(tmp_path: Path) -> None:
    upstream = Upstream()
    upstream.close()
    upstream.close()

    with pytest.raises(urllib.error.URLError):
        post(upstream.url)
