"""AdminClient and AsyncAdminClient against a running server: operations, pages, errors, rows."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

import pytest

from headworks import AdminClient, AsyncAdminClient, rows
from headworks.errors import AccessError, ConfigurationError, ConflictError, NotFoundError, UnreachableError
from headworks.testing import Upstream
from support.asking import KEY, ask, backend, config
from support.gateway import Gateway
from support.typed import differences
from support.until import until

MakeUpstream = Callable[..., Upstream]
MakeGateway = Callable[..., Gateway]


@pytest.fixture
def house(upstream: MakeUpstream, gateway: MakeGateway) -> Gateway:
    rules = [{"model": "limited", "status": 429, "headers": {"retry-after": "60"}}, {"usage": {"input": 3}}]
    return gateway(config(backend("first", upstream(rules), rpm_limit=100)), key=KEY)


def methods_for(operation: str) -> set[str]:
    """The operation's own name, or without the verb where Python needs none."""
    return {operation, operation.removeprefix("list_"), operation.removeprefix("get_")}


@pytest.mark.parametrize("client", [AdminClient, AsyncAdminClient])
def test_there_is_a_method_for_every_operation(house: Gateway, client: type) -> None:
    with house.admin() as admin:
        paths = admin.openapi()["paths"]
    operations = [one["operationId"] for methods in paths.values() for one in methods.values()]

    assert len(operations) >= 50
    assert not [one for one in operations if not methods_for(one) & set(dir(client))]


def test_no_method_is_for_nothing(house: Gateway) -> None:
    """What the table of the client has beside the operations is one of these."""
    with house.admin() as admin:
        paths = admin.openapi()["paths"]
    operations = {one["operationId"] for methods in paths.values() for one in methods.values()}
    named = set().union(*map(methods_for, operations))
    others = {
        "all_audit",
        "all_cooldowns",
        "all_exchanges",
        "all_revisions",
        "at_revision",
        "close",
        "request",
    }

    assert {name for name in dir(AdminClient) if not name.startswith("_")} - named == others
    assert {name for name in dir(AsyncAdminClient) if not name.startswith("_")} - named == others


def test_help_shows_parameters_and_text() -> None:
    method = AdminClient.create_backend

    assert list(inspect.signature(method).parameters) == ["self", "name", "api_base_url", "fields"]
    assert inspect.signature(method).return_annotation == "BackendRow"
    assert (inspect.getdoc(method) or "").startswith("Makes a backend; its row.")
    assert method.__name__ == "create_backend"
    assert inspect.signature(AdminClient.all_exchanges).return_annotation == "Iterator[ExchangeRow]"


def test_rows_are_of_their_types(house: Gateway) -> None:
    answered = ask(house)
    ask(house, model="limited")
    with house.admin() as admin:
        until(lambda: len(admin.exchanges(state="finished")) == 2, what="two exchanges")
        until(lambda: sum(row["exchanges"] for row in admin.usage()) == 2, what="both in the sums")
        admin.cool_backend("first", seconds=60)
        admin.put_prices([{"model": "m", "input": 1, "output": 2}])
        key = admin.create_client_key("typed", models=["m"], budgets=[{"usd": 1, "window": "day"}])
        limited = admin.exchanges(model="limited")[0]["request_id"]
        seen: list[tuple[Any, Any]] = [
            (admin.backends(), list[rows.BackendRow]),
            (admin.backend("first"), rows.BackendRow),
            (admin.change_backend("first", label="x"), rows.BackendRow),
            (admin.test_backend("first", "m"), rows.BackendTestRow),
            (admin.pools(), list[rows.PoolRow]),
            (admin.pool_stats(), dict[str, rows.PoolStatsRow]),
            (admin.client_keys(), list[rows.ClientKeyRow]),
            (key, rows.NewClientKeyRow),
            (admin.rotate_client_key("typed", overlap_seconds=60), rows.NewClientKeyRow),
            (admin.settings(), rows.SettingsRow),
            (admin.prices(), list[rows.PriceRow]),
            (admin.apply_config({"version": 1}, dry_run=True), list[rows.ChangeRow]),
            (admin.revisions(), list[rows.RevisionRow]),
            (admin.revision(admin.revisions()[0]["number"]), rows.WholeRevisionRow),
            (admin.restore_revision(1, dry_run=True), rows.RestoreRow),
            (admin.audit(), list[rows.AuditRow]),
            (admin.cooldowns(), list[rows.CooldownRow]),
            (admin.usage(["model", "key"], step="hour").rows(), list[rows.UsageRow]),
            (admin.exchanges(), list[rows.ExchangeRow]),
            (admin.exchange(str(answered.header("x-request-id"))), rows.WholeExchangeRow),
            (admin.exchange(limited), rows.WholeExchangeRow),
            (admin.explain("m", client_key="app").row, rows.PlanRow),
            (admin.create_token("t", "viewer"), rows.NewTokenRow),
            (admin.tokens(), list[rows.TokenRow]),
            (admin.session(), rows.SessionRow),
            (admin.make_backup(), rows.BackupRow),
            (admin.master_key(), rows.MasterKeyState),
            (admin.import_sidecar([], dry_run=True), rows.SidecarImportRow),
        ]

    assert all(value for value, kind in seen if kind is not rows.SidecarImportRow), "nothing empty was judged"
    assert not [problem for value, kind in seen for problem in differences(value, kind)]


def test_pages_follow_one_another(house: Gateway) -> None:
    with house.admin() as admin:
        for number in range(7):
            admin.change_backend("first", label=f"label {number}")
        first = admin.revisions(limit=3)
        assert (len(first), first.next) == (3, str(first[-1]["number"]))
        assert admin.revisions(limit=3, before=first.next)[0]["number"] == first[-1]["number"] - 1
        assert list(admin.all_revisions(limit=3)) == list(admin.revisions(limit=1000))
        assert list(admin.all_audit(limit=2)) == list(admin.audit(limit=1000))
        assert admin.backends().next is None


def test_errors_have_their_classes(house: Gateway) -> None:
    with house.admin() as admin:
        viewer = admin.create_token("viewer", "viewer")["token"]
        with pytest.raises(NotFoundError):
            admin.backend("nobody")
        with pytest.raises(ConflictError) as stale:
            admin.at_revision(1).change_backend("first", label="x")
        with pytest.raises(ConfigurationError):
            admin.change_backend("first", rpm_limit=-1)
    assert stale.value.code == "stale_revision"
    with AdminClient(house.admin_url, viewer) as admin, pytest.raises(AccessError) as denied:
        admin.remove_backend("first")
    assert denied.value.code == "permission_denied"
    with AdminClient(house.admin_url, "wrong") as admin, pytest.raises(AccessError):
        next(iter(admin.events()))
    with AdminClient("http://127.0.0.1:9", "x") as admin, pytest.raises(UnreachableError):
        admin.backends()


def test_the_asynchronous_twin_says_the_same(house: Gateway) -> None:
    async def look() -> None:
        async with AsyncAdminClient(house.admin_url, house.admin_token) as admin:
            made = await admin.create_backend("second", "http://second.example/v1", rpm_limit=7)
            assert (await admin.backend(made["id"]))["rpm_limit"] == 7
            changed = await asyncio.gather(
                *(admin.change_backend(name, label="together") for name in ("first", "second"))
            )
            assert [row["label"] for row in changed] == ["together", "together"]
            numbers = [row["number"] async for row in admin.all_revisions(limit=2)]
            assert numbers == [row["number"] for row in await admin.revisions(limit=1000)]
            assert (await admin.usage("model")).by == ["model"]
            assert (await admin.explain("m")).row["pool"] == "primary"
            with pytest.raises(ConflictError):
                await admin.at_revision(1).remove_backend("second")
            await admin.remove_backend("second")
            with pytest.raises(NotFoundError):
                await admin.backend("second")
            events = admin.events()
            name, sample = await anext(events)
            assert (name, [row["name"] for row in sample["backends"]]) == ("sample", ["first"])
            await events.aclose()  # type: ignore[attr-defined]
        async with AsyncAdminClient("http://127.0.0.1:9", "x") as admin:
            with pytest.raises(UnreachableError):
                await admin.backends()

    asyncio.run(look())
