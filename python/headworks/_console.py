"""Where the commands print: results on standard output, progress on standard error.

Colours, tables with heads and progress bars are for terminals; to a pipe goes what programs can rely on.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress
    from rich.table import Table
    from rich.text import Text

__all__ = ["Bar", "console", "make_table", "print_json", "print_lines", "progress", "state"]

_COLOURS = {
    "healthy": "green", "enabled": "green", "free": "green", "ok": "green", "admin": "bold",
    "cooling": "yellow", "error": "red", "disabled": "dim", "BAD": "bold red", "fine": "green",
}  # fmt: skip
_PIPE_WIDTH = 10_000
_RIGHT = {"score", "USD", "tokens in", "out", "requests", "errors", "rpm", "tpm", "number"}


def console() -> Console:
    """Standard output. Never wraps in a pipe."""
    from rich.console import Console

    piped = not sys.stdout.isatty()
    return Console(soft_wrap=piped, width=_PIPE_WIDTH if piped else None, highlight=False, markup=False)


def make_table(title: str, *columns: str) -> Table:
    """A table without frames; columns of numbers stand to the right."""
    from rich.table import Table

    table = Table(
        title=title or None,
        title_justify="left",
        title_style="bold",
        header_style="bold",
        box=None,
        pad_edge=False,
    )
    for column in columns:
        number = column in _RIGHT or column.endswith((" ms", " s", " left", " flight"))
        table.add_column(column, justify="right" if number else "left", overflow="fold")
    return table


def state(name: str) -> Text:
    """The name of a state in its colour."""
    from rich.text import Text

    return Text(name, style=_COLOURS.get(name, ""))


def print_json(value: Any) -> None:
    """For programs."""
    print(json.dumps(value, indent=2))


def print_lines(
    rows: Sequence[Any],
    line: Callable[[Any], str],
    columns: Sequence[str],
    cells: Callable[[Any], Sequence[str | Text]],
) -> None:
    """One line for each row, by `line`; on a terminal a table, by `cells`."""
    if not sys.stdout.isatty():
        for row in rows:
            print(line(row))
        return
    table = make_table("", *columns)
    for row in rows:
        table.add_row(*cells(row))
    console().print(table)


class Bar:
    """How far something is. Does nothing until somebody watches."""

    def at(self, done: float, total: float | None = None, *, note: str = "") -> None:
        """`done` of `total` (None: the total that was said last), and a word about it."""


class _TerminalBar(Bar):
    def __init__(self, shown: Progress, what: str, total: float | None) -> None:
        self._shown, self._what = shown, what
        self._task = shown.add_task(what, total=total)

    def at(self, done: float, total: float | None = None, *, note: str = "") -> None:
        if total is not None:
            self._shown.update(self._task, total=total)
        self._shown.update(self._task, completed=done, description=f"{self._what} {note}".strip())


class _Html:
    def __init__(self, text: str) -> None:
        self._text = text

    def _repr_html_(self) -> str:
        return self._text


class _NotebookBar(Bar):
    def __init__(self, what: str, total: float | None) -> None:
        from IPython import display

        self._what, self._total = what, total
        self._handle = display.DisplayHandle()
        self._handle.display(self._shown(0, ""))

    def _shown(self, done: float, note: str) -> Any:
        from html import escape

        of = f'max="{self._total}" value="{done}"' if self._total else ""
        return _Html(f"<progress {of}></progress> {escape(self._what)} {escape(note)}")

    def at(self, done: float, total: float | None = None, *, note: str = "") -> None:
        self._total = self._total if total is None else total
        self._handle.update(self._shown(done, note))

    def clear(self) -> None:
        self._handle.update(_Html(""))


@contextmanager
def progress(what: str, total: float | None = None) -> Iterator[Bar]:
    """A bar while the block runs, on standard error or in a notebook; a pulse while no total is known."""
    if _in_notebook():
        bar = _NotebookBar(what, total)
        try:
            yield bar
        finally:
            bar.clear()
    elif sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
            yield _TerminalBar(shown, what, total)
    else:
        yield Bar()


def _in_notebook() -> bool:
    """Whether a Jupyter kernel runs this."""
    if "ipykernel" not in sys.modules:
        return False
    from IPython.core.getipython import get_ipython

    return type(get_ipython()).__name__ == "ZMQInteractiveShell"
