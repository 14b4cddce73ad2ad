"""Who may call the admin API: tokens with roles, sessions, browsers from elsewhere, names not ours."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from headworks.admin import AdminClient
from headworks.errors import ConflictError, HeadworksError, NotFoundError, UsageError
from headworks.testing import Upstream
from support.asking import KEY, backend, config
from support.gateway import Gateway
from support.raw_client import RawAnswer, RawClient

MakeUpstream = Callable[..., Upstream]
MakeGateway = Callable[..., Gateway]

BODY = json.dumps({"name": "b"}).encode()


@pytest.fixture
def house(upstream: MakeUpstream, gateway: MakeGateway) -> Gateway:
    return gateway(config(backend("first", upstream())), key=KEY)


def call(
    house: Gateway, method: str, path: str, headers: dict[str, str] | None = None, body: bytes | None = None
) -> RawAnswer:
    with RawClient(house.admin_url) as client:
        return client.request(method, f"/admin/v1{path}", headers=headers or {}, body=body)


def code_of(answer: RawAnswer) -> str:
    return str(json.loads(answer.body)["error"]["code"])


def log_in(house: Gateway, token: str) -> str:
    answer = call(house, "POST", "/session", body=json.dumps({"token": token}).encode())
    assert answer.status == 200, answer.body
    cookie = str(answer.header("set-cookie"))
    assert all(each in cookie for each in ("HttpOnly", "SameSite=Strict", "Path=/"))
    return cookie.partition(";")[0]


def host_of(house: Gateway) -> str:
    return house.admin_url.partition("//")[2]


# Tokens


def test_a_token_is_shown_once_and_may_what_its_role_may(house: Gateway) -> None:
    with house.admin() as admin:
        made = admin.create_token("grafana", "viewer")
        assert admin.tokens() == [{name: value for name, value in made.items() if name != "token"}]
        with pytest.raises(ConflictError):
            admin.create_token("grafana")
        assert made["token"] not in json.dumps(admin.export_config()) + json.dumps(admin.audit())
    with AdminClient(house.admin_url, made["token"]) as viewer:
        assert viewer.session() == {"name": "grafana", "role": "viewer"}
        assert viewer.backends()
        with pytest.raises(HeadworksError, match="role operator"):
            viewer.cool_backend("first", seconds=1)
        with pytest.raises(HeadworksError, match="role admin"):
            viewer.tokens()
    with house.admin() as admin:
        operator = admin.create_token("night shift", "operator")["token"]
    with AdminClient(house.admin_url, operator) as client:
        client.cool_backend("first", seconds=1)
        with pytest.raises(HeadworksError, match="role admin"):
            client.remove_backend("first")
    with house.admin() as admin:
        assert "night shift" in [row["actor"] for row in admin.audit()]


@pytest.mark.rows("A28")
def test_a_revoked_token_ends_at_once_with_its_sessions(house: Gateway) -> None:
    with house.admin() as admin:
        made = admin.create_token("short", "admin")
        cookie = log_in(house, made["token"])
        with AdminClient(house.admin_url, made["token"]) as client:
            assert client.backends()
            admin.remove_token("short")
            with pytest.raises(HeadworksError, match="no token"):
                client.backends()
        assert call(house, "GET", "/backends", {"cookie": cookie}).status == 401
        with pytest.raises(NotFoundError):
            admin.remove_token("short")


def test_tokens_expire_and_outlive_a_restart(house: Gateway) -> None:
    with house.admin() as admin:
        kept = admin.create_token("kept", expires_at="2099-01-01T00:00:00Z")["token"]
        over = admin.create_token("over", expires_at="2020-01-01T00:00:00Z")["token"]
    house.restart()
    with AdminClient(house.admin_url, kept) as client:
        assert client.session()["name"] == "kept"
    with AdminClient(house.admin_url, over) as client, pytest.raises(HeadworksError, match="no token"):
        client.session()


@pytest.mark.parametrize(
    "wrong",
    [{"name": ""}, {"name": "x", "role": "root"}, {"name": "x", "expires_at": "soon"}, {"name": "admin"}],
)
def test_a_token_that_cannot_be_meant(house: Gateway, wrong: dict[str, Any]) -> None:
    with house.admin() as admin, pytest.raises(UsageError):
        admin.request("POST", "/tokens", wrong)


@pytest.mark.rows("A06")
def test_the_stored_digest_is_no_token(house: Gateway) -> None:
    import sqlite3

    with house.admin() as admin:
        admin.create_token("x", "admin")
    with sqlite3.connect(house.data_dir / "headworks.db") as database:
        (digest,) = database.execute("SELECT digest FROM admin_tokens").fetchone()
    for token in (digest.hex(), "x" * 8000):
        assert call(house, "GET", "/backends", {"authorization": f"Bearer {token}"}).status in (401, 431)


@pytest.mark.rows("A19")
def test_wrong_tokens_are_slowed_down_and_the_right_one_never(house: Gateway) -> None:
    answers = [call(house, "GET", "/backends", {"authorization": f"Bearer wrong{n}"}) for n in range(40)]
    statuses = [one.status for one in answers]
    assert statuses[:10] == [401] * 10
    assert statuses.count(429) >= 25
    limited = next(one for one in answers if one.status == 429)
    assert code_of(limited) == "too_many_wrong_tokens"
    assert int(str(limited.header("retry-after"))) >= 1
    with house.admin() as admin:
        assert admin.backends()


# Sessions


@pytest.mark.rows("A28")
def test_a_session_lasts_until_it_is_ended(house: Gateway) -> None:
    cookie = log_in(house, house.admin_token)
    assert house.admin_token not in cookie
    assert json.loads(call(house, "GET", "/session", {"cookie": f"other=1; {cookie}"}).body) == {
        "name": "admin",
        "role": "admin",
    }
    same = {"cookie": cookie, "sec-fetch-site": "same-origin"}
    assert call(house, "PUT", "/backends/first/cooldown", same, b'{"seconds": 1}').status == 200
    ended = call(house, "DELETE", "/session", same)
    assert ended.status == 204
    assert "Max-Age=0" in str(ended.header("set-cookie"))
    assert call(house, "GET", "/session", {"cookie": cookie}).status == 401


def test_no_session_without_a_right_token(house: Gateway) -> None:
    for body in (b"{}", b'{"token": ""}', b'{"token": "wrong"}', json.dumps({"token": KEY}).encode()):
        answer = call(house, "POST", "/session", body=body)
        assert (answer.status, answer.header("set-cookie")) == (401, None)
    assert call(house, "GET", "/backends", {"cookie": "headworks_session=guess"}).status == 401


@pytest.mark.rows("A14", "A15")
@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"origin": "https://evil.test"},
        {"origin": "null"},
        {},
    ],
)
def test_another_sites_page_cannot_use_the_cookie(house: Gateway, headers: dict[str, str]) -> None:
    cookie = log_in(house, house.admin_token)
    answer = call(house, "POST", "/backends", {"cookie": cookie, **headers}, BODY)
    assert (answer.status, code_of(answer)) == (403, "permission_denied")
    bearer = {"authorization": f"Bearer {house.admin_token}"}
    expected = 400 if not headers else 403  # without a browser's marks a token is enough; the body is none
    assert call(house, "POST", "/backends", {**bearer, **headers}, BODY).status == expected
    own = {"cookie": cookie, "origin": f"http://{host_of(house)}"}
    assert call(house, "POST", "/backends", own, BODY).status == 400, "its own page may ask"


@pytest.mark.rows("A17")
def test_nobody_elsewhere_is_told_that_he_may_read(house: Gateway) -> None:
    for method in ("OPTIONS", "GET"):
        answer = call(house, method, "/backends", {"origin": "null", "access-control-request-method": "POST"})
        assert not [name for name, _ in answer.headers if name.lower().startswith("access-control")]


@pytest.mark.rows("A16")
@pytest.mark.parametrize("host", ["evil.test", "evil.test:8081", "127.0.0.1.evil.test", "1.2.3.4.nip.io"])
def test_a_name_that_is_not_ours_is_misdirected(house: Gateway, host: str) -> None:
    answer = call(house, "GET", "/backends", {"host": host, "authorization": f"Bearer {house.admin_token}"})
    assert (answer.status, code_of(answer)) == (421, "misdirected")


@pytest.mark.rows("A16")
def test_names_that_are_ours(house: Gateway) -> None:
    bearer = {"authorization": f"Bearer {house.admin_token}"}
    for host in ("localhost", "localhost:1", "headworks:8081", "10.0.0.1", "[::1]:99"):
        assert call(house, "GET", "/backends", {"host": host, **bearer}).status == 200, host
    with house.admin() as admin:
        admin.change_settings(admin={"hosts": "gate.example other.example"})
    assert call(house, "GET", "/backends", {"host": "Gate.example:1", **bearer}).status == 200


@pytest.mark.rows("A32")
def test_every_answer_says_how_it_may_be_used(house: Gateway) -> None:
    with RawClient(house.admin_url) as client:
        for path in ("/livez", "/metrics", "/admin/v1/backends", "/admin/v1/nowhere", "/nowhere"):
            answer = client.request("GET", path)
            assert "frame-ancestors 'none'" in str(answer.header("content-security-policy"))
            assert answer.header("x-content-type-options") == "nosniff"
            assert answer.header("referrer-policy") == "no-referrer"
            assert answer.header("cache-control") == "no-store"


@pytest.mark.rows("A18")
def test_a_body_that_calls_itself_something_else(house: Gateway) -> None:
    bearer = {"authorization": f"Bearer {house.admin_token}", "content-type": "text/plain"}
    assert call(house, "POST", "/backends", bearer, BODY).status == 415
