"""What the admin API has for the dashboard: the order of the tiers, what is spent, about, a playground."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from headworks.errors import HeadworksError, UsageError
from headworks.testing import Upstream
from support.asking import KEY, ask, backend, config, final_row
from support.gateway import Gateway
from support.until import until

MakeUpstream = Callable[..., Upstream]
MakeGateway = Callable[..., Gateway]


@pytest.fixture
def answering(upstream: MakeUpstream) -> Upstream:
    return upstream([{"text": "Hello there."}])


@pytest.fixture
def house(gateway: MakeGateway, answering: Upstream) -> Gateway:
    document = config(
        backend("first", answering), key={"rpm_limit": 10, "budgets": [{"usd": 5, "window": "day"}]}
    )
    return gateway({**document, "prices": [{"model": "m", "input": 1000, "output": 1000}]}, key=KEY)


def test_the_order_of_the_tiers(house: Gateway) -> None:
    with house.admin() as admin:
        admin.put_pool("third")
        before = admin.revisions()[0]["number"]
        assert [row["name"] for row in admin.order_pools(["third", "fallback", "primary"])] == [
            "third",
            "fallback",
            "primary",
        ]
        assert [row["name"] for row in admin.pools()] == ["third", "fallback", "primary"]
        assert admin.revisions()[0]["number"] == before + 1  # one change
        for wrong in (
            ["primary"],
            ["primary", "primary", "third"],
            ["primary", "fallback", "third", "other"],
        ):
            with pytest.raises(UsageError, match="every pool once"):
                admin.order_pools(wrong)
        admin.restore_revision(before)
        assert [row["name"] for row in admin.pools()] == ["primary", "fallback", "third"]


def test_what_a_key_has_spent(house: Gateway) -> None:
    with house.admin() as admin:
        (fresh,) = admin.client_keys()
        assert fresh["live"]["spent"][0]["usd"] == 0
        assert fresh["live"]["starts_left"] == 10
        row = final_row(house, ask(house).header("x-request-id"))
        level = admin.client_key("app")["live"]
        assert level["starts_left"] == 9
        assert level["in_flight"] == 0
        (spent,) = level["spent"]
        assert spent["window"] == "day"
        assert spent["usd"] == pytest.approx(row["cost_micro_usd"] / 1e6)
        assert spent["until"].endswith("T00:00:00Z")


def test_about(house: Gateway) -> None:
    with house.admin() as admin:
        about = admin.about()
    assert about["data_url"] == house.url
    assert about["admin_url"] == house.admin_url
    assert about["data_dir"] == str(house.data_dir)
    assert {"headworks", "sqlite", "openssl"} <= set(about["versions"])


def test_exchanges_by_status(house: Gateway, answering: Upstream) -> None:
    assert ask(house).status == 200
    answering.set_script([{"status": 400}])
    assert ask(house).status == 400
    with house.admin() as admin:
        (refused,) = until(lambda: admin.exchanges(status=400), what="the exchange is recorded")
        (served,) = until(lambda: admin.exchanges(status=200), what="the exchange is recorded")
        assert (refused["status"], served["status"]) == (400, 200)
        assert admin.exchanges(status=418) == []
        house.restart()
    with house.admin() as admin:  # out of the ledger
        assert [row["status"] for row in admin.exchanges(status=400)] == [400]
        with pytest.raises(UsageError):
            admin.exchanges(status="teapot")  # type: ignore[arg-type]


def test_the_playground_is_what_a_client_gets(house: Gateway, answering: Upstream) -> None:
    request = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}
    with house.admin() as admin:
        whole = json.loads(b"".join(admin.play(KEY, request)))
        assert whole["choices"][0]["message"]["content"] == "Hello there."
        streamed = b"".join(admin.play(KEY, {**request, "stream": True}))
        assert streamed.rstrip().endswith(b"data: [DONE]")
        assert answering.journal()[-1].json()["messages"] == request["messages"]
        with pytest.raises(HeadworksError) as refused:
            list(admin.play("hw_key_wrong", request))
        assert refused.value.code == "invalid_api_key"
        for wrong in ({"path": "/v1/files"}, {"path": "/admin/v1/tokens"}):
            with pytest.raises(UsageError):
                list(admin.play(KEY, request, **wrong))
        for key in ("", "two words", "line\r\nx: y"):
            with pytest.raises(UsageError):
                list(admin.play(key, request))
        viewer = admin.create_token("guest", "viewer")["token"]
        with type(admin)(house.admin_url, viewer) as guest, pytest.raises(HeadworksError, match="operator"):
            list(guest.play(KEY, request))
