"""A new process takes over from a running one (USR2)."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from gateway.faults.figures import Note
from headworks.errors import HeadworksError
from headworks.testing import Upstream
from support.asking import KEY, ask, backend, config, error_of, metrics_of, rows_of
from support.gateway import Gateway, headworksd
from support.succession import Flow, end, hand_over, lives, says, serving, until_gone
from support.until import until

MakeUpstream = Callable[..., Upstream]
MakeGateway = Callable[..., Gateway]
SERVE = (Path(sys.executable).with_name("headworks"), "serve")
STREAM = {"stream": {"events": 20, "per_second": 10}, "model": "slow"}
FAILED = "the hand-over failed; this process goes on serving"


@pytest.fixture
def house(gateway: MakeGateway) -> Iterator[MakeGateway]:
    """`gateway`, and whoever has taken over ends too."""
    made: list[Gateway] = []

    def start(*arguments: Any, **options: Any) -> Gateway:
        made.append(gateway(*arguments, key=KEY, **options))
        return made[-1]

    yield start
    for one in made:
        end(one)


def stream_of(house: Gateway) -> tuple[int, bool, bytes]:
    answer = ask(house, model="slow", stream=True)
    return answer.status, answer.complete, answer.body[-14:]


WHOLE = (200, True, b"data: [DONE]\n\n")


# Nothing fails


@pytest.mark.rows("F35", "R7")
@pytest.mark.parametrize(("command", "times"), [((), 20), (SERVE, 3)], ids=["headworksd", "headworks-serve"])
def test_no_client_notices(
    upstream: MakeUpstream, house: MakeGateway, command: tuple[Path | str, ...], times: int
) -> None:
    """New connections, connections that are kept, and one by one all processes but the last end."""
    running = house(config(backend("first", upstream({"journal": False}))), command=command or None)
    served = [running.pid]
    with Flow(running) as flow:
        for _ in range(times):
            served.append(hand_over(running))
            flow.go_on()
    assert not flow.failures, (
        f"{len(flow.failures)} of {flow.answered}: {flow.failures[:5]}\n{running.describe()}"
    )
    assert len(set(served)) == times + 1
    for pid in served[:-1]:
        until_gone(pid)
    assert running.exit_code == 0
    assert metrics_of(running)['headworks_hand_overs_total{outcome="taken"}'] == 1
    until(
        lambda: len(rows_of(running, "SELECT 1 FROM attempts")) == flow.answered, what="a row for each answer"
    )
    with running.admin() as admin:
        assert sum(row["exchanges"] for row in admin.usage()) == flow.answered, "sums of two writers"


def served_by(running: Gateway) -> float:
    """Exchanges of the process that serves."""
    found = metrics_of(running)
    return sum(value for name, value in found.items() if name.startswith("headworks_exchanges_total"))


@pytest.mark.minutes
@pytest.mark.rows("F35", "R7")
def test_two_thousand_connections_a_second(
    upstream: MakeUpstream, house: MakeGateway, record_property: Note
) -> None:
    """The load generator connects anew for each request: the gateway answers `connection: close`."""
    running = house(config(backend("first", upstream({"journal": False}))))
    load = subprocess.Popen(
        [
            *(headworksd(), "bench", "--url", running.url, "--key", KEY, "--mode", "open", "--rate", "2000"),
            *(
                "--connections",
                "256",
                "--seconds",
                "40",
                "--header",
                "connection: close",
                "--any-body",
                "--json",
            ),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    for _ in range(20):
        until(lambda: served_by(running) > 2000, 20, what="a second of load")
        hand_over(running)
    said, _ = load.communicate(timeout=60)
    report = json.loads(said)
    failed, answered = sum(report["faults"].values()), sum(report["statuses"].values())
    record_property("R7", f"{failed} failed connections, {answered} answered, in 20 hand-overs")
    assert not failed, report["faults"]
    assert set(report["statuses"]) == {"200"}


@pytest.mark.rows("F35")
def test_a_stream_ends_where_it_began(upstream: MakeUpstream, house: MakeGateway) -> None:
    first = upstream([STREAM])
    running = house(config(backend("first", first)))
    with ThreadPoolExecutor(1) as pool:
        stream = pool.submit(stream_of, running)
        until(first.journal, what="the stream's beginning")
        hand_over(running)
        assert running.running, "the old process has something to end"
        assert stream.result() == WHOLE
    until(lambda: not running.running, what="the end of the old process")
    assert running.exit_code == 0
    assert serving(running) != 0, "run.json stays"
    (row,) = until(lambda: rows_of(running), what="the stream's row, by the old process")
    assert row["status"] == 200


def test_it_goes_on_under_traffic_of_operators(upstream: MakeUpstream, house: MakeGateway) -> None:
    """What was acknowledged is there; what came too late for the old process is told to come again."""
    running = house(config(backend("first", upstream())))
    acknowledged = ""
    with ThreadPoolExecutor(1) as pool, running.admin() as admin:
        going = pool.submit(lambda: [hand_over(running) for _ in range(3)])
        while not going.done() or not acknowledged:
            label = f"{time.monotonic()}"
            try:
                admin.change_backend("first", label=label)
            except HeadworksError as error:
                assert getattr(error, "code", "") == "draining", repr(error)
            else:
                acknowledged = label
        going.result()
        assert admin.backend("first")["label"] == acknowledged


# What is carried


@pytest.mark.rows("F35")
def test_what_was_taken_and_what_cools_is_carried(upstream: MakeUpstream, house: MakeGateway) -> None:
    limited = upstream([{"status": 429, "headers": {"retry-after": "60"}}])
    first = upstream()
    running = house(
        config(
            backend("limited", limited, model_mappings={"l": "l"}),
            backend("first", first, rpm_limit=3, model_mappings={"m": "m"}),
            queue={"max_wait_seconds": 0},
        )
    )
    assert [ask(running).status for _ in range(2)] == [200, 200]
    assert ask(running, model="l").status == 429
    hand_over(running)
    assert [ask(running).status for _ in range(2)] == [200, 429]
    hand_over(running)
    assert [ask(running).status, ask(running, model="l").status] == [429, 429]
    assert len(first.journal()) == 3
    assert len(limited.journal()) == 1


def test_a_budget_is_settled_across_the_two(upstream: MakeUpstream, house: MakeGateway) -> None:
    """The stream holds its most in both processes; the old one tells what it did cost."""
    first = upstream([STREAM])
    running = house(
        config(backend("first", first), key={"budgets": [{"tokens": 1_000_000, "window": "month"}]})
    )

    def spent() -> float:
        with running.admin() as admin:
            (key,) = admin.client_keys()
        return float(key["live"]["spent"][0]["tokens"])

    with ThreadPoolExecutor(1) as pool:
        stream = pool.submit(stream_of, running)
        until(first.journal, what="the stream's beginning")
        held = spent()
        hand_over(running)
        assert spent() == held
        assert stream.result() == WHOLE
    (row,) = until(lambda: rows_of(running), what="the stream's row")
    used = row["input_tokens"] + row["output_tokens"]
    assert used < held
    until(lambda: spent() == used, what="what the old process had held too much")


def test_who_waits_in_line_is_asked_to_come_again(upstream: MakeUpstream, house: MakeGateway) -> None:
    """A start that frees while the old process drains is the new one's: nobody counts it twice."""
    first = upstream()
    running = house(config(backend("first", first, rpm_limit=1), queue={"max_wait_seconds": 90}))
    assert ask(running).status == 200
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ask, running, seconds=90)
        until(lambda: metrics_of(running)["headworks_queue_depth"] == 1, what="one that waits")
        hand_over(running)
        answer = waiting.result()
    assert answer.status == 503
    assert error_of(answer)["code"] == "draining"
    assert answer.header("retry-after-ms") == "100"
    assert answer.header("x-should-retry") is None
    assert len(first.journal()) == 1


def test_a_master_key_from_the_environment_goes_along(upstream: MakeUpstream, house: MakeGateway) -> None:
    """It was taken out of the environment at the start."""
    key = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA="
    running = house(config(backend("first", upstream())), environment={"HEADWORKS_MASTER_KEY": key})
    for _ in range(2):
        hand_over(running)
        assert ask(running).status == 200
    assert not (running.data_dir / "master.key").exists()


# What goes wrong


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A copy of the program, to be replaced."""
    return Path(shutil.copy(headworksd(), tmp_path / "headworksd"))


def replace(program: Path, text: str) -> None:
    fresh = program.with_suffix(".new")
    fresh.write_text(text)
    fresh.chmod(0o755)
    fresh.rename(program)


@pytest.mark.rows("F35")
@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ("exits", "exit code 7"),
        ("gone", "cannot be run"),
        ("no program", "cannot be run"),
        ("configuration", "rpm_limt"),
    ],
)
def test_a_new_process_that_fails_leaves_the_old_one(
    upstream: MakeUpstream, house: MakeGateway, program: Path, broken: str, why: str
) -> None:
    good = config(backend("first", upstream({"journal": False})))
    running = house(good, command=(program,))
    with Flow(running) as flow:
        if broken == "exits":
            replace(program, "#!/bin/sh\nexit 7\n")
        elif broken == "gone":
            program.unlink()
        elif broken == "no program":
            replace(program, "no program at all")
        else:
            running.write_config(config(backend("first", "http://localhost/v1", rpm_limt=3)))
        running.signal(signal.SIGUSR2)
        (line,) = until(lambda: says(running, FAILED), what="why not")
        assert why in line
        assert serving(running) == running.pid
        assert metrics_of(running)['headworks_hand_overs_total{outcome="failed"}'] == 1
        if broken == "configuration":
            running.write_config(good)
        else:
            shutil.copy(headworksd(), program.with_suffix(".new"))
            program.with_suffix(".new").rename(program)
        hand_over(running)
    assert not flow.failures, flow.failures[:5]


def until_failed(house: Gateway, times: int) -> None:
    until(lambda: len(says(house, FAILED)) == times, what="a hand-over that failed")


def test_one_that_fails_when_it_takes_over_gives_the_place_back(
    upstream: MakeUpstream, house: MakeGateway, program: Path
) -> None:
    """The new process ends when it is told that the place is its: the old one accepts again."""
    running = house(
        config(backend("first", upstream({"journal": False}), rpm_limit=100_000)), command=(program,)
    )
    replace(
        program,
        f"#!{sys.executable}\n"
        "import os, socket\n"
        "names = os.environ['LISTEN_FDNAMES'].split(':')\n"
        "channel = socket.socket(fileno=3 + names.index('headworks.channel'))\n"
        "channel.send(b'prepared')\n"
        "assert channel.recv(100) == b'yours'\n",
    )
    with Flow(running) as flow:
        for times in (1, 2):
            running.signal(signal.SIGUSR2)
            until_failed(running, times)
            flow.go_on()
        with running.admin() as admin:
            admin.change_backend("first", label="changes go on")
    assert not flow.failures, flow.failures[:5]
    assert serving(running) == running.pid


@pytest.mark.rows("F35")
def test_a_stop_in_the_midst_of_it(
    upstream: MakeUpstream, house: MakeGateway, program: Path, tmp_path: Path
) -> None:
    """The new process is not ready yet: it ends, and so does the old one, in order."""
    running = house(config(backend("first", upstream())), command=(program,))
    replace(program, f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 60\n")
    running.signal(signal.SIGUSR2)
    said = tmp_path / "pid"
    pid = int(until(lambda: said.read_text() if said.exists() else "", what="the new process"))

    assert running.stop(seconds=10) == 0
    assert not lives(pid)
    assert not (running.data_dir / "run.json").exists()


@pytest.mark.rows("F35")
def test_a_stop_of_the_old_process_cuts_no_stream(upstream: MakeUpstream, house: MakeGateway) -> None:
    """It drains already; and the new one is not meant."""
    first = upstream([STREAM])
    running = house(config(backend("first", first)))
    with ThreadPoolExecutor(1) as pool:
        stream = pool.submit(stream_of, running)
        until(first.journal, what="the stream's beginning")
        new = hand_over(running)
        running.signal(signal.SIGTERM)
        assert stream.result() == WHOLE
    until(lambda: not running.running, what="the end of the old process")
    assert lives(new)
    assert ask(running, model="m").status == 200


def test_the_service_manager_hears_who_serves(house: MakeGateway, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(20)
        running = house(None, environment={"NOTIFY_SOCKET": str(tmp_path / "notify")})
        assert manager.recv(100) == b"READY=1"
        new = hand_over(running)
        assert manager.recv(100) == f"MAINPID={new}".encode()
        until(lambda: not running.running, what="the end of the old process")
        os.kill(new, signal.SIGTERM)
        assert manager.recv(100) == b"STOPPING=1", "the unit stops with the new process only"
