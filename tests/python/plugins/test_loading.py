"""Plug-ins are found, and held to their contract when they are loaded."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from headworks.errors import PluginError
from headworks.plugins import PluginSources, load_plugins
from headworks.testing import Upstream
from support.asking import KEY, ask, backend, config
from support.gateway import Gateway
from support.until import until

HEADWORKS = Path(sys.executable).with_name("headworks")
MakeUpstream = Callable[..., Upstream]
MakeGateway = Callable[..., Gateway]
ROUTE_TO = """
from headworks import hook

@hook(timeout_ms=5000)
def route(request, candidates):
    return ['{}']
"""


@pytest.fixture
def plugin(tmp_path: Path) -> Callable[[str], str]:
    """`plugin(source)`: the file's name."""
    made: list[Path] = []

    def write(source: str) -> str:
        made.append(tmp_path / f"plugin_{len(made)}.py")
        made[-1].write_text(source)
        return str(made[-1])

    return write


@pytest.mark.parametrize(
    ("source", "message", "line"),
    [
        (
            "from headworks import hook\n\n@hook\ndef rout(a, b): ...\n",
            r"no hook named 'rout' \(did you mean route\?\)",
            3,
        ),
        (
            "from headworks import hook\n\n@hook\ndef admit(): ...\n",
            r"admit is called as admit\(request\)",
            3,
        ),
        ("from headworks import hook\n@hook\ndef route(request): ...\n", r"route\(request, candidates\)", 2),
        (
            "from headworks import hook\n@hook(on_error='open')\ndef admit(r): ...\n",
            "on_error is 'ignore' or 'reject'",
            2,
        ),
        (
            "from headworks import hook\n@hook(timeout_ms=0)\ndef admit(r): ...\n",
            "timeout_ms is 1 to 60,000",
            2,
        ),
        ("import headworks_is_not_there\n", "cannot be loaded: ModuleNotFoundError", 1),
        ("x = 1\nraise RuntimeError('at import')\n", "cannot be loaded: RuntimeError: at import", 2),
        ("def f(:\n", "cannot be loaded: SyntaxError", 1),
    ],
)
def test_what_is_wrong_is_said_with_file_and_line(
    plugin: Callable[[str], str], source: str, message: str, line: int
) -> None:
    file = plugin(source)

    with pytest.raises(PluginError, match=message) as caught:
        load_plugins(PluginSources(flagged=(file,), entry_points=False))

    assert f"{file}:{line}" in str(caught.value)


def test_a_plugin_without_a_hook_is_refused(plugin: Callable[[str], str]) -> None:
    with pytest.raises(PluginError, match="has no hook: mark one of admit, route, failed, finished"):
        load_plugins(
            PluginSources(flagged=(plugin("def route(request, candidates): ...\n"),), entry_points=False)
        )


def test_a_plugin_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="there is no such file"):
        load_plugins(PluginSources(flagged=(str(tmp_path / "none.py"),), entry_points=False))


def test_serve_does_not_start_without_its_plugin(gateway: MakeGateway, plugin: Callable[[str], str]) -> None:
    house = gateway(
        start=False, command=(HEADWORKS, "serve"), arguments=["--plugin", plugin("raise RuntimeError('x')\n")]
    )
    house.launch()

    assert house.wait() == 3
    assert any("RuntimeError: x" in line for line in house.log_lines)


def test_headworksd_does_not_pretend_to_run_plugins(gateway: MakeGateway, upstream: MakeUpstream) -> None:
    house = gateway({**config(backend("one", upstream())), "plugins": ["some.module"]}, start=False)
    house.launch()

    assert house.wait() == 3
    assert any("headworksd does not run" in line for line in house.log_lines)


def test_the_flag_the_file_and_the_reload(
    gateway: MakeGateway, upstream: MakeUpstream, tmp_path: Path, plugin: Callable[[str], str]
) -> None:
    (tmp_path / "from_config.py").write_text(ROUTE_TO.format("two"))
    document: dict[str, Any] = {
        **config(
            backend("one", upstream()), backend("two", upstream()), backend("three", upstream(), "fallback")
        ),
        "plugins": ["from_config.py"],
    }
    flag = plugin("from headworks import hook\n\n@hook\ndef finished(exchange): ...\n")
    house = gateway(document, command=(HEADWORKS, "serve"), arguments=["--plugin", flag], key=KEY)

    assert ask(house).header("x-headworks-backend") == "two"
    with house.admin() as admin:
        names = [(one["name"], one["origin"]) for one in admin.plugins()]
        assert [("from_config.py", "configuration"), (flag, "flag")] == [
            one for one in names if one[1] != "entry point"
        ]

        # By the admin API.
        (tmp_path / "from_config.py").write_text(ROUTE_TO.format("three"))
        admin.reload_plugins()
        assert ask(house).header("x-headworks-backend") == "three"

        # What cannot be loaded leaves the old one.
        (tmp_path / "from_config.py").write_text("raise RuntimeError('half done')\n")
        with pytest.raises(Exception, match=r"the old plug-ins stay: .*half done"):
            admin.reload_plugins()
        assert ask(house).header("x-headworks-backend") == "three"

        # By HUP.
        (tmp_path / "from_config.py").write_text(ROUTE_TO.format("one"))
        house.signal(signal.SIGHUP)
        until(lambda: ask(house).header("x-headworks-backend") == "one", what="the plug-in of HUP")
        house.write_config({**document, "plugins": []})
        house.signal(signal.SIGHUP)
        until(lambda: "from_config.py" not in [one["name"] for one in admin.plugins()], what="no plug-in")


def test_a_change_of_plugins_loses_no_request(
    gateway: MakeGateway, upstream: MakeUpstream, tmp_path: Path
) -> None:
    """While they are loaded again, every request is decided by the old ones or by the new ones."""
    import threading

    file = tmp_path / "policy.py"
    file.write_text(ROUTE_TO.format("one"))
    document = {**config(backend("one", upstream()), backend("two", upstream())), "plugins": ["policy.py"]}
    house = gateway(document, command=(HEADWORKS, "serve"), key=KEY)
    seen: list[str | None] = []
    ending = threading.Event()

    def traffic() -> None:
        while not ending.is_set():
            answer = ask(house)
            seen.append(answer.header("x-headworks-backend") if answer.status == 200 else str(answer.status))

    threads = [threading.Thread(target=traffic) for _ in range(4)]
    for one in threads:
        one.start()
    with house.admin() as admin:
        for name in ("two", "one", "two", "one", "two"):
            file.write_text(ROUTE_TO.format(name))
            admin.reload_plugins()
        hooks = [one for plugin in admin.plugins() for one in plugin["hooks"]]
    ending.set()
    for one in threads:
        one.join()

    assert set(seen) <= {"one", "two"}
    assert [one["failures"] for one in hooks] == [0] * len(hooks)
    assert ask(house).header("x-headworks-backend") == "two"


def test_plugins_test_says_what_each_hook_answers(plugin: Callable[[str], str]) -> None:
    file = plugin(ROUTE_TO.format("first") + "\n@hook\ndef admit(request):\n    raise ValueError('no')\n")

    done = subprocess.run(
        [HEADWORKS, "plugins", "test", file, "--json"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 1
    rows = {one["point"]: one for one in json.loads(done.stdout) if one["hook"].startswith(file)}
    assert rows["route"]["answer"] == "['first']" and not rows["route"]["raised"]
    assert rows["admit"]["answer"] == "ValueError: no" and rows["admit"]["raised"]


def test_the_configuration_says_how_plugins_run() -> None:
    sources = PluginSources.of_document(
        {"plugins": {"modules": ["a.b"], "isolation": "process", "memory_mb": 512, "entry_points": False}},
        "x/y.yaml",
    )

    assert (sources.configured, sources.isolation, sources.memory_mb) == (("a.b",), "process", 512)
    assert not sources.entry_points
    assert Path(sources.folder).name == "x"
    assert PluginSources.of_document({"plugins": ["a", "b"]}).configured == ("a", "b")
