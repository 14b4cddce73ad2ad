"""The command `headworks` as a process: what it prints and what it ends with."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from support.gateway import Lines
from support.until import until

HEADWORKS = Path(sys.executable).with_name("headworks")


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([HEADWORKS, *arguments], check=False, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("name", ["serve", "demo", "check", "upstream", "bench", "version", "doctor"])
def test_every_command_has_help(name: str) -> None:
    answer = run(name, "--help")

    assert answer.returncode == 0
    assert "usage" in answer.stdout.lower()


def test_version_names_every_linked_library() -> None:
    versions = json.loads(run("version", "--json").stdout)

    assert {"headworks", "boost", "simdjson", "sqlite", "libsodium", "openssl"} <= versions.keys()
    assert run("version").stdout.startswith(f"headworks {versions['headworks']}\n")


def test_check_says_fine(tmp_path: Path) -> None:
    file = tmp_path / "headworks.yaml"
    file.write_text("version: 1\n")

    answer = run("check", file)

    assert (answer.returncode, answer.stdout) == (0, f"{file}: fine\n")


def test_check_says_every_problem_and_ends_with_3(tmp_path: Path) -> None:
    file = tmp_path / "headworks.yaml"
    file.write_text("version: 1\nsetings: {}\npools:\n  - {name: primary, strategy: wieghted}\n")

    answer = run("check", file)
    as_json = json.loads(run("check", file, "--json").stdout)

    assert answer.returncode == 3
    assert [(one["line"], one["path"]) for one in as_json] == [(2, "$.setings"), (4, "$.pools[0].strategy")]
    assert answer.stdout.splitlines()[0].startswith(f"{file}:2: $.setings: ")
    assert "did you mean" in answer.stdout


def test_wrong_usage_ends_with_2() -> None:
    assert run("serve", "--lisen", "127.0.0.1:0").returncode == 2
    assert run("serve", "--workers", "many").returncode == 2
    assert run("check").returncode == 2
    assert run("upstream", "--nonsense").returncode == 2
    assert run("bench").returncode == 2


def test_serve_with_an_invalid_configuration_ends_with_3(tmp_path: Path) -> None:
    file = tmp_path / "headworks.yaml"
    file.write_text("version: 1\nsetings: {}\n")

    answer = run("serve", "-c", file, "--data-dir", tmp_path / "data")

    assert answer.returncode == 3
    assert f"{file}:2: $.setings: " in answer.stderr
    assert not (tmp_path / "data").exists()


def test_serve_without_its_configuration_ends_with_3(tmp_path: Path) -> None:
    answer = run("serve", "-c", tmp_path / "none.yaml", "--data-dir", tmp_path / "data")

    assert answer.returncode == 3
    assert "none.yaml" in answer.stderr


@pytest.mark.parametrize("ends_with", [signal.SIGTERM, signal.SIGINT])
def test_upstream_serves_until_it_is_told_to_stop(ends_with: signal.Signals) -> None:
    with subprocess.Popen([HEADWORKS, "upstream"], stdout=subprocess.PIPE, text=True) as process:
        try:
            lines = Lines(process.stdout)
            (ready,) = until(lines.all, what="its ready line")
            url = ready.removeprefix("upstream ready ")
            with urllib.request.urlopen(f"{url}/__upstream/stats") as answer:
                assert json.load(answer)["requests"] == 0
            process.send_signal(ends_with)
            assert process.wait(10) == 0
        finally:
            process.kill()


def test_doctor_looks_at_the_data_directory(tmp_path: Path) -> None:
    (tmp_path / "master.key").write_text("x")
    (tmp_path / "master.key").chmod(0o644)

    answer = run("doctor", "--data-dir", tmp_path, "--json")
    findings = {one["name"]: one for one in json.loads(answer.stdout)}

    assert answer.returncode == 1
    assert findings["extension"]["fine"]
    assert not findings["master.key"]["fine"]
    assert "chmod 600" in findings["master.key"]["hint"]
