"""The sdist holds everything that a build reads, and nothing that only we need."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from support.source import ROOT, project_files


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    folder = tmp_path_factory.mktemp("sdist")
    words = [sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(words, check=True, capture_output=True, timeout=100)
    (file,) = folder.glob("headworks-*.tar.gz")
    with tarfile.open(file) as archive:
        return {str(Path(*Path(name).parts[1:])) for name in archive.getnames()}


def test_it_is_whole(names: set[str]) -> None:
    needed = {str(path.relative_to(ROOT)) for path in project_files()}
    needed = {
        name
        for name in needed
        if name.split("/")[0] in ("cpp", "bindings", "python") and not name.startswith("cpp/decisions/")
    }

    assert not needed - names
    assert {"pyproject.toml", "CMakeLists.txt", "README.md", "LICENSE", "PKG-INFO"} <= names


def test_it_is_no_more_than_that(names: set[str]) -> None:
    ours = (".ci/", "tests/", "benchmarks/", "build/", ".venv/")
    assert not {name for name in names if name.startswith(ours)}
    built = (ROOT / "web" / "dist").is_dir()
    assert any(name.startswith("web/dist/") for name in names) == built, "the dashboard, where it was built"
