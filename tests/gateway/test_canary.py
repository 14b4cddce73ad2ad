"""One set of secrets planted everywhere, and every place looked into afterwards: they must not be found."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from headworks.testing import Upstream
from support.asking import CHAT, KEY, MESSAGES, RESPONSES, ask, backend, config
from support.gateway import Gateway
from support.raw_client import RawClient
from support.until import until

MakeUpstream = Callable[..., Upstream]
MakeGateway = Callable[..., Gateway]

PROVIDER = "sk-canary-provider-58d1f0c2b94e7a63"
CLIENT = "hw_key_canary-client-0e4b7790aa21"
ADMIN = "canary-admin-token-3c95be6120fd"
MASTER = base64.b64encode(b"canary-master-key-of-32-bytes-xx").decode()
SECRETS = (PROVIDER, CLIENT, ADMIN, MASTER, base64.b64decode(MASTER).decode())


def forms(secret: str) -> list[bytes]:
    raw = secret.encode()
    return [raw, raw.hex().encode(), base64.b64encode(raw), secret.encode("utf-16-le")]


def found_in(what: str, data: bytes) -> list[str]:
    return [f"{what}: {secret[:16]}..." for secret in SECRETS if any(form in data for form in forms(secret))]


def every_get(house: Gateway) -> bytes:
    """What the admin API says on every route that can be asked, and the metrics."""
    said = b""
    with house.admin() as admin:
        paths = [path for path, methods in admin.openapi()["paths"].items() if "get" in methods]
        backend_id, key_id = admin.backend("first")["id"], admin.client_keys()[0]["id"]
        ids = {"backends": backend_id, "client-keys": key_id, "pools": "primary", "revisions": "1"}
        request = admin.exchanges()[0]["request_id"]
    with RawClient(house.admin_url) as client:
        headers = {"authorization": f"Bearer {house.admin_token}"}
        for path in paths:
            if path.endswith("/events"):
                continue
            resource = path.removeprefix("/admin/v1/").partition("/")[0]
            filled = path.replace("{request_id}", request)
            while "{" in filled:
                before, _, rest = filled.partition("{")
                filled = before + ids.get(resource, "x") + rest.partition("}")[2]
            answer = client.request("GET", filled, headers=headers)
            assert answer.status < 500, (filled, answer.body)
            said += answer.head + answer.body
        said += client.request("GET", "/metrics").body
    return said


@pytest.mark.rows("S-4", "A30")
def test_no_secret_is_found_anywhere(upstream: MakeUpstream, gateway: MakeGateway, tmp_path: Path) -> None:
    echo = f"you sent {PROVIDER}"
    rules: list[dict[str, Any]] = [
        {"status": 401, "json": {"error": {"message": echo}}, "nth": 1},
        {"status": 429, "json": {"error": {"message": echo}}, "headers": {"x-echo": PROVIDER}, "nth": 2},
        {"status": 400, "json": {"error": {"message": echo}}, "nth": 3},
        {"status": 500, "body": echo, "nth": 4},
        {"headers": {"server": PROVIDER, "set-cookie": PROVIDER}, "nth": 5},
        {"stream": {"events": 5}, "fault": {"at": "event", "do": "reset", "after": 2}, "nth": 6},
        {},
    ]  # fmt: skip
    first = upstream(rules)
    house = gateway(
        {
            **config(
                backend("first", first) | {"api_key": PROVIDER},
                backend("messages", first, api="anthropic") | {"api_key": PROVIDER},
                cooldown={"failures": 0, "quarantine_seconds": 0.01, "base_seconds": 0.01},
            ),
            "client_keys": [{"name": "app", "key": CLIENT}],
        },
        key=CLIENT,
        arguments=("--log-level", "debug", "--log-format", "json"),
        environment={"HEADWORKS_MASTER_KEY": MASTER, "HEADWORKS_ADMIN_TOKEN": ADMIN},
    )
    # The configuration is what a secret was planted in; it is not one of our sinks.
    house.config_file.unlink()
    (house.data_dir / "admin.token").write_text(ADMIN)  # where the tests look for it
    events: list[str] = []

    def listen() -> None:
        with house.admin() as admin:
            events.extend(json.dumps(one) for one in admin.events())

    listening = threading.Thread(target=listen, daemon=True)
    listening.start()

    answers = [
        ask(house, path, key=key, stream=stream)
        for path in (CHAT, MESSAGES)
        for stream in (False, True)
        for key in (CLIENT, f"{CLIENT}x", PROVIDER)
        for _ in range(3)
    ]
    until(lambda: len(first.journal()) >= 7, what="all of the upstream's answers")
    bodies = b"".join(one.head + one.body for one in answers)
    with house.admin() as admin:
        admin.change_backend("first", api_key=f"{PROVIDER}-2")
        admin.create_backend(**backend("second", first) | {"api_key": PROVIDER})
        admin.test_backend("second", model="m")
        made = admin.make_backup()
    said = every_get(house)
    backup = b"".join(path.read_bytes() for path in (house.data_dir / "backups").rglob("*") if path.is_file())
    assert backup, made
    command = Path(f"/proc/{house.pid}/cmdline").read_bytes()
    shown = subprocess.run(
        [Path(sys.executable).with_name("headworks"), "export", "--url", house.admin_url, "--token", ADMIN],
        capture_output=True, check=True,
    )  # fmt: skip
    files = {path.name: path.read_bytes() for path in house.data_dir.rglob("*") if path.is_file()}
    assert house.stop() == 0
    listening.join(10)
    after = {path.name: path.read_bytes() for path in house.data_dir.rglob("*") if path.is_file()}
    files.pop("admin.token"), after.pop("admin.token")

    hits = [
        *found_in("answers", bodies),
        *found_in("admin API", said),
        *found_in("backup", backup),
        *found_in("command line", command),
        *found_in("export", shown.stdout + shown.stderr),
        *found_in("log", "\n".join([*house.log_lines, *house.out_lines]).encode()),
        *found_in("events", "\n".join(events).encode()),
        *(hit for name, data in files.items() for hit in found_in(name, data)),
        *(hit for name, data in after.items() for hit in found_in(f"{name} after the end", data)),
    ]
    assert events
    assert hits == []


def test_prompts_and_answers_are_kept_nowhere(
    upstream: MakeUpstream, gateway: MakeGateway, tmp_path: Path
) -> None:
    """Not in a file, not at log level debug, not in what the admin API and the metrics say."""
    asked, answered = "prompt-canary-0d9a41c7", "answer-canary-77be2f10"
    refusal = {"error": {"message": f"no: {asked}", "type": "invalid_request_error"}}
    only = upstream(
        [
            {"status": 400, "json": refusal, "nth": 1},
            {"status": 500, "body": asked, "nth": 2},
            {"text": answered},
        ]
    )
    house = gateway(
        config(backend("first", only), cooldown={"failures": 0}), key=KEY, arguments=("--log-level", "debug")
    )

    refused = ask(house, user=asked)
    answers = [
        ask(house, path, user=asked, stream=stream) for path in (CHAT, RESPONSES) for stream in (False, True)
    ]
    said = every_get(house)
    assert house.stop() == 0

    assert asked.encode() in refused.body, "the upstream's own words reach the client"
    assert all(answered.encode() in one.body for one in answers)
    files = {path.name: path.read_bytes() for path in house.data_dir.rglob("*") if path.is_file()}
    places = {**files, "log": "\n".join(house.log_lines).encode(), "admin API": said}
    for canary in (asked, answered):
        assert [name for name, data in places.items() if canary.encode() in data] == []
