"""Asks the cheapest backend first whose context is large enough for the request.

Four bytes count as a token, and what the answer may need is added. Backends without a known context are
taken as large enough; those without a price come last.
"""

from collections.abc import Sequence

from headworks import hook
from headworks.hookspecs import Candidate, Request

USUAL_OUTPUT = 1024


@hook
def route(request: Request, candidates: Sequence[Candidate]) -> list[Candidate] | None:
    """Free ones before those that are out, cheap ones before dear ones."""
    tokens = request.body_bytes // 4 + (request.max_tokens or USUAL_OUTPUT)
    fitting = [one for one in candidates if one.context_tokens == 0 or one.context_tokens >= tokens]
    if not fitting:
        return None  # nobody is large enough for certain: the gateway's own order stands
    return sorted(fitting, key=lambda one: (one.out is not None, price_of(one)))


def price_of(one: Candidate) -> float:
    """Three input tokens to one output token."""
    if one.input_price is None or one.output_price is None:
        return float("inf")
    return (3 * one.input_price + one.output_price) / 4
