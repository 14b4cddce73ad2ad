"""The contract of the table: every route of /openapi.json, asked as it must not be."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from openapi_spec_validator import validate

from headworks.rows import Role
from headworks.testing import Upstream
from support.asking import KEY, backend, config
from support.gateway import Gateway
from support.raw_client import RawAnswer, RawClient

MakeUpstream = Callable[..., Upstream]
MakeGateway = Callable[..., Gateway]


@pytest.fixture
def house(upstream: MakeUpstream, gateway: MakeGateway) -> Gateway:
    return gateway(config(backend("first", upstream())), key=KEY)


@pytest.fixture
def description(house: Gateway) -> dict[str, Any]:
    with house.admin() as admin:
        made: dict[str, Any] = admin.request("GET", "/openapi.json")
        return made


def operations(description: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path with ids that nothing has, and the operation."""
    for path, methods in description["paths"].items():
        filled = path
        while "{" in filled:
            before, _, rest = filled.partition("{")
            filled = f"{before}nobody{rest.partition('}')[2]}"
        for method, operation in methods.items():
            yield method.upper(), filled, operation


def call(client: RawClient, method: str, path: str, token: str | None, body: Any = None) -> RawAnswer:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return client.request(
        method, path, headers=headers, body=None if body is None else json.dumps(body).encode()
    )


def test_the_description_is_valid_and_whole(description: dict[str, Any]) -> None:
    validate(description)
    names = [operation["operationId"] for _, _, operation in operations(description)]
    assert len(names) == len(set(names)) >= 30
    assert all(
        operation["x-role"] in ("viewer", "operator", "admin") for _, _, operation in operations(description)
    )
    changing = [
        one
        for one in operations(description)
        if one[0] != "GET" and one[2]["operationId"] not in ("explain", "begin_session", "end_session")
    ]
    assert all(operation["x-role"] != "viewer" for _, _, operation in changing)
    assert [one[2]["operationId"] for one in operations(description) if one[2].get("security") == []] == [
        "begin_session"
    ]


@pytest.mark.rows("A13")
def test_nothing_is_said_without_the_token(house: Gateway, description: dict[str, Any]) -> None:
    with RawClient(house.admin_url) as client:
        for method, path, operation in operations(description):
            if operation.get("security") == []:
                continue
            for token in (None, "wrong", KEY):
                answer = call(client, method, path, token, {} if method in ("POST", "PUT", "PATCH") else None)
                assert answer.status in ((401,) if token is None else (401, 429)), (method, path)
                assert set(json.loads(answer.body)["error"]) == {"code", "message", "path", "hint"}


@pytest.mark.rows("A13", "S-5")
def test_each_role_may_what_the_table_says(house: Gateway, description: dict[str, Any]) -> None:
    """What a role may not is refused before anything else of the request is looked at."""
    ranks: list[Role] = ["viewer", "operator", "admin"]
    with house.admin() as admin:
        tokens = {role: admin.create_token(f"the {role}", role)["token"] for role in ranks}
    with RawClient(house.admin_url) as client:
        for method, path, operation in operations(description):
            if operation["operationId"] in ("begin_session", "end_session"):
                continue
            for role, token in tokens.items():
                answer = call(client, method, f"{path}?no_such_query=1", token)
                enough = ranks.index(role) >= ranks.index(operation["x-role"])
                assert answer.status == (400 if enough else 403), (method, path, role)


@pytest.mark.rows("A25")
def test_unknown_fields_queries_and_methods_are_refused(house: Gateway, description: dict[str, Any]) -> None:
    body = {"no_such_field": 1}
    with RawClient(house.admin_url) as client, house.admin() as admin:
        revision = admin.revisions(limit=1)
        for method, path, operation in operations(description):
            token = house.admin_token
            if "requestBody" in operation:
                wrongs: list[Any] = [body, [], "text", 7]
                for wrong in wrongs:
                    answer = call(client, method, path, token, wrong)
                    assert answer.status in (400, 404), (method, path, wrong, answer.body)
            else:
                assert call(client, method, path, token, body).status == 400, (method, path)
            assert call(client, method, f"{path}?no_such_query=1", token).status == 400, (method, path)
            strange = call(client, "OPTIONS", path, token)
            assert strange.status == 405
            assert method in str(strange.header("allow"))
        assert admin.revisions(limit=1) == revision, "nothing was changed"


@pytest.mark.rows("A25")
def test_what_is_not_there_is_not_found(house: Gateway, description: dict[str, Any]) -> None:
    with RawClient(house.admin_url) as client:
        for method, path, operation in operations(description):
            if "nobody" not in path or "requestBody" in operation:
                continue
            answer = call(client, method, path, house.admin_token)
            assert answer.status == 404, (method, path, answer.body)
            assert json.loads(answer.body)["error"]["code"] == "not_found"
