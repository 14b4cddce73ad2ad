"""Provider keys and client keys on disk, in logs and in answers: nowhere in clear."""

from __future__ import annotations

import base64
import json
import sqlite3
import stat
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from headworks.testing import Upstream
from support.asking import KEY, MESSAGES, ask, backend, config, error_of, metrics_of, rows_of
from support.gateway import Gateway
from support.raw_client import RawClient
from support.until import until

MakeUpstream = Callable[..., Upstream]
MakeGateway = Callable[..., Gateway]

CANARY = "sk-canary-7f3a9c51d2e84b60"
MASTER_KEY = base64.b64encode(b"6" * 32).decode()
OTHER_MASTER_KEY = base64.b64encode(b"7" * 32).decode()


def with_canary(upstream: Upstream, **fields: Any) -> dict[str, Any]:
    return config(backend("first", upstream, **fields) | {"api_key": CANARY})


def holds(folder: Path, secret: str) -> list[str]:
    """The files of a folder in which a text stands, in clear, as base64 or in hex."""
    raw = secret.encode()
    forms = [raw, raw.hex().encode(), secret.encode("utf-16-le")]
    return [
        path.name
        for path in sorted(folder.rglob("*"))
        if path.is_file() and any(f in path.read_bytes() for f in forms)
    ]


def edit(gateway: Gateway, sql: str, *values: Any) -> None:
    """Changes headworks.db from outside. REQUIRES that the gateway is stopped."""
    with closing(sqlite3.connect(gateway.data_dir / "headworks.db")) as db, db:
        assert db.execute(sql, values).rowcount == 1


def row_of(gateway: Gateway, name: str) -> dict[str, Any]:
    with closing(sqlite3.connect(f"file:{gateway.data_dir / 'headworks.db'}?mode=ro", uri=True)) as db:
        db.row_factory = sqlite3.Row
        return dict(db.execute("SELECT * FROM backends WHERE name = ?", [name]).fetchone())


def test_no_key_stands_in_any_file(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    """While it runs, after kill -9 with both write-ahead logs left behind, and after a clean stop."""
    house = gateway(with_canary(upstream()), key=KEY)
    assert [ask(house).status for _ in range(20)] == [200] * 20
    until(lambda: (house.data_dir / "usage.db-wal").stat().st_size, what="rows in the ledger's log")

    assert (house.data_dir / "headworks.db-wal").exists()
    for secret in (CANARY, KEY):
        assert not holds(house.data_dir, secret)
    house.kill()
    for secret in (CANARY, KEY):
        assert not holds(house.data_dir, secret)
    house.start()
    assert ask(house).status == 200
    assert house.stop() == 0
    for secret in (CANARY, KEY):
        assert not holds(house.data_dir, secret)


def test_files_are_for_their_owner_only(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    house = gateway(with_canary(upstream()), key=KEY)
    ask(house)

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) & 0o077 for path in house.data_dir.iterdir()}
    assert not any(modes.values()), modes
    assert {"headworks.db", "usage.db", "master.key", "admin.token"} <= set(modes)


def test_no_key_stands_in_logs_metrics_or_answers(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    """Even when the upstream sends it back in its error."""
    echo = {"status": 401, "json": {"error": {"message": f"Incorrect API key provided: {CANARY}"}}, "nth": 1}
    mine = {"status": 400, "json": {"error": {"message": f"you sent {CANARY}"}}, "nth": 2}
    house = gateway(with_canary(upstream([echo, mine])), key=KEY, arguments=("--log-level", "debug"))

    bodies = [ask(house).body.decode() for _ in range(3)]
    with RawClient(house.admin_url) as client:
        bodies.append(client.request("GET", "/metrics").body.decode())
    house.stop()

    for text in (*bodies, *house.log_lines, *house.out_lines):
        assert CANARY not in text
        assert KEY not in text


def masked(house: Gateway, sink: str) -> float:
    return metrics_of(house).get(f'headworks_secrets_masked_total{{sink="{sink}"}}', 0)


def test_a_live_key_is_masked_and_counted_in_every_sink(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    """Whoever repeats it: an upstream in an error, a stream, its id; a client as its model; an operator."""
    said = {"error": {"message": f"no such key: {CANARY}"}}
    begun = {"choices": [{"delta": {"content": "a"}}]}
    one = upstream(
        [
            {"model": "refused", "status": 400, "json": said},
            {
                "model": "cut",
                "headers": {"content-type": "text/event-stream"},
                "body": f"data: {json.dumps(begun)}\n\ndata: {json.dumps(said)}\n\n",
            },
            {"model": "id", "headers": {"x-request-id": f"id-{CANARY}"}},
        ]
    )
    other = backend("second", upstream(), metadata={"note": f"the first one has {CANARY}"})
    made = config(backend("first", one) | {"api_key": CANARY}, other)
    house = gateway(made, key=KEY, arguments=("--log-level", "debug"))
    with house.admin() as admin:
        admin.set_backend_status("second", "disabled")
        hers = admin.create_client_key("hers")["key"]
        events = admin.events()
        next(events)

        shown = [ask(house, model="refused"), ask(house, model="cut", stream=True), ask(house, model="id")]
        assert [answer.status for answer in shown] == [400, 200, 200]
        assert shown[2].header("x-upstream-request-id") is None
        assert masked(house, "client") == 3
        for name in (CANARY, hers):  # a client that takes one field for the other
            assert ask(house, model=name).status == 200
        until(lambda: masked(house, "ledger") == 2, what="both masked as they are recorded")
        assert masked(house, "log") == 0, "the ledger's own mask came first"

        texts = [answer.body.decode() + str(answer.headers) for answer in shown]
        texts += [json.dumps(admin.export_config()), json.dumps(admin.exchanges()), json.dumps(admin.audit())]
        assert masked(house, "export") >= 1
        assert masked(house, "admin") >= 1
        until(lambda: len(rows_of(house)) == 5, what="the ledger")
        texts += [json.dumps(rows_of(house), default=str), json.dumps(admin.usage(by="model").rows())]
        texts += [json.dumps(next(events)) for _ in range(6)]
    house.stop()
    for text in (*texts, *house.log_lines):
        assert CANARY not in text
        assert hers not in text
    assert not holds(house.data_dir, hers)


@pytest.mark.parametrize("wrong", [OTHER_MASTER_KEY, None], ids=["another key", "a new key file"])
def test_a_wrong_master_key_exits_4(upstream: MakeUpstream, gateway: MakeGateway, wrong: str | None) -> None:
    house = gateway(with_canary(upstream()), key=KEY, environment={"HEADWORKS_MASTER_KEY": MASTER_KEY})
    assert house.stop() == 0
    before = (house.data_dir / "headworks.db").read_bytes()

    again = gateway(
        None,
        data_dir=house.data_dir,
        start=False,
        environment={"HEADWORKS_MASTER_KEY": wrong} if wrong else {},
    )
    again.launch()

    assert again.wait() == 4
    assert "master key" in "\n".join(again.log_lines)
    assert (house.data_dir / "headworks.db").read_bytes() == before
    assert not (house.data_dir / "run.json").exists()


def test_a_key_file_that_others_can_read_exits_4(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    house = gateway(with_canary(upstream()), key=KEY)
    assert house.stop() == 0
    (house.data_dir / "master.key").chmod(0o644)

    house.launch()

    assert house.wait() == 4
    assert "chmod" in "\n".join(house.log_lines)


def flip(envelope: str) -> str:
    """One character of the sealed part changed."""
    at = len(envelope) - 6
    return envelope[:at] + ("A" if envelope[at] != "A" else "B") + envelope[at + 1 :]


def test_a_damaged_key_takes_only_its_backend_out(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    first, second = upstream(), upstream()
    house = gateway(config(backend("first", first), backend("second", second)), key=KEY)
    assert house.stop() == 0
    edit(
        house,
        "UPDATE backends SET api_key_encrypted = ? WHERE name = 'first'",
        flip(row_of(house, "first")["api_key_encrypted"]),
    )

    again = gateway(None, data_dir=house.data_dir, key=KEY)

    assert {ask(again).header("x-headworks-backend") for _ in range(10)} == {"second"}
    assert not first.journal()
    row = row_of(again, "first")
    assert (row["api_base_url"], row["rpm_limit"]) == (f"{first.url}/v1", 0)
    assert any("first" in line and "key" in line for line in again.log_lines)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(
            "UPDATE backends SET api_key_encrypted = substr(api_key_encrypted, 1, 30) WHERE name = 'first'",
            id="cut",
        ),
        pytest.param(
            "UPDATE backends SET api_key_encrypted = 'hwe1:' WHERE name = 'first'",
            id="nothing but the prefix",
        ),
        pytest.param(
            "UPDATE backends SET api_base_url = 'http://127.0.0.1:1/v1' WHERE name = 'first'",
            id="another origin",
        ),
    ],
)
def test_a_key_opens_only_whole_and_at_its_place(
    upstream: MakeUpstream, gateway: MakeGateway, damage: str
) -> None:
    """A key is sealed to its row and its origin: moved to another address it is not sent there."""
    house = gateway(config(backend("first", upstream()), backend("second", upstream())), key=KEY)
    assert house.stop() == 0
    edit(house, damage)

    again = gateway(None, data_dir=house.data_dir, key=KEY)

    assert {ask(again).header("x-headworks-backend") for _ in range(4)} == {"second"}


def test_a_key_of_another_row_does_not_open(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    one = upstream()
    house = gateway(config(backend("first", one), backend("second", one)), key=KEY)
    assert house.stop() == 0
    other = row_of(house, "second")["api_key_encrypted"]
    edit(house, "UPDATE backends SET api_key_encrypted = ? WHERE name = 'first'", other)

    again = gateway(None, data_dir=house.data_dir, key=KEY)

    assert {ask(again).header("x-headworks-backend") for _ in range(4)} == {"second"}


def test_the_first_start_makes_one_key_and_shows_it_once(gateway: MakeGateway) -> None:
    house = gateway()
    first_key = house.key
    lines = [line for line in house.log_lines if first_key in line]
    house.restart()

    assert len(lines) == 1
    assert not [line for line in house.log_lines if "hw_key_" in line]
    with RawClient(house.url) as client:
        answer = client.request("GET", "/v1/models", headers={"x-api-key": first_key})
    assert answer.status == 200
    assert json.loads(answer.body)["data"] == []
    assert error_of(ask(house, MESSAGES, key=first_key))["type"] == "not_found_error"


def test_a_master_key_from_the_environment_is_not_written(
    upstream: MakeUpstream, gateway: MakeGateway
) -> None:
    house = gateway(
        with_canary(upstream()),
        key=KEY,
        command=(Path(sys.executable).with_name("headworks"), "serve"),
        environment={"HEADWORKS_MASTER_KEY": MASTER_KEY},
    )

    assert ask(house).status == 200
    assert not holds(house.data_dir, MASTER_KEY)
    assert not (house.data_dir / "master.key").exists()
