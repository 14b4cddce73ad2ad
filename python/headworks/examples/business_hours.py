"""Sends work to another pool outside business hours: HOURS_POOL by day, the rest at night and at weekends.

The hours are those of BUSINESS_HOURS ("8-18", local time), the pool that of BUSINESS_POOL ("primary").
"""

import datetime
import os
from collections.abc import Sequence

from headworks import hook
from headworks.hookspecs import Candidate, Request

POOL = os.environ.get("BUSINESS_POOL", "primary")
FIRST, LAST = (int(hour) for hour in os.environ.get("BUSINESS_HOURS", "8-18").split("-"))


@hook
def route(request: Request, candidates: Sequence[Candidate]) -> list[Candidate] | None:
    """The pool of this hour first, the others behind it."""
    del request
    by_day = is_open(datetime.datetime.now())
    return sorted(candidates, key=lambda one: (one.pool == POOL) != by_day)


def is_open(moment: datetime.datetime) -> bool:
    """Monday to Friday, from the first hour up to the last."""
    return moment.weekday() < 5 and FIRST <= moment.hour < LAST
