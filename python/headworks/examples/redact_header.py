"""Takes headers out of what goes upstream, or masks what they hold.

REDACT_HEADERS names them, with commas between ("x-user-email, x-employee-id"); x-user-email is masked
(a***@example.org), the others are taken out.
"""

import os

from headworks import Changes, hook
from headworks.hookspecs import Request

NAMES = [name.strip().lower() for name in os.environ.get("REDACT_HEADERS", "x-user-email").split(",")]


@hook(on_error="reject")
def admit(request: Request) -> Changes | None:
    """Nothing to hide: no opinion."""
    found = {name: request.headers[name] for name in NAMES if name in request.headers}
    if not found:
        return None
    return Changes(headers={name: masked(value) for name, value in found.items()})


def masked(value: str) -> str | None:
    """The first letter and the domain of an address; None (take it out) for anything else."""
    user, at, domain = value.partition("@")
    return f"{user[:1]}***@{domain}" if at and user else None
