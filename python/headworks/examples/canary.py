"""Gives a share of a model's requests to another one: CANARY="llama-70b=llama-80b:5" is five in a hundred.

The client key decides, by a hash: the same caller always gets the same model. The share is told upstream in
`x-canary`, and to later hooks as a tag.
"""

import hashlib
import os

from headworks import Changes, hook
from headworks.hookspecs import Request

OLD, _, REST = os.environ.get("CANARY", "").partition("=")
NEW, _, SHARE = REST.partition(":")
PERCENT = float(SHARE or 0)


@hook
def admit(request: Request) -> Changes | None:
    """Another model for the chosen callers."""
    if request.model != OLD or not NEW or not is_chosen(request.client_key_id, PERCENT):
        return None
    return Changes(model=NEW, tags={"canary": NEW}, headers={"x-canary": NEW})


def is_chosen(caller: str, percent: float) -> bool:
    """Whether `caller` is among so many of a hundred."""
    digest = hashlib.blake2b(caller.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64 * 100 < percent
