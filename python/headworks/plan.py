"""Plan: where a request would go now, as `AdminClient.explain()` and `Server.explain()` answer it."""

from __future__ import annotations

from typing import Any, TypedDict

from headworks._table import Table, html_table
from headworks.rows import PlanRow

__all__ = ["Plan", "Prospect"]


class Prospect(TypedDict):
    """A backend in a plan: one row of `Plan.prospects()`."""

    pool: str
    backend: str
    model: str
    score: float
    state: str
    """`free`, or why it cannot be called now."""
    ready_in_seconds: float | None
    in_flight: int
    starts_left: int | None


class Plan:
    """The plan that would be made: which pool, who in it, in which order, and who not and why.

    `row` is all of it as the API says it (`headworks.rows.PlanRow`), and `plan["tiers"]` a part of that.
    A notebook shows it as a table.
    """

    def __init__(self, row: PlanRow) -> None:
        self.row = row

    def __getitem__(self, name: str) -> Any:
        return self.row[name]  # type: ignore[literal-required]

    @property
    def verdict(self) -> str:
        """What would become of the request, in a sentence."""
        if self.row["error"]:
            return f"{self.row['model']}: would be refused, {self.row['error']}"
        if self.row["next"] == "wait":
            seconds = f"{self.row['wait_seconds'] or 0:.3f}".rstrip("0").rstrip(".")
            return f"{self.row['model']}: would wait {seconds} s for the first slot"
        return f"{self.row['model']}: would be tried in pool {self.row['pool']}"

    def prospects(self) -> Table[Prospect]:
        """All backends of all tiers, in the order in which they would be tried."""
        return Table(
            [
                {
                    "pool": tier["pool"],
                    "backend": one["backend"],
                    "model": one["model"],
                    "score": one["score"],
                    "state": one["out"] or "free",
                    "ready_in_seconds": one["ready_in_seconds"],
                    "in_flight": one["in_flight"],
                    "starts_left": one["starts_left"],
                }
                for tier in self.row["tiers"]
                for one in tier["candidates"]
            ],
            list(Prospect.__annotations__),
        )

    def __repr__(self) -> str:
        return f"<headworks.Plan {self.verdict}>"

    def _repr_html_(self) -> str:
        rows = self.prospects()
        left_out = [[one["backend"], one["pool"], one["why"]] for one in self.row["left_out"]]
        shown = html_table(rows.columns, [list(row.values()) for row in rows], self.verdict)
        return shown + (html_table(["left out", "pool", "why"], left_out) if left_out else "")
