"""A revision brought back: exactly its export, as one change, with what cannot come back named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from headworks.admin import AdminClient
from headworks.errors import ConflictError, NotFoundError
from headworks.testing import Upstream
from support.asking import KEY, ask, backend, config
from support.gateway import Gateway

MakeUpstream = Callable[..., Upstream]
MakeGateway = Callable[..., Gateway]


@pytest.fixture
def house(upstream: MakeUpstream, gateway: MakeGateway) -> Gateway:
    made = config(backend("first", upstream(), rpm_limit=100), backend("second", upstream(), "fallback"))
    made["prices"] = [{"model": "m", "input": 1, "output": 2}]
    return gateway(made, key=KEY)


def revision_of(admin: AdminClient) -> int:
    return int(admin.revisions(limit=1)[0]["number"])


def change_everything(admin: AdminClient, url: str) -> list[tuple[int, dict[str, Any]]]:
    """Revisions with their exports, after each of many different changes."""
    seen = [(revision_of(admin), admin.export_config())]

    def note() -> None:
        seen.append((revision_of(admin), admin.export_config()))

    admin.change_backend("first", rpm_limit=7, label="seven", model_mappings={"m": "n"})
    note()
    admin.change_backend("first", name="renamed", pool="a new pool")
    note()
    admin.put_pool("tier three", strategy="ordered", patience_seconds=2)
    note()
    admin.create_backend(name="third", api_base_url=url, api_key="sk-third-0123", pool="tier three")
    note()
    admin.create_client_key("other", rpm_limit=5)
    note()
    admin.change_settings(retry={"max_attempts": 9}, route_headers=False)
    note()
    admin.put_prices([{"model": "m", "input": 5, "output": 5}, {"model": "x", "input": 1, "output": 1}])
    note()
    admin.change_settings(retry={"max_attempts": 2})
    admin.remove_backend("second")
    admin.remove_client_key("other")
    admin.put_prices([])
    note()
    return seen


def test_every_revision_comes_back_exactly(house: Gateway, upstream: MakeUpstream) -> None:
    with house.admin() as admin:
        seen = change_everything(admin, f"{upstream().url}/v1")
        for number, export in [*seen[::-1], *seen, seen[3], seen[0], seen[-1]]:
            before = revision_of(admin)
            said = admin.restore_revision(number)
            assert admin.export_config() == export, number
            assert revision_of(admin) == (before + 1 if said["changes"] else before)
        admin.restore_revision(seen[0][0])
    assert ask(house).status == 200, "the first backend kept its key through all of it"


def test_what_cannot_come_back_is_named(house: Gateway) -> None:
    with house.admin() as admin:
        before = revision_of(admin)
        admin.remove_backend("second")
        admin.remove_client_key("app")
        said = admin.restore_revision(before)
        assert sorted(said["keys_missing"]) == ["backend second", "client key app"]
        assert ask(house).status == 401, "nobody knows the key that was made in its place"
        assert admin.backend("second")["key_state"] == "none"
        assert admin.restore_revision(before) == {"changes": [], "keys_missing": [], "dry_run": False}


def test_a_trial_changes_nothing(house: Gateway) -> None:
    with house.admin() as admin:
        before = revision_of(admin)
        admin.change_backend("first", rpm_limit=1)
        export = admin.export_config()
        said = admin.restore_revision(before, dry_run=True)
        assert [change["action"] for change in said["changes"]] == ["backend.update"]
        assert admin.export_config() == export


def test_there_is_no_such_revision(house: Gateway) -> None:
    with house.admin() as admin:
        for number in (99, 2**62):
            with pytest.raises(NotFoundError):
                admin.restore_revision(number)


def test_two_who_edit_the_same_backend(house: Gateway) -> None:
    """The second hears 412 with the revision that is, and what he wanted is not half there."""
    with house.admin() as one, house.admin() as other:
        seen = revision_of(other)
        one.change_backend("first", rpm_limit=11)
        with pytest.raises(ConflictError, match=f"its revision is {seen + 1}") as refused:
            other.at_revision(seen).change_backend("first", rpm_limit=22, label="late")
        assert refused.value.code == "stale_revision"
        assert other.backend("first")["rpm_limit"] == 11
        assert other.backend("first")["label"] == ""
        other.at_revision(seen + 1).change_backend("first", rpm_limit=22)
        assert one.backend("first")["rpm_limit"] == 22
