"""Whether times are judged to the millisecond: on a quiet machine only, which `make edge` takes for granted.

`make test` may share its machine: there a time must be right but for a second, and of many values the middle
one is judged, which other work moves last.
"""

from __future__ import annotations

import os


def is_quiet() -> bool:
    """`make edge` says so by the variable QUIET."""
    return "QUIET" in os.environ


def late(ms: float) -> float:
    """So many milliseconds something may come too late."""
    return ms if is_quiet() else ms + 1000
