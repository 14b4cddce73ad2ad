"""The tables by which the edge is measured: which rows there are, and which a Python test does not prove.

Bad input: B request line and headers, S framing, J JSON and API, A credentials and admin API, U answers of
upstreams. F: faults. R, S-, C-: figures. A test names its rows in its id (`@pytest.mark.rows`, or the id of a
parameter); tests/architecture/test_tables.py asks for every row.
"""

from __future__ import annotations

import re

EDGE = {"B": 48, "S": 36, "J": 25, "A": 32, "U": 24}
FAULTS = {"F": 50}
FIGURES = [*(f"R{n}" for n in range(1, 14)), "S-1", *(f"S-{n}" for n in range(3, 13)), "C-1"]
ROW = re.compile(r"(?<!\w)([BSJAUF]\d{2}|R\d{1,2}|S-\d{1,2}|C-1)(?!\w)")

IN_CPP = {
    "F14": "tests/cpp/wire/retry_after_test.cpp RetryAfter.IsReadAsItIsMeant",
    "F30": "tests/cpp/store/schema_test.cpp Schema.AMutatedCatalogNeverStartsEmpty",
    "A07": "tests/cpp/gateway/authenticate_test.cpp Authenticate.TheTimeTellsNothing",
    "S-7": "tests/cpp/gateway/authenticate_test.cpp Authenticate.TheTimeTellsNothing",
    "C-1": "tests/cpp/vault/sealer_test.cpp SealerOnEveryCpu.ABitFlippedInAnyByteOfTheEnvelopeIsRefused",
}
"""Rows that are proved (or proved in more depth) by a test in C++."""

ELSEWHERE = {
    "A27": "make test, stage web: web/src/pure.test.ts (a cell of a CSV is no formula)",
    "R1": "make edge ARGS=--faults: the sum of the F rows",
    "S-1": "make edge: the sum of the rows of bad input",
    "S-8": "make fuzz",
    "S-9": "make test: the stages asan, asan-gateway, tsan, tsan-gateway",
}
"""What is the outcome of a command."""

NOT_BUILT: dict[str, str] = {}
"""Rows without a proof, each with the reason."""


def rows_of(table: dict[str, int]) -> list[str]:
    """Every row of a table, in its order."""
    return [f"{letter}{number:02}" for letter, count in table.items() for number in range(1, count + 1)]


def rows_in(node: str) -> list[str]:
    """The rows that a test's id names."""
    parameters = node.partition("[")[2]
    return ROW.findall(parameters)
