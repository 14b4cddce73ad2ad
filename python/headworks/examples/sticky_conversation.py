"""Keeps a conversation on one backend, so that the provider's prompt cache is of use.

The conversation is named by the header `x-conversation-id`, else by the request's first two messages.
Among the free backends the one with the highest hash of (conversation, backend) is asked first: when one
goes or comes, no other conversation moves.
"""

import hashlib
import json
from collections.abc import Sequence

from headworks import hook
from headworks.hookspecs import Candidate, Request


@hook(body=True)
def route(request: Request, candidates: Sequence[Candidate]) -> list[Candidate] | None:
    """Highest hash first; those that are out come last."""
    conversation = request.headers.get("x-conversation-id") or beginning_of(request)
    if not conversation:
        return None

    def rank(one: Candidate) -> tuple[bool, bytes]:
        digest = hashlib.blake2b(f"{conversation}\0{one.backend}".encode(), digest_size=8).digest()
        return one.out is None, digest

    return sorted(candidates, key=rank, reverse=True)


def beginning_of(request: Request) -> str:
    """The first two messages as text; empty when there are none."""
    try:
        messages = json.loads(request.body or b"{}").get("messages") or []
    except (ValueError, AttributeError):
        return ""
    return json.dumps(messages[:2]) if messages else ""
