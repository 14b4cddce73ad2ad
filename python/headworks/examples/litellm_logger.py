"""Runs a LiteLLM-style CustomLogger as a plug-in: `adapt(MyLogger())` gives an object with hooks.

`async_pre_call_hook(user_api_key_dict, cache, data, call_type)` may raise (the request is refused),
return a string (refused with that text) or return the data with another `model`.
`async_log_success_event` and `async_log_failure_event` hear of the end. The twins without `async_` are
called when there is no async one. The gateway keeps no messages: `data` holds the request's body,
`response_obj` the usage.
"""

import datetime
import inspect
import json
from typing import Any

from headworks import Changes, Reject, hook
from headworks.hookspecs import Exchange, Request


class _Adapted:
    def __init__(self, logger: Any) -> None:
        self.logger = logger

    @hook(timeout_ms=200, body=True)
    async def admit(self, request: Request) -> Changes | Reject | None:
        data = {**json.loads(request.body or b"{}"), "model": request.model}
        user = {"key_alias": request.client_key, "token": request.client_key_id}
        try:
            said = await self._call("pre_call_hook", user, None, data, request.route.rpartition("/v1/")[2])
        except Exception as error:
            return Reject(str(error), status=getattr(error, "status_code", 403))
        if isinstance(said, str):
            return Reject(said)
        changed = said.get("model") if isinstance(said, dict) else None
        return Changes(model=changed) if changed and changed != request.model else None

    @hook
    async def finished(self, exchange: Exchange) -> None:
        usage = {"prompt_tokens": exchange.input_tokens, "completion_tokens": exchange.output_tokens}
        told = {"model": exchange.model, "litellm_call_id": exchange.id, "response_cost": exchange.cost_usd}
        end = datetime.datetime.now(datetime.UTC)
        start = end - datetime.timedelta(seconds=exchange.seconds)
        name = "log_success_event" if exchange.error is None else "log_failure_event"
        await self._call(name, told | {"exception": exchange.error}, {"usage": usage}, start, end)

    async def _call(self, name: str, *arguments: Any) -> Any:
        function = getattr(self.logger, f"async_{name}", None) or getattr(self.logger, name, None)
        said = None if function is None else function(*arguments)
        return await said if inspect.isawaitable(said) else said


def adapt(logger: Any) -> Any:
    """A plug-in of one CustomLogger instance, for Server(plugins=[adapt(...)]) or an entry point."""
    return _Adapted(logger)
