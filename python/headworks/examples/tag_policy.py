"""Requests carry tags, backends carry tags, and only backends with all of a request's tags may serve it.

A client says `x-tags: eu, no-logging`; a backend says `metadata: {tags: [eu, no-logging]}`. What nobody
may serve is refused. The policy is a rule, not advice: without its word (`on_error="reject"`) nothing
passes.
"""

from collections.abc import Sequence

from headworks import Changes, Reject, hook
from headworks.hookspecs import Candidate, Request


@hook(on_error="reject")
def admit(request: Request) -> Changes | None:
    """The header becomes a tag of the request, and does not go upstream."""
    wanted = request.headers.get("x-tags")
    return None if wanted is None else Changes(tags={"wanted": wanted}, headers={"x-tags": None})


@hook(on_error="reject")
def route(request: Request, candidates: Sequence[Candidate]) -> list[str] | Reject | None:
    """Those that have every tag, in the order of their pools."""
    wanted = {tag.strip() for tag in request.tags.get("wanted", "").split(",") if tag.strip()}
    if not wanted:
        return None
    allowed = [one.backend for one in candidates if wanted <= set(one.metadata.get("tags") or ())]
    return allowed or Reject(f"no backend of this model is tagged {', '.join(sorted(wanted))}", status=403)
