"""AdminClient: the admin API of a running server, route by route.

What a method answers is the JSON of its route, as plain dictionaries: field names are the columns'. Errors of
the API are raised as the classes of `headworks.errors`, with the API's own code, and its hint in the message.
"""

from __future__ import annotations

import base64
import contextlib
import copy
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from headworks._admin_http import error_of, find_token, find_url, quoted
from headworks._data_dir import default_data_dir
from headworks.errors import HeadworksError

__all__ = ["AdminClient"]


class AdminClient:
    """Speaks to one server. Not thread-safe; use it in a `with` block, or close() it.

    `url` and `token` are HEADWORKS_ADMIN_URL and HEADWORKS_ADMIN_TOKEN when they are not given, and else what
    run.json and admin.token of the data directory say. Raises UsageError when no server can be found.
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        data_dir: str | os.PathLike[str] | None = None,
        timeout: float = 30,
    ) -> None:
        import httpx2

        folder = Path(data_dir) if data_dir is not None else default_data_dir()
        found = find_url(url, folder)
        self._client = httpx2.Client(
            base_url=f"{found}/admin/v1",
            headers={"authorization": f"Bearer {find_token(token, folder)}"},
            timeout=timeout,
            trust_env=False,
        )
        self._url = found
        self._if_match: int | None = None

    def request(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """One call of the API: `request("GET", "/cooldowns", limit=10)`. None when there is no body."""
        import httpx2

        try:
            answer = self._client.request(
                method,
                path,
                json=body,
                headers={} if self._if_match is None else {"if-match": f'"{self._if_match}"'},
                params={name: str(value) for name, value in query.items() if value is not None},
            )
        except httpx2.TransportError as failed:
            raise HeadworksError(f"the server at {self._url} cannot be reached: {failed}") from failed
        if answer.is_success:
            return answer.json() if answer.content else None
        raise error_of(answer.status_code, answer.content)

    def at_revision(self, number: int) -> Self:
        """A twin of this client, on the same connections: it changes this revision or nothing.

        ConflictError (code stale_revision): somebody was faster. The number is revisions()[0]["number"].
        """
        twin = copy.copy(self)
        twin._if_match = number
        return twin

    def backends(self, pool: str | None = None) -> list[dict[str, Any]]:
        """All backends (of one pool), without their keys, each with its live gauges."""
        return self._list("/backends", pool=pool)

    def backend(self, id_or_name: str) -> dict[str, Any]:
        """One backend."""
        return self._object("GET", f"/backends/{quoted(id_or_name)}")

    def create_backend(self, **fields: Any) -> dict[str, Any]:
        """Makes a backend; its row."""
        return self._object("POST", "/backends", fields)

    def change_backend(self, id_or_name: str, **fields: Any) -> dict[str, Any]:
        """Changes the fields that are named; the row after it."""
        return self._object("PATCH", f"/backends/{quoted(id_or_name)}", fields)

    def remove_backend(self, id_or_name: str) -> None:
        """Removes a backend."""
        self.request("DELETE", f"/backends/{quoted(id_or_name)}")

    def set_backend_status(self, id_or_name: str, status: str) -> dict[str, Any]:
        """`healthy`, `error` or `disabled`."""
        return self._object("PUT", f"/backends/{quoted(id_or_name)}/status", {"status": status})

    def test_backend(self, id_or_name: str, model: str | None = None) -> dict[str, Any]:
        """Sends its upstream a real, small request: `ok`, `status`, clocks, and the first of its answer."""
        return self._object("POST", f"/backends/{quoted(id_or_name)}/test", {"model": model})

    def upstream_models(self, id_or_name: str) -> list[dict[str, Any]]:
        """The models that its upstream lists, each with what it is called here."""
        return self._list(f"/backends/{quoted(id_or_name)}/models")

    def cool_backend(
        self, id_or_name: str, *, seconds: float | None = None, until: str | None = None, reason: str = ""
    ) -> dict[str, Any]:
        """Lets it rest for seconds, or until a moment (2026-01-31T09:30:00Z)."""
        body = {"seconds": seconds, "until": until, "reason": reason}
        return self._object("PUT", f"/backends/{quoted(id_or_name)}/cooldown", body)

    def clear_backend(self, id_or_name: str) -> dict[str, Any]:
        """Ends every cooldown of it."""
        return self._object("DELETE", f"/backends/{quoted(id_or_name)}/cooldown")

    def plugins(self) -> list[dict[str, Any]]:
        """The plug-ins in force, in the order of asking, each with its hooks and how they do."""
        return self._list("/plugins")

    def reload_plugins(self) -> list[dict[str, Any]]:
        """Loads the plug-ins of the configuration again. ConflictError: one cannot be loaded; the old ones stay."""
        return list(self._object("POST", "/plugins/reload")["data"])

    def cooldowns(self, *, before: int | None = None, limit: int | None = None) -> list[dict[str, Any]]:
        """Running and past cooldowns with their causes, newest first."""
        return self._list("/cooldowns", before=before, limit=limit)

    def exchanges(
        self,
        *,
        limit: int | None = None,
        before: str | None = None,
        since: str | None = None,
        state: str | None = None,
        errors: bool = False,
        **only: str,
    ) -> list[dict[str, Any]]:
        """Running exchanges, then finished ones: newest start first, one page.

        `state`: running or finished; `errors`: only those that ended in one; `only`: of this `model`,
        `backend`, `key` or `pool`. `before`: the `next` of an earlier page; all_exchanges()
        goes on by itself.
        """
        asked = {"limit": limit, "before": before, "since": since, "state": state}
        return self._list("/exchanges", **asked, errors="1" if errors else None, **only)

    def all_exchanges(self, *, page: int = 200, **question: Any) -> Iterator[dict[str, Any]]:
        """The same, page by page until there are no more."""
        before: str | None = None
        while True:
            answer = self._object("GET", "/exchanges", limit=page, before=before, **question)
            yield from answer["data"]
            if (before := answer["next"]) is None:
                return

    def exchange(self, request_id: str) -> dict[str, Any]:
        """One exchange with its plan, attempts, clocks and cost."""
        return self._object("GET", f"/exchanges/{quoted(request_id)}")

    def usage(
        self,
        by: str | Iterable[str] = (),
        *,
        since: str | None = None,
        until: str | None = None,
        step: str | None = None,
        limit: int | None = None,
        **only: str,
    ) -> list[dict[str, Any]]:
        """Sums over the ledger: `by` any of model, backend, key, pool; `step` minute, hour or day.

        `since` and `until` are moments (2026-01-31T09:30:00Z) or ages (90m, 24h, 7d): unsaid, the last day.
        `only`: of this `model`, `backend`, `key` or `pool`. Without a step the dearest come first, with one
        the latest.
        """
        names = by if isinstance(by, str) else ",".join(by)
        asked = {"by": names or None, "since": since, "until": until, "step": step, "limit": limit}
        return self._list("/usage", **asked, **only)

    def explain(self, model: str, **question: Any) -> dict[str, Any]:
        """The plan that would be made now; with `client_key`, `dialect`, `tokens`, `deadline_seconds`."""
        return self._object("POST", "/explain", {"model": model, **question})

    def pools(self) -> list[dict[str, Any]]:
        """All pools, in the order of the tiers."""
        return self._list("/pools")

    def pool(self, name: str) -> dict[str, Any]:
        """One pool."""
        return self._object("GET", f"/pools/{quoted(name)}")

    def pool_stats(self) -> dict[str, Any]:
        """`{pool: {"total", "enabled", "healthy", "cooling", "error"}}`."""
        return self._object("GET", "/pools/stats")

    def put_pool(self, name: str, **fields: Any) -> dict[str, Any]:
        """Makes a pool, as the last tier, or replaces its settings; the row after it."""
        return self._object("PUT", f"/pools/{quoted(name)}", fields)

    def change_pool(self, name: str, **fields: Any) -> dict[str, Any]:
        """Changes the fields that are named; the row after it."""
        return self._object("PATCH", f"/pools/{quoted(name)}", fields)

    def remove_pool(self, name: str) -> None:
        """Removes a pool that no backend belongs to."""
        self.request("DELETE", f"/pools/{quoted(name)}")

    def client_keys(self) -> list[dict[str, Any]]:
        """All client keys, as hints."""
        return self._list("/client-keys")

    def client_key(self, id_or_name: str) -> dict[str, Any]:
        """One client key, without the key itself."""
        return self._object("GET", f"/client-keys/{quoted(id_or_name)}")

    def create_client_key(self, name: str, **fields: Any) -> dict[str, Any]:
        """Makes a client key; without a `key` of yours the answer's `key` is the only time it is shown."""
        return self._object("POST", "/client-keys", {"name": name, **fields})

    def change_client_key(self, id_or_name: str, **fields: Any) -> dict[str, Any]:
        """Changes the fields that are named; the row after it."""
        return self._object("PATCH", f"/client-keys/{quoted(id_or_name)}", fields)

    def rotate_client_key(self, id_or_name: str, *, overlap_seconds: float = 0) -> dict[str, Any]:
        """Another key for it, in the answer's `key` this once; the old one stays good for the overlap."""
        body = {"overlap_seconds": overlap_seconds}
        return self._object("POST", f"/client-keys/{quoted(id_or_name)}/rotate", body)

    def remove_client_key(self, id_or_name: str) -> None:
        """Revokes a client key."""
        self.request("DELETE", f"/client-keys/{quoted(id_or_name)}")

    def settings(self) -> dict[str, Any]:
        """All settings, with defaults."""
        return self._object("GET", "/settings")

    def change_settings(self, **groups: Any) -> dict[str, Any]:
        """Changes what is named, as `retry={"max_attempts": 2}`; all settings after it."""
        return self._object("PATCH", "/settings", groups)

    def prices(self) -> list[dict[str, Any]]:
        """USD per million tokens, by model."""
        return self._list("/prices")

    def bundled_prices(self) -> list[dict[str, Any]]:
        """The table that fills the gaps: by the provider's host and its name of the model."""
        return self._list("/prices/bundled")

    def put_prices(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Replaces the table of prices."""
        data: list[dict[str, Any]] = self._object("PUT", "/prices", {"data": rows})["data"]
        return data

    def export_config(self) -> dict[str, Any]:
        """The configuration as a document, without secrets."""
        return self._object("GET", "/config")

    def apply_config(self, document: dict[str, Any], *, dry_run: bool = False) -> list[dict[str, Any]]:
        """Applies a document as one change; what it changes, or would change."""
        query = {"dry_run": "1"} if dry_run else {}
        changes: list[dict[str, Any]] = self._object("PUT", "/config", document, **query)["changes"]
        return changes

    def export_sealed_config(self, passphrase: str) -> dict[str, Any]:
        """The same with its provider keys, sealed with a passphrase of 12 characters or more."""
        return self._object("POST", "/config/sealed", {"passphrase": passphrase})

    def apply_sealed_config(
        self, document: dict[str, Any], passphrase: str, *, dry_run: bool = False
    ) -> dict[str, Any]:
        """Applies such a document: `changes`, and `keys_missing`, the client keys that are to be rotated."""
        body = {"document": document, "passphrase": passphrase}
        return self._object("PUT", "/config/sealed", body, **({"dry_run": "1"} if dry_run else {}))

    def revisions(self, *, before: int | None = None, limit: int | None = None) -> list[dict[str, Any]]:
        """Every change of the configuration, newest first."""
        return self._list("/revisions", before=before, limit=limit)

    def revision(self, number: int) -> dict[str, Any]:
        """One change: each row before and after."""
        return self._object("GET", f"/revisions/{number}")

    def restore_revision(self, number: int, *, dry_run: bool = False) -> dict[str, Any]:
        """Back to what it was after a revision: `changes`, and `keys_missing` where a secret is gone."""
        query = {"dry_run": "1"} if dry_run else {}
        return self._object("POST", f"/revisions/{number}/restore", **query)

    def audit(self, *, before: int | None = None, limit: int | None = None) -> list[dict[str, Any]]:
        """Every changed row, newest first."""
        return self._list("/audit", before=before, limit=limit)

    def tokens(self) -> list[dict[str, Any]]:
        """Who may operate, besides the data directory's own token."""
        return self._list("/tokens")

    def create_token(
        self, name: str, role: str = "viewer", *, expires_at: str | None = None
    ) -> dict[str, Any]:
        """A new token with a role (viewer, operator or admin); its `token` is shown this once."""
        return self._object("POST", "/tokens", {"name": name, "role": role, "expires_at": expires_at})

    def remove_token(self, id_or_name: str) -> None:
        """Revokes a token and the sessions that were begun with it."""
        self.request("DELETE", f"/tokens/{quoted(id_or_name)}")

    def begin_session(self, token: str) -> dict[str, Any]:
        """Begins a session, as the dashboard does: this client then holds its cookie."""
        return self._object("POST", "/session", {"token": token})

    def session(self) -> dict[str, Any]:
        """Who is asking, and with which role."""
        return self._object("GET", "/session")

    def end_session(self) -> None:
        """Ends the session of the cookie."""
        self.request("DELETE", "/session")

    def make_backup(self) -> dict[str, Any]:
        """Copies both databases, without the master key, into a new `directory` of the server's own."""
        return self._object("POST", "/backup")

    def master_key(self) -> dict[str, Any]:
        """The master keys, how many provider keys need each, and the backends whose key none opens."""
        return self._object("GET", "/master-key")

    def add_master_key(self) -> dict[str, Any]:
        """Makes another master key; what is sealed from now on is sealed with it."""
        return self._object("POST", "/master-key")

    def rewrap(self) -> dict[str, Any]:
        """Seals every provider key with the newest master key. May be broken off, and asked again."""
        return self._object("POST", "/master-key/rewrap")

    def drop_master_key(self, kid: int) -> dict[str, Any]:
        """Forgets a master key that no provider key needs."""
        return self._object("DELETE", f"/master-key/{kid}")

    def import_sidecar(
        self,
        backends: list[dict[str, Any]],
        *,
        key: bytes | None = None,
        dry_run: bool = False,
        **tables: Any,
    ) -> dict[str, Any]:
        """Takes over the rows of a sidecar's table `backends`; those that are here already stay as they are.

        `key`: the 32 bytes that the sidecar sealed keys with. headworks._sidecar reads both from files. Other
        tables are `cooldowns`, `config`, and `usage` with `usage_from`, the number of its first row.
        """
        body: dict[str, Any] = {"backends": backends, **tables}
        if key is not None:
            body["key"] = base64.b64encode(key).decode()
        return self._object("POST", "/import/sidecar", body, **({"dry_run": "1"} if dry_run else {}))

    def events(self, *, after: int | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
        """What happens, as it happens: (sample, exchange, skipped, cooldown or catalog; its data).

        Ends with the server. `after`: the id of the last exchange event that was seen.
        """
        import httpx2

        headers = {"accept": "text/event-stream"}
        if after is not None:
            headers["last-event-id"] = str(after)
        with self._client.stream("GET", "/events", headers=headers, timeout=10) as answer:
            if not answer.is_success:
                raise error_of(answer.status_code, answer.read())
            name = ""
            with contextlib.suppress(httpx2.RemoteProtocolError):  # the server is gone
                for line in answer.iter_lines():
                    field, _, value = line.partition(": ")
                    if field == "event":
                        name = value
                    elif field == "data":
                        yield name, json.loads(value)

    def openapi(self) -> dict[str, Any]:
        """The description of this API (OpenAPI 3.1)."""
        return self._object("GET", "/openapi.json")

    def close(self) -> None:
        """Ends its connections."""
        self._client.close()

    def _list(self, path: str, **query: Any) -> list[dict[str, Any]]:
        data: list[dict[str, Any]] = self._object("GET", path, **query)["data"]
        return data

    def _object(self, method: str, path: str, body: Any = None, **query: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.request(method, path, body, **query)
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
