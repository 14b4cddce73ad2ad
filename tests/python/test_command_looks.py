"""How the commands look: tables, colours and bars on a terminal, plain lines in a pipe; completion."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from headworks._console import progress
from headworks.testing import Upstream
from support.asking import KEY, backend, config
from support.gateway import Gateway

MakeUpstream = Callable[..., Upstream]
MakeGateway = Callable[..., Gateway]

HEADWORKS = str(Path(sys.executable).with_name("headworks"))


@pytest.fixture
def house(upstream: MakeUpstream, gateway: MakeGateway) -> Gateway:
    return gateway(config(backend("first", upstream()), backend("sec[ond]", upstream())), key=KEY)


def piped(*words: str, **environment: str) -> str:
    done = subprocess.run(
        [HEADWORKS, *words],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=60,
    )
    return done.stdout


def on_a_terminal(*words: str) -> str:
    """What the command writes to a terminal of 120 columns."""
    ours, theirs = pty.openpty()
    shown = bytearray()

    def read() -> None:
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # the other side is closed
                return
            if not piece:
                return
            shown.extend(piece)

    reader = threading.Thread(target=read)
    reader.start()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120"}
    environment.pop("NO_COLOR", None)
    subprocess.run(
        [HEADWORKS, *words],
        check=True,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment,
        timeout=60,
    )
    os.close(theirs)
    reader.join()
    os.close(ours)
    return shown.decode()


def test_a_terminal_gets_colours_and_a_pipe_does_not(house: Gateway) -> None:
    where = ("--data-dir", str(house.data_dir))
    shown, plain = on_a_terminal("backends", "list", *where), piped("backends", "list", *where)

    assert "\x1b[32mhealthy" in shown, "green"
    assert "\x1b" not in plain
    assert "sec[ond]" in shown, "a name is no markup"
    assert plain.split("\n")[0].split()[:3] == ["name", "pool", "api"]
    assert "number" in on_a_terminal("revisions", "list", *where)
    assert piped("revisions", "list", *where).split()[0].isdigit()


@pytest.mark.parametrize(
    "words",
    [
        ("backends", "list"), ("keys", "list"), ("revisions", "list"), ("tokens", "list"), ("usage",),
        ("master-key", "status"), ("explain", "--model", "m"), ("version",),
    ],
    ids=" ".join,
)  # fmt: skip
def test_every_list_is_json_when_asked(house: Gateway, words: tuple[str, ...]) -> None:
    where = () if words == ("version",) else ("--data-dir", str(house.data_dir))

    assert json.loads(piped(*words, "--json", *where)) or words in (("tokens", "list"), ("usage",))


def test_long_work_shows_a_bar_only_to_people(house: Gateway, upstream: MakeUpstream, tmp_path: Path) -> None:
    where = ("--data-dir", str(house.data_dir))
    assert "Copying the databases" in on_a_terminal("backup", str(tmp_path / "a.tar"), *where)
    assert "Sealing provider keys" in on_a_terminal("master-key", "rewrap", *where)
    assert "answers" in on_a_terminal("bench", "--url", upstream().url, "--seconds", "0.5", "--any-body")
    with tarfile.open(tmp_path / "a.tar") as archive:
        assert archive.getnames() == ["headworks.db", "usage.db"]
    assert "Restoring" in on_a_terminal(
        "restore", str(tmp_path / "a.tar"), "--data-dir", str(tmp_path / "new")
    )
    assert (tmp_path / "new" / "headworks.db").is_file()


def test_a_bar_does_nothing_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("Working", 10) as bar:
        bar.at(5, note="half")

    assert capsys.readouterr() == ("", "")


def test_a_shell_completes_commands_and_names(house: Gateway) -> None:
    def complete(*words: str, data_dir: Path = house.data_dir) -> list[str]:
        asked = {"_HEADWORKS_COMPLETE": "complete_bash", "COMP_WORDS": " ".join(("headworks", *words))}
        return piped(COMP_CWORD=str(len(words)), HEADWORKS_DATA_DIR=str(data_dir), **asked).split()

    assert {"backends", "backup", "bench"} == set(complete("b"))
    assert complete("backends", "show", "fi") == ["first"]
    assert complete("keys", "revoke", "") == ["app"]
    assert complete("backends", "show", "", data_dir=house.data_dir / "nowhere") == []
    assert complete("tokens", "create", "x", "--role", "o") == ["operator"]
