"""Usage: what was used and what it cost, as `AdminClient.usage()` and `Server.usage()` answer it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from headworks._table import Table
from headworks.rows import UsageRow

__all__ = ["Usage"]

_COLUMNS = [
    name for name in UsageRow.__annotations__ if name not in ("at", "model", "backend", "key", "pool")
]
_SHOWN = ("exchanges", "errors", "input_tokens", "output_tokens", "cost_usd", "p50_ms", "p95_ms")


class Usage(Table[UsageRow]):
    """Sums over exchanges, one row for each group that was asked for.

    A sequence of rows (dictionaries); `rows()`, `to_pandas()`, `to_polars()`, and whatever reads Arrow
    streams: `polars.DataFrame(usage)`, `pyarrow.table(usage)`. A notebook shows it as a table.
    """

    def __init__(self, answer: Mapping[str, Any], by: Sequence[str] = ()) -> None:
        """`answer`: what `GET /admin/v1/usage` says; `by`: the columns that it was asked to sum by."""
        super().__init__(answer["data"], [*by, *_COLUMNS])
        self.by: list[str] = list(by)
        """What the rows are sums by: of `at`, `model`, `backend`, `key`, `pool`."""
        self.since: str = answer["since"]
        """The first moment that it covers, in UTC."""
        self.until: str = answer["until"]
        """The first moment that it does not cover any more."""
        self.more: bool = answer["more"]
        """Whether there were more rows than the `limit`."""

    @property
    def cost_usd(self) -> float:
        """What all of it cost, in US dollars."""
        return float(sum(self.column("cost_usd")))

    def _shown_columns(self) -> list[str]:
        return [*self.by, *_SHOWN]
