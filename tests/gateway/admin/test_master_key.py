"""The rotation of master keys: online, resumable, and the old key opens nothing afterwards."""

from __future__ import annotations

import base64
import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from headworks import Store
from headworks.errors import ConflictError, HeadworksError, NotFoundError
from headworks.testing import Upstream
from support.asking import KEY, ask, backend, config
from support.gateway import Gateway
from support.raw_client import ConnectionEndedError

MakeUpstream = Callable[..., Upstream]
MakeGateway = Callable[..., Gateway]

CANARY = "sk-canary-4f1d"
BACKENDS = 250


@pytest.fixture
def house(upstream: MakeUpstream, gateway: MakeGateway) -> Gateway:
    started = gateway(config(), key=KEY)
    only = upstream()
    with started.admin() as admin:
        for number in range(BACKENDS):
            fields = backend(f"b{number}", only, "primary" if number < 3 else "fallback")
            admin.create_backend(**{**fields, "api_key": f"{CANARY}-{number:04d}"})
    return started


def keys_of(house: Gateway) -> dict[int, int]:
    with house.admin() as admin:
        return {key["kid"]: key["provider_keys"] for key in admin.master_key()["keys"]}


def envelopes(house: Gateway) -> list[str]:
    with sqlite3.connect(house.data_dir / "headworks.db") as database:
        return [row[0] for row in database.execute("SELECT api_key_encrypted FROM backends ORDER BY name")]


def holders_of(folder: Path, text: str) -> list[str]:
    return [one.name for one in folder.rglob("*") if one.is_file() and text.encode() in one.read_bytes()]


def test_a_rotation_from_end_to_end(house: Gateway, tmp_path: Path) -> None:
    old_ring = (house.data_dir / "master.key").read_text()
    old_envelope = envelopes(house)[7]
    with house.admin() as admin:
        assert keys_of(house) == {1: BACKENDS}
        with pytest.raises(ConflictError, match="still sealed"):
            admin.drop_master_key(1)
        added = admin.add_master_key()
        assert [key["newest"] for key in added["keys"]] == [False, True]
        with pytest.raises(ConflictError, match="still sealed"):
            admin.drop_master_key(1)
        admin.change_backend("b0", api_key="sk-new-0123456789")
        assert keys_of(house) == {1: BACKENDS - 1, 2: 1}
        done = admin.rewrap()
        assert (done["rewrapped"], done["unreadable"]) == (BACKENDS - 1, [])
        assert admin.rewrap()["rewrapped"] == 0
        assert keys_of(house) == {1: 0, 2: BACKENDS}
        admin.drop_master_key(1)
        assert keys_of(house) == {2: BACKENDS}
        with pytest.raises(NotFoundError):
            admin.drop_master_key(1)
    assert ask(house).status == 200
    assert not holders_of(house.data_dir, CANARY)
    assert not holders_of(house.data_dir, old_envelope), "what the old key sealed is overwritten"
    house.restart()
    assert ask(house).status == 200
    house.stop()
    copy = tmp_path / "old.key"
    copy.write_text(old_ring)
    copy.chmod(0o600)
    store = Store(str(house.data_dir / "headworks.db"), master_key_file=str(copy))
    assert all(row.api_key_plain is None for row in store.list_backends(decrypt_key=True))


def test_what_no_key_opens_is_named(house: Gateway) -> None:
    house.stop()
    with sqlite3.connect(house.data_dir / "headworks.db") as database:
        database.execute(
            "UPDATE backends SET api_key_encrypted = (SELECT api_key_encrypted FROM backends "
            "WHERE name = 'b5') WHERE name = 'b6'"
        )
        database.execute(
            "UPDATE backends SET api_key_encrypted = 'sk-from-before-encryption' WHERE name = 'b7'"
        )
    house.start()
    with house.admin() as admin:
        assert admin.master_key()["unreadable"] == ["b6"]
        assert admin.master_key()["clear"] == 1
        admin.add_master_key()
        done = admin.rewrap()
        assert (done["rewrapped"], done["unreadable"], done["clear"]) == (BACKENDS - 1, ["b6"], 0)
        with pytest.raises(ConflictError, match="1 provider keys are still sealed"):
            admin.drop_master_key(1)
        admin.change_backend("b6", api_key="sk-given-anew-0123")
        admin.drop_master_key(1)
    assert not holders_of(house.data_dir, "sk-from-before-encryption")


@contextlib.contextmanager
def traffic(house: Gateway) -> Iterator[list[int]]:
    """Requests one after the other until the end; their statuses, those to a killed server left out."""
    statuses: list[int] = []
    over = threading.Event()

    def run() -> None:
        while not over.is_set():
            with contextlib.suppress(OSError, ConnectionEndedError):
                statuses.append(ask(house).status)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield statuses
    finally:
        over.set()
        thread.join()


def kill_and_rotate(house: Gateway, kills: int) -> None:
    import random

    chance = random.Random(11)
    for _ in range(kills):
        with house.admin() as admin, traffic(house) as statuses:
            admin.add_master_key()
            killer = threading.Timer(chance.random() * 0.012, house.kill)
            killer.start()
            with contextlib.suppress(HeadworksError):
                admin.rewrap()
            killer.join()
        assert set(statuses) <= {200}
        house.start()
        with house.admin() as admin:
            state = admin.master_key()
            assert (state["unreadable"], state["clear"]) == ([], 0)
            assert sum(key["provider_keys"] for key in state["keys"]) == BACKENDS
            if len(state["keys"]) > 4:
                admin.rewrap()
                for key in admin.master_key()["keys"][:-1]:
                    admin.drop_master_key(key["kid"])
    with house.admin() as admin:
        admin.rewrap()
        assert admin.master_key()["unreadable"] == []
    assert ask(house).status == 200
    assert not holders_of(house.data_dir, CANARY)


def test_killed_in_the_middle_nothing_becomes_unreadable(house: Gateway) -> None:
    kill_and_rotate(house, 5)


@pytest.mark.minutes
def test_killed_fifty_times_nothing_becomes_unreadable(house: Gateway) -> None:
    kill_and_rotate(house, 50)


def test_a_key_from_the_environment_is_changed_there(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    ring = base64.b64encode(bytes(range(32))).decode()
    house = gateway(config(backend("first", upstream())), key=KEY, environment={"HEADWORKS_MASTER_KEY": ring})
    with house.admin() as admin, pytest.raises(ConflictError, match="does not come from a file"):
        admin.add_master_key()
