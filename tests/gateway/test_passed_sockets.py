"""Listening sockets that a service manager passes in: LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.gateway import Lines, headworksd
from support.raw_client import RawClient
from support.until import until

PASS = """
import fcntl, os, sys
names, *rest = sys.argv[1:]
fds, command = [int(one) for one in rest[0].split(",")], rest[1:]
copies = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 100) for fd in fds]
for number, fd in enumerate(copies):
    os.dup2(fd, 3 + number)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(fds)), LISTEN_FDNAMES=names)
os.execv(command[0], command)
"""


@contextlib.contextmanager
def started_with(
    tmp_path: Path, names: str, *sockets: socket.socket, arguments: tuple[str, ...] = ()
) -> Iterator[tuple[subprocess.Popen[str], Lines]]:
    process = subprocess.Popen(
        [
            *(sys.executable, "-c", PASS, names, ",".join(str(one.fileno()) for one in sockets)),
            *(str(headworksd()), "--data-dir", str(tmp_path / "data"), *arguments),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        pass_fds=[one.fileno() for one in sockets],
    )
    out, _ = Lines(process.stdout), Lines(process.stderr)
    try:
        yield process, out
    finally:
        process.terminate()
        process.wait(20)


def url_of(listening: socket.socket) -> str:
    return f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_sockets_are_taken_and_who_waits_on_them_is_served(tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as data,
        socket.create_server(("127.0.0.1", 0)) as second,
        socket.create_server(("127.0.0.1", 0)) as admin,
        RawClient(url_of(data)) as early,
    ):
        early.send(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
        with started_with(tmp_path, "data:admin:data", data, admin, second) as (_, out):
            line = f"headworks ready data={url_of(data)} admin={url_of(admin)}"
            until(lambda: out.all() == [line], 20, what=f"{line}; it said {out.all()}")
            assert early.answer().status == 200
            for listening in (data, second, admin):
                for _ in range(8):  # whichever loop it is
                    with RawClient(url_of(listening)) as client:
                        assert client.request("GET", "/livez").status == 200


@pytest.mark.parametrize(
    ("names", "arguments", "code"),
    [
        ("data:web", (), 2),
        ("data", (), 2),
        ("admin:admin", (), 2),
        ("data:admin", ("--listen", "127.0.0.1:1"), 3),
        ("data:admin", ("--admin-listen", "[::1]:0"), 3),
    ],
)
def test_sockets_that_do_not_fit_are_refused(
    tmp_path: Path, names: str, arguments: tuple[str, ...], code: int
) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as other,
        started_with(tmp_path, names, one, other, arguments=arguments) as (process, _),
    ):
        assert process.wait(20) == code


def test_a_socket_of_another_kind_is_refused(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        with started_with(tmp_path, "data", deaf) as (process, _):
            assert process.wait(20) == 3
