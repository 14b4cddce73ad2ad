"""Rows of one shape as what people work with: dictionaries, HTML in a notebook, pandas, polars, Arrow.

pandas and polars are asked for only when somebody wants them; Arrow needs neither (bindings/bind_arrow.cpp).
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

if TYPE_CHECKING:
    import pandas
    import polars

__all__ = ["Table", "html_table"]

Row = TypeVar("Row", bound=Mapping[str, Any])

_SHOWN = 200  # rows in a notebook


class Table(Generic[Row]):
    """Rows, each a dictionary with the same keys."""

    def __init__(self, rows: Sequence[Row], columns: Sequence[str] = ()) -> None:
        """`columns`: their order, and their names where there is no row to tell them."""
        self._rows = list(rows)
        self.columns: list[str] = list(columns) or (list(self._rows[0]) if self._rows else [])

    def rows(self) -> list[Row]:
        """The rows as dictionaries, ready for json.dumps."""
        return list(self._rows)

    def column(self, name: str) -> list[Any]:
        """One column, from the first row to the last."""
        return [row[name] for row in self._rows]

    def to_pandas(self) -> pandas.DataFrame:
        """A pandas DataFrame. Needs the package pandas."""
        import pandas

        return pandas.DataFrame(self._rows, columns=self.columns)

    def to_polars(self) -> polars.DataFrame:
        """A polars DataFrame. Needs the package polars."""
        import polars

        return polars.DataFrame({name: self.column(name) for name in self.columns})

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The Arrow PyCapsule interface: pyarrow, polars, duckdb and others read it as a table."""
        from headworks import _core

        return _core.arrow_stream([(name, self.column(name)) for name in self.columns])

    @overload
    def __getitem__(self, at: int) -> Row: ...
    @overload
    def __getitem__(self, at: slice) -> list[Row]: ...
    def __getitem__(self, at: int | slice) -> Row | list[Row]:
        return self._rows[at]

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Table):
            return self._rows == other._rows
        return self._rows == other if isinstance(other, list) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<headworks.{type(self).__name__}: {len(self)} rows of {', '.join(self.columns)}>"

    def _shown_columns(self) -> list[str]:
        """What is worth a column on a page."""
        return self.columns

    def _repr_html_(self) -> str:
        names = self._shown_columns()
        shown = [[row[name] for name in names] for row in self._rows[:_SHOWN]]
        more = len(self) - len(shown)
        return html_table(names, shown) + (f"<p>and {more} more rows</p>" if more > 0 else "")


def html_table(names: Sequence[str], rows: Sequence[Sequence[Any]], title: str = "") -> str:
    """A plain HTML table, numbers to the right."""
    head = "".join(f"<th>{html.escape(name)}</th>" for name in names)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    caption = f"<caption>{html.escape(title)}</caption>" if title else ""
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f'<td style="text-align:left">{html.escape("" if value is None else str(value))}</td>'
    text = (
        f"{value:,}" if isinstance(value, int) else f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    )
    return f'<td style="text-align:right">{text}</td>'
