"""The rules that every route of the admin API keeps: credential, routing, bodies, revisions, errors."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from headworks.admin import AdminClient
from headworks.errors import ConfigurationError, ConflictError, HeadworksError, NotFoundError, UsageError
from headworks.testing import Upstream
from support.asking import KEY, ask, backend, config
from support.gateway import Gateway
from support.raw_client import RawAnswer, RawClient

MakeUpstream = Callable[..., Upstream]
MakeGateway = Callable[..., Gateway]


@pytest.fixture
def house(upstream: MakeUpstream, gateway: MakeGateway) -> Gateway:
    return gateway(config(backend("first", upstream())), key=KEY)


def call(
    house: Gateway, method: str, path: str, body: Any = None, *, headers: dict[str, str] | None = None
) -> RawAnswer:
    given = {"authorization": f"Bearer {house.admin_token}"} if headers is None else headers
    with RawClient(house.admin_url) as client:
        return client.request(
            method,
            f"/admin/v1{path}",
            headers=given,
            body=None if body is None else json.dumps(body).encode(),
        )


def error_in(answer: RawAnswer) -> dict[str, Any]:
    error: dict[str, Any] = json.loads(answer.body)["error"]
    assert set(error) == {"code", "message", "path", "hint"}
    return error


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "missing_credential"),
        ({"authorization": "Bearer wrong"}, "invalid_api_key"),
        ({"authorization": f"Bearer {KEY}"}, "invalid_api_key"),
        ({"authorization": "Basic YTpi"}, "invalid_api_key"),
        ({"x-api-key": "x"}, "missing_credential"),
    ],
)
def test_without_its_token_it_says_nothing(house: Gateway, headers: dict[str, str], code: str) -> None:
    for method, path in (("GET", "/backends"), ("GET", "/nowhere"), ("DELETE", "/backends/first")):
        answer = call(house, method, path, headers=headers)
        assert answer.status == 401
        assert error_in(answer)["code"] == code
        assert answer.header("www-authenticate")
    assert ask(house).status == 200


def test_what_is_not_there_and_what_is_not_answered(house: Gateway) -> None:
    nowhere = call(house, "GET", "/nowhere")
    assert (nowhere.status, error_in(nowhere)["code"]) == (404, "route_not_found")
    deleted = call(house, "DELETE", "/backends")
    assert (deleted.status, error_in(deleted)["code"]) == (405, "method_not_allowed")
    assert deleted.header("allow") == "GET, POST"
    query = call(house, "GET", "/backends?pol=primary")
    assert (query.status, error_in(query)["hint"]) == (400, "did you mean 'pool'?")
    assert call(house, "GET", "/backends?pool=%zz").status == 400
    assert call(house, "GET", "/backends", {}).status == 400
    assert error_in(call(house, "POST", "/backends"))["message"] == "this route needs a JSON body"


def test_a_body_that_is_no_json_or_says_a_thing_twice(house: Gateway) -> None:
    with RawClient(house.admin_url) as client:
        for body, code in (
            (b"{nonsense", "invalid_json"),
            (b'{"model": "a", "model": "b"}', "invalid_configuration"),
        ):
            answer = client.request(
                "POST",
                "/admin/v1/explain",
                headers={"authorization": f"Bearer {house.admin_token}"},
                body=body,
            )
            assert answer.status == 400
            assert error_in(answer)["code"] == code


def test_backends_are_made_changed_and_removed(house: Gateway, upstream: MakeUpstream) -> None:
    with house.admin() as admin:
        made = admin.create_backend(
            name="second", api_base_url=f"{upstream().url}/v1", api_key="sk-very-secret-12345"
        )
        assert made["api_key_hint"] == "****2345"
        assert "sk-very-secret" not in json.dumps(made)
        assert {row["name"] for row in admin.backends()} == {"first", "second"}
        assert admin.backend(made["id"])["live"]["in_flight"] == 0
        changed = admin.change_backend("second", rpm_limit=7, label="the other")
        assert (changed["rpm_limit"], changed["label"], changed["name"]) == (7, "the other", "second")
        with pytest.raises(ConfigurationError, match="rpm_limit"):
            admin.change_backend("second", rpm_limit=-1)
        with pytest.raises(ConfigurationError, match="did you mean 'rpm_limit'"):
            admin.change_backend("second", rpm_limt=1)  # type: ignore[call-arg]
        with pytest.raises(ConflictError, match="already"):
            admin.create_backend(name="second", api_base_url="http://a.example/v1")
        with pytest.raises(ConflictError, match="give api_key again"):
            admin.change_backend("second", api_base_url="http://elsewhere.example/v1")
        admin.set_backend_status("first", "disabled")
        assert ask(house).header("x-headworks-backend") == "second"
        admin.remove_backend("second")
        with pytest.raises(NotFoundError):
            admin.remove_backend("second")


def test_the_second_of_two_editors_is_told(house: Gateway) -> None:
    seen = call(house, "GET", "/backends/first")
    token = {"authorization": f"Bearer {house.admin_token}", "if-match": str(seen.header("etag"))}
    first = call(house, "PATCH", "/backends/first", {"label": "mine"}, headers=token)
    assert first.status == 200
    assert first.header("etag") != seen.header("etag")
    second = call(house, "PATCH", "/backends/first", {"label": "theirs"}, headers=token)
    assert (second.status, error_in(second)["code"]) == (412, "stale_revision")
    assert json.loads(call(house, "GET", "/backends/first").body)["label"] == "mine"
    nonsense = call(house, "PATCH", "/backends/first", {"label": "x"}, headers={**token, "if-match": "W/abc"})
    assert nonsense.status == 400


def test_the_client_says_what_is_wrong(house: Gateway) -> None:
    with (
        AdminClient(house.admin_url, "wrong") as admin,
        pytest.raises(HeadworksError, match="no token of the admin API"),
    ):
        admin.backends()
    with pytest.raises(UsageError, match="no running server"):
        AdminClient(data_dir=house.data_dir / "nothing")
    with (
        AdminClient("http://127.0.0.1:9", "x") as admin,
        pytest.raises(HeadworksError, match="cannot be reached"),
    ):
        admin.backends()
