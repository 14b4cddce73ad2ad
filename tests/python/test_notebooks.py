"""The notebooks of benchmarks/notebooks: each runs to its last cell, and is kept without outputs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.source import ROOT

FOLDER = ROOT / "benchmarks" / "notebooks"
RUN = """
import sys, nbclient, nbformat
notebook = nbformat.read(sys.argv[1], as_version=4)
try:
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
finally:
    nbformat.write(notebook, sys.argv[2])
"""
NOTEBOOKS = sorted(path.stem for path in FOLDER.glob("*.ipynb"))


def test_there_are_three() -> None:
    assert NOTEBOOKS == ["first_steps", "side_by_side", "which_strategy"]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_it_is_kept_without_outputs(name: str) -> None:
    notebook = json.loads((FOLDER / f"{name}.ipynb").read_text())
    cells: list[dict[str, Any]] = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]

    assert not [cell["id"] for cell in cells if cell["outputs"] or cell["execution_count"] is not None]


@pytest.mark.parametrize("name", NOTEBOOKS)
@pytest.mark.timeout(300)
def test_it_runs(name: str, tmp_path: Path) -> None:
    """In a kernel of its own, as Jupyter does it. A cell that raises fails the test with its traceback."""
    environment = {**os.environ, "HEADWORKS_NOTEBOOK_SECONDS": "0.3", "IPYTHONDIR": str(tmp_path)}
    environment.update(MPLCONFIGDIR=str(tmp_path), JUPYTER_RUNTIME_DIR=str(tmp_path))
    out = tmp_path / f"{name}.ipynb"
    done = subprocess.run(
        [sys.executable, "-c", RUN, FOLDER / f"{name}.ipynb", out],
        check=False, capture_output=True, text=True, env=environment, timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    cells = [cell for cell in json.loads(out.read_text())["cells"] if cell["cell_type"] == "code"]
    assert all(cell["execution_count"] for cell in cells)
    shown = [output for cell in cells for output in cell["outputs"]]
    assert any("text/html" in output.get("data", {}) for output in shown)
    if name != "first_steps":
        assert any("image/png" in output.get("data", {}) for output in shown)
