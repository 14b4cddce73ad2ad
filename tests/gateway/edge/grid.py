"""The report behind `make edge`: every row of bad input against the gateway, and every input of the wire
side by side with nginx, HAProxy, h11 and llhttp. `--faults`: the faults and figures too;
`--minutes`: also those that take long or judge times (SOAK_SECONDS: how long F50 goes on).

Exits 1 when a row fails, or when we take an input that most of the others refuse.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "tests"))

from gateway.edge.edge import Edge  # noqa: E402
from gateway.edge.opinions import Verdict, majority_refuses, opinions  # noqa: E402
from gateway.edge.test_grid import INPUTS, ours  # noqa: E402
from headworks.testing import Upstream  # noqa: E402
from support.tables import EDGE, ELSEWHERE, FAULTS, FIGURES, IN_CPP, NOT_BUILT, rows_in, rows_of  # noqa: E402


class Rows:
    """A plug-in of pytest: runs the tests that name one of the rows, and keeps what became of them."""

    def __init__(self, wanted: Iterable[str]) -> None:
        self.wanted = set(wanted)
        self.outcomes: dict[str, list[str]] = defaultdict(list)
        self.figures: dict[str, list[str]] = defaultdict(list)
        self.left_out: set[str] = set()

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Only those."""
        kept = [item for item in items if self.wanted & set(rows_in(item.nodeid))]
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        """By `-m`: rows of which nothing is known then."""
        self.left_out.update(row for item in items for row in rows_in(item.nodeid))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Of the call, or of the set-up that failed or was skipped."""
        if report.when == "call" or report.outcome != "passed":
            for row in rows_in(report.nodeid):
                self.outcomes[row].append(report.outcome)
        for name, value in report.user_properties if report.when == "call" else ():
            self.figures[name].append(str(value))

    def line(self, row: str) -> tuple[bool, str]:
        """Whether it holds, and what is printed of it."""
        outcomes = self.outcomes.get(row, [])
        if "failed" in outcomes:
            return False, f"{row}  FAILED ({outcomes.count('failed')} of {len(outcomes)} tests)"
        if outcomes.count("passed"):
            skipped = f", {outcomes.count('skipped')} skipped" if "skipped" in outcomes else ""
            said = f"  {'; '.join(self.figures[row])}" if row in self.figures else ""
            return True, f"{row}  ok ({outcomes.count('passed')} tests{skipped}){said}"
        if row in IN_CPP:
            return True, f"{row}  ok in C++: {IN_CPP[row]}"
        if row in ELSEWHERE:
            return True, f"{row}  see {ELSEWHERE[row]}"
        missing = "takes minutes: --minutes" if row in self.left_out else "no test ran"
        return False, f"{row}  {f'NOT BUILT: {NOT_BUILT[row]}' if row in NOT_BUILT else missing}"


def run_rows(*, faults: bool, minutes: bool) -> tuple[bool, list[str]]:
    """The rows, and the lines to print."""
    os.environ["QUIET"] = "1"  # times are judged as the tables say them: support/quiet.py
    tables = [*rows_of(EDGE), *((*rows_of(FAULTS), *FIGURES) if faults else ())]
    rows = Rows(tables)
    folders = [str(ROOT / "tests" / one) for one in ("gateway", "python", "release", "web")]
    chosen = ["-m", "" if minutes else "not minutes"]
    pytest.main(
        ["-q", "--no-header", "-p", "no:cacheprovider", "--rootdir", str(ROOT), *chosen, *folders],
        plugins=[rows],
    )
    lines, held = [], 0
    for row in tables:
        fine, line = rows.line(row)
        held += fine
        lines.append(line)
    edge = [rows.line(row)[0] for row in rows_of(EDGE)]
    lines.append(f"rows of bad input: {sum(edge)}/{len(edge)}")
    if faults:
        broken = [rows.line(row)[0] for row in rows_of(FAULTS)]
        lines.append(f"rows of faults: {sum(broken)}/{len(broken)}")
    return held == len(tables), lines


def side_by_side() -> tuple[bool, list[str]]:
    """Every input of the wire, what each makes of it, and what stands out."""
    lines, agree = [], True
    with tempfile.TemporaryDirectory() as name, Upstream() as upstream:
        folder = Path(name)
        with Edge(upstream, folder) as edge, opinions(folder) as others:
            lines.append(f"{'input':44}{'headworks':>10}" + "".join(f"{who:>9}" for who in others))

            def judged(data: bytes) -> tuple[Verdict, dict[str, Verdict]]:
                return ours(edge, data), {who: opinion(data) for who, opinion in others.items()}

            with ThreadPoolExecutor(16) as pool:  # they wait, most of the time
                verdicts = pool.map(judged, INPUTS.values())
            for row, (mine, theirs) in zip(INPUTS, verdicts, strict=True):
                alone = mine.takes and majority_refuses(theirs)
                agree = agree and not alone
                lines.append(
                    f"{row[:43]:44}{mine!s:>10}"
                    + "".join(f"{one!s:>9}" for one in theirs.values())
                    + ("   <- taken by us, refused by most" if alone else "")
                )
    lines.append(f"taken by us and refused by most: {'none' if agree else 'see above'}")
    return agree, lines


def main() -> int:
    """Prints both parts."""
    parser = argparse.ArgumentParser(prog="make edge", description=__doc__)
    parser.add_argument("--faults", action="store_true", help="the rows of faults and the figures too")
    parser.add_argument("--minutes", action="store_true", help="those that take minutes too")
    parser.add_argument("--only-grid", action="store_true", help="nothing but the comparison")
    asked = parser.parse_args()
    agree, grid = side_by_side()
    print("\n".join(grid))
    if asked.only_grid:
        return 0 if agree else 1
    held, lines = run_rows(faults=asked.faults or asked.minutes, minutes=asked.minutes)
    print("\n".join(lines))
    return 0 if held and agree else 1


if __name__ == "__main__":
    sys.exit(main())
