"""The wheel: the tree and nothing else, and the same bytes whoever builds it."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from support.source import ROOT, project_files

pytestmark = pytest.mark.skipif("HEADWORKSD" in os.environ, reason="a sanitized build is not shipped")


def build(source: Path, out: Path, *settings: str) -> Path:
    """A wheel, from what is installed here: nothing is fetched."""
    command = [
        *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"),
        *(f"--config-settings={one}" for one in settings),
        *("--wheel-dir", str(out), str(source)),
    ]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    made = subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "CCACHE_BASEDIR": str(source), "PATH": path},
    )
    assert made.returncode == 0, made.stdout[-2000:] + made.stderr[-2000:]
    (wheel,) = out.glob("*.whl")
    return wheel


def digest_of(wheel: Path) -> str:
    return hashlib.sha256(wheel.read_bytes()).hexdigest()


def differences(one: Path, other: Path) -> list[str]:
    """The members that are not the same."""
    with zipfile.ZipFile(one) as left, zipfile.ZipFile(other) as right:
        names = sorted({*left.namelist(), *right.namelist()})
        return [
            name
            for name in names
            if name not in left.namelist()
            or name not in right.namelist()
            or left.read(name) != right.read(name)
        ]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, tmp_path_factory.mktemp("wheel"), "build-dir=build/release")


def test_it_holds_the_tree_and_nothing_else(wheel: Path) -> None:
    """Every Python file is that of the repository; no .pth, nothing outside of the package."""
    tracked = {
        path.relative_to(ROOT / "python").as_posix(): path
        for path in project_files()
        if path.is_relative_to(ROOT / "python")
    }
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        for name in names:
            if name in tracked:
                assert archive.read(name) == tracked[name].read_bytes(), name
        strange = [
            name
            for name in names
            if name not in tracked
            and not name.startswith(("headworks/_core.", "headworks/static/"))
            and not name.partition("/")[0].endswith((".dist-info", ".data"))
        ]
        scripts = [name.rpartition("/")[2] for name in names if ".data/" in name]
    assert strange == []
    assert scripts == ["headworksd"]
    assert not [name for name in names if name.endswith(".pth") or "customize" in name]
    assert tracked.keys() <= set(names)


def test_a_later_build_gives_the_same_bytes(wheel: Path, tmp_path: Path) -> None:
    again = build(ROOT, tmp_path, "build-dir=build/release")

    assert differences(wheel, again) == []
    assert digest_of(again) == digest_of(wheel)


@pytest.mark.minutes
@pytest.mark.timeout(3600)
def test_two_builds_in_two_places_give_the_same_bytes(tmp_path: Path) -> None:
    """From the tree alone, compiled twice, in folders of different names."""
    wheels = []
    for name in ("one", "another/and-a-longer-one"):
        source = tmp_path / name / "source"
        for file in project_files():
            copy = source / file.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, copy)
        wheels.append(build(source, tmp_path / name / "out"))

    assert differences(*wheels) == []
    assert digest_of(wheels[0]) == digest_of(wheels[1])
