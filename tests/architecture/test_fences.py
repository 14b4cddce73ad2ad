"""Third-party headers stay behind their fence: whoever changes a library changes one folder."""

from __future__ import annotations

import pytest

from support.source import ROOT, files_in, includes_of

# What is fenced (the beginning of the included name) -> the only folders that may include it.
FENCES: dict[str, tuple[str, ...]] = {
    "boost/asio": (),
    "boost/beast": (),
    "openssl/": ("cpp/net", "cpp/vault"),
    "sqlite3.h": ("cpp/store",),
    "sodium": ("cpp/vault",),
    "simdjson": ("cpp/json",),
    "pybind11/": ("bindings",),
    "Python.h": (),
    "sys/epoll.h": ("cpp/net", "cpp/upstream", "cpp/bench"),
    "sys/socket.h": ("cpp/net", "cpp/app", "cpp/upstream", "cpp/bench"),
    # Builds a tree of values: not on the way of a request.
    "boost/json": (
        "cpp/json",
        "cpp/catalog",
        "cpp/store",
        "cpp/admin",
        "cpp/app",
        "cpp/upstream",
        "cpp/bench",
        "bindings",
    ),
}


@pytest.mark.parametrize("fenced", FENCES)
def test_only_its_folders_include(fenced: str) -> None:
    homes = [ROOT / folder for folder in FENCES[fenced]]

    outside = [
        one
        for one in includes_of(files_in("cpp", "bindings"))
        if one.name.startswith(fenced) and not any(one.path.is_relative_to(home) for home in homes)
    ]

    assert not outside, "\n".join(map(str, outside))


def test_headers_say_nothing_of_sqlite_openssl_and_simdjson() -> None:
    """Within the fence, headers keep the library out of sight: all but the one that wraps it."""
    wrappers = {"cpp/store/sqlite.hpp", "cpp/json/json_reader.hpp", "cpp/net/tls.hpp"}
    shown = [
        one
        for one in includes_of(files_in("cpp", suffixes=(".hpp",)))
        if one.name.startswith(("sqlite3.h", "openssl/", "simdjson"))
        and one.path.relative_to(ROOT).as_posix() not in wrappers
    ]

    assert not shown, "\n".join(map(str, shown))


def test_the_core_knows_no_python() -> None:
    python = [one for one in includes_of(files_in("cpp")) if one.name.startswith(("pybind11", "Python.h"))]

    assert not python, "\n".join(map(str, python))


def test_bindings_include_python_first() -> None:
    """python.hpp says what every file there needs, and Python's own header wants to be the first."""
    for path in files_in("bindings", suffixes=(".cpp",)):
        first = next(includes_of([path]))
        assert first.name == "python.hpp", first
