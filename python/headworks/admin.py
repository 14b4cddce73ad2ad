"""AdminClient and AsyncAdminClient: the admin API of a running server, route by route.

    with headworks.AdminClient() as admin:                      # finds the server by its data directory
        for row in admin.backends():
            print(row["name"], row["status"])
        for exchange in admin.all_exchanges(errors=True, since="24h"):
            print(exchange["request_id"], exchange["error"])

What a method answers is the JSON of its route, as dictionaries whose types stand in `headworks.rows`. Errors
of the API are raised as the classes of `headworks.errors`, with the API's own code, and its hint in the
message.

How it is made: _admin_calls and _admin_upkeep_calls describe each route once, as a function that makes a
Call; the table below makes a method of each; the two clients differ in nothing but how they send a Call.
"""

from __future__ import annotations

import copy
import inspect
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from pathlib import Path
from types import MethodType, TracebackType
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Self, TypeVar, overload

from headworks import _admin_calls as calls
from headworks import _admin_upkeep_calls as upkeep
from headworks._admin_http import Call, EventLines, Page, find_token, find_url, unreachable
from headworks._data_dir import default_data_dir

if TYPE_CHECKING:
    import httpx2

__all__ = ["AdminClient", "AsyncAdminClient", "Page"]

Said = ParamSpec("Said")
Answered = TypeVar("Answered")
Row = TypeVar("Row")


class _Method:
    """A method of both clients, made of the function that describes its call: same parameters, same text."""

    def __init__(self, build: Callable[..., Call[Any]], send: str, answers: str, more: str = "") -> None:
        def method(client: _Routes, /, *said: Any, **named: Any) -> Any:
            return getattr(client, send)(build(*said, **named))

        signature = inspect.signature(build)
        row = str(signature.return_annotation).removeprefix("Call[").removesuffix("]")
        returned = answers.format(row, row.removeprefix("Page[").removesuffix("]"))
        this = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        method.__signature__ = signature.replace(  # type: ignore[attr-defined]
            parameters=[this, *signature.parameters.values()], return_annotation=returned
        )
        method.__doc__ = f"{inspect.getdoc(build)}{more}"
        self._method = method

    def __set_name__(self, owner: type, name: str) -> None:
        self._method.__name__, self._method.__qualname__ = name, f"AdminClient.{name}"

    def __get__(self, client: Any, owner: Any = None) -> Any:
        return self._method if client is None else MethodType(self._method, client)


class _Route(_Method, Generic[Said, Answered]):
    """One call, one answer."""

    def __init__(self, build: Callable[Said, Call[Answered]]) -> None:
        super().__init__(build, "_answer", "{0}")

    if TYPE_CHECKING:

        @overload
        def __get__(self, client: None, owner: Any = None) -> Callable[..., Any]: ...
        @overload
        def __get__(self, client: AdminClient, owner: Any = None) -> Callable[Said, Answered]: ...
        @overload
        def __get__(
            self, client: AsyncAdminClient, owner: Any = None
        ) -> Callable[Said, Coroutine[Any, Any, Answered]]: ...
        def __get__(self, client: Any, owner: Any = None) -> Any: ...


class _Pages(_Method, Generic[Said, Row]):
    """Page after page, as rows are asked for."""

    def __init__(self, build: Callable[Said, Call[Page[Row]]]) -> None:
        more = "\n\nThen the next page and so on, of `limit` rows each, as long as rows are asked for."
        super().__init__(build, "_answer_pages", "Iterator[{1}]", more)

    if TYPE_CHECKING:

        @overload
        def __get__(self, client: None, owner: Any = None) -> Callable[..., Any]: ...
        @overload
        def __get__(self, client: AdminClient, owner: Any = None) -> Callable[Said, Iterator[Row]]: ...
        @overload
        def __get__(
            self, client: AsyncAdminClient, owner: Any = None
        ) -> Callable[Said, AsyncIterator[Row]]: ...
        def __get__(self, client: Any, owner: Any = None) -> Any: ...


class _Routes:
    """The table, and what both clients know before they send anything."""

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        data_dir: str | os.PathLike[str] | None = None,
        timeout: float = 30,
    ) -> None:
        folder = Path(data_dir) if data_dir is not None else default_data_dir()
        self._url = find_url(url, folder)
        self._if_match: int | None = None
        self._connect(
            base_url=f"{self._url}/admin/v1",
            headers={"authorization": f"Bearer {find_token(token, folder)}"},
            timeout=timeout,
            trust_env=False,
        )

    def _connect(self, **options: Any) -> None:
        raise NotImplementedError

    def at_revision(self, number: int) -> Self:
        """A twin of this client, on the same connections: it changes this revision or nothing.

        ConflictError (code stale_revision): somebody was faster. The number is revisions()[0]["number"].
        """
        twin = copy.copy(self)
        twin._if_match = number
        return twin

    def _request_of(self, call: Call[Any]) -> dict[str, Any]:
        match = {} if self._if_match is None else {"if-match": f'"{self._if_match}"'}
        said = {"method": call.method, "url": call.path, "params": call.query, "headers": match}
        return said if call.body is None else {**said, "json": call.body}

    def __repr__(self) -> str:
        return f"<headworks.{type(self).__name__} {self._url}>"

    request = _Route(calls.request)
    backends = _Route(calls.backends)
    backend = _Route(calls.backend)
    create_backend = _Route(calls.create_backend)
    change_backend = _Route(calls.change_backend)
    remove_backend = _Route(calls.remove_backend)
    set_backend_status = _Route(calls.set_backend_status)
    test_backend = _Route(calls.test_backend)
    upstream_models = _Route(calls.upstream_models)
    cool_backend = _Route(calls.cool_backend)
    clear_backend = _Route(calls.clear_backend)
    cooldowns = _Route(calls.cooldowns)
    all_cooldowns = _Pages(calls.cooldowns)
    exchanges = _Route(calls.exchanges)
    all_exchanges = _Pages(calls.exchanges)
    exchange = _Route(calls.exchange)
    usage = _Route(calls.usage)
    explain = _Route(calls.explain)
    pools = _Route(calls.pools)
    pool = _Route(calls.pool)
    pool_stats = _Route(calls.pool_stats)
    put_pool = _Route(calls.put_pool)
    order_pools = _Route(calls.order_pools)
    change_pool = _Route(calls.change_pool)
    remove_pool = _Route(calls.remove_pool)
    client_keys = _Route(calls.client_keys)
    client_key = _Route(calls.client_key)
    create_client_key = _Route(calls.create_client_key)
    change_client_key = _Route(calls.change_client_key)
    rotate_client_key = _Route(calls.rotate_client_key)
    remove_client_key = _Route(calls.remove_client_key)
    settings = _Route(calls.settings)
    change_settings = _Route(calls.change_settings)
    prices = _Route(calls.prices)
    bundled_prices = _Route(calls.bundled_prices)
    put_prices = _Route(calls.put_prices)
    export_config = _Route(calls.export_config)
    apply_config = _Route(calls.apply_config)
    revisions = _Route(calls.revisions)
    all_revisions = _Pages(calls.revisions)
    revision = _Route(calls.revision)
    restore_revision = _Route(calls.restore_revision)
    audit = _Route(calls.audit)
    all_audit = _Pages(calls.audit)
    tokens = _Route(calls.tokens)
    create_token = _Route(calls.create_token)
    remove_token = _Route(calls.remove_token)
    begin_session = _Route(calls.begin_session)
    session = _Route(calls.session)
    end_session = _Route(calls.end_session)
    make_backup = _Route(upkeep.make_backup)
    master_key = _Route(upkeep.master_key)
    add_master_key = _Route(upkeep.add_master_key)
    rewrap = _Route(upkeep.rewrap)
    drop_master_key = _Route(upkeep.drop_master_key)
    import_sidecar = _Route(upkeep.import_sidecar)
    export_sealed_config = _Route(upkeep.export_sealed_config)
    apply_sealed_config = _Route(upkeep.apply_sealed_config)
    about = _Route(upkeep.about)
    plugins = _Route(upkeep.plugins)
    reload_plugins = _Route(upkeep.reload_plugins)
    store_backend = _Route(calls.store_backend)
    update_stored_backend = _Route(calls.update_stored_backend)
    openapi = _Route(calls.openapi)


class AdminClient(_Routes):
    """Speaks to one server. Not thread-safe; use it in a `with` block, or close() it.

    `url` and `token` are HEADWORKS_ADMIN_URL and HEADWORKS_ADMIN_TOKEN when they are not given, and else
    what run.json and admin.token of the data directory (`data_dir`) say. `timeout`: seconds that a call may
    be silent.

    Raises UsageError when no server can be found; every method raises UnreachableError when it does not
    answer, AccessError when the token is not good for the call, and the other classes of `headworks.errors`
    as they say.
    """

    def _connect(self, **options: Any) -> None:
        import httpx2

        self._http: httpx2.Client = httpx2.Client(**options)

    def _answer(self, call: Call[Answered]) -> Answered:
        import httpx2

        try:
            answer = self._http.request(**self._request_of(call))
        except httpx2.TransportError as failed:
            raise unreachable(self._url, failed) from failed
        return call.answer_of(answer.status_code, answer.content)

    def _answer_pages(self, call: Call[Page[Row]]) -> Iterator[Row]:
        while True:
            page = self._answer(call)
            yield from page
            if page.next is None:
                return
            call = call.before(page.next)

    def events(self, *, after: int | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
        """What happens, as it happens: (sample, exchange, skipped, cooldown or catalog; its data).

        Ends with the server. `after`: the number of the last exchange event that was seen.
        """
        import httpx2

        lines = EventLines()
        headers = {} if after is None else {"last-event-id": str(after)}
        try:
            with self._http.stream("GET", "/events", headers=headers, timeout=10) as answer:
                if not answer.is_success:
                    calls.openapi().answer_of(answer.status_code, answer.read())
                for line in answer.iter_lines():
                    if (event := lines.take(line)) is not None:
                        yield event
        except httpx2.RemoteProtocolError:
            return  # the server is gone
        except httpx2.TransportError as failed:
            raise unreachable(self._url, failed) from failed

    def play(
        self, key: str, request: Mapping[str, Any], *, path: str = "/v1/chat/completions"
    ) -> Iterator[bytes]:
        """Sends a request to the data listener with a client key; the pieces of its answer, as they come."""
        import httpx2

        body = {"key": key, "path": path, "request": request}
        try:
            with self._http.stream("POST", "/playground", json=body, timeout=600) as answer:
                if not answer.is_success:
                    calls.openapi().answer_of(answer.status_code, answer.read())
                yield from answer.iter_bytes()
        except httpx2.TransportError as failed:
            raise unreachable(self._url, failed) from failed

    def close(self) -> None:
        """Ends its connections. May be called again."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncAdminClient(_Routes):
    """AdminClient for asyncio: the same methods, awaited; lists of many pages are asynchronous iterators.

    async with headworks.AsyncAdminClient(url, token) as admin:
        rows = await admin.backends()
        async for exchange in admin.all_exchanges(errors=True):
            ...
    """

    def _connect(self, **options: Any) -> None:
        import httpx2

        self._http: httpx2.AsyncClient = httpx2.AsyncClient(**options)

    async def _answer(self, call: Call[Answered]) -> Answered:
        import httpx2

        try:
            answer = await self._http.request(**self._request_of(call))
        except httpx2.TransportError as failed:
            raise unreachable(self._url, failed) from failed
        return call.answer_of(answer.status_code, answer.content)

    async def _answer_pages(self, call: Call[Page[Row]]) -> AsyncIterator[Row]:
        while True:
            page = await self._answer(call)
            for row in page:
                yield row
            if page.next is None:
                return
            call = call.before(page.next)

    async def events(self, *, after: int | None = None) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        """What happens, as it happens: (sample, exchange, skipped, cooldown or catalog; its data).

        Ends with the server. `after`: the number of the last exchange event that was seen.
        """
        import httpx2

        lines = EventLines()
        headers = {} if after is None else {"last-event-id": str(after)}
        try:
            async with self._http.stream("GET", "/events", headers=headers, timeout=10) as answer:
                if not answer.is_success:
                    calls.openapi().answer_of(answer.status_code, await answer.aread())
                async for line in answer.aiter_lines():
                    if (event := lines.take(line)) is not None:
                        yield event
        except httpx2.RemoteProtocolError:
            return  # the server is gone
        except httpx2.TransportError as failed:
            raise unreachable(self._url, failed) from failed

    async def play(
        self, key: str, request: Mapping[str, Any], *, path: str = "/v1/chat/completions"
    ) -> AsyncIterator[bytes]:
        """Sends a request to the data listener with a client key; the pieces of its answer, as they come."""
        import httpx2

        body = {"key": key, "path": path, "request": request}
        try:
            async with self._http.stream("POST", "/playground", json=body, timeout=600) as answer:
                if not answer.is_success:
                    calls.openapi().answer_of(answer.status_code, await answer.aread())
                async for piece in answer.aiter_bytes():
                    yield piece
        except httpx2.TransportError as failed:
            raise unreachable(self._url, failed) from failed

    async def close(self) -> None:
        """Ends its connections. May be called again."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
