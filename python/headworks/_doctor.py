"""`headworks doctor`: looks at this machine, changes nothing."""

from __future__ import annotations

import json
import os
import resource
import ssl
import stat
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from headworks._data_dir import default_data_dir

_FEWEST_FILES = 4096


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    name: str
    fine: bool
    said: str
    hint: str = ""
    """What to do when it is not fine."""


def examine(data_dir: Path | None) -> list[Finding]:
    """Everything, in the order of start-up."""
    folder = data_dir or default_data_dir()
    return [_extension(), _open_files(), _certificates(), *_folder(folder), *_server(folder)]


def show(findings: list[Finding], *, as_json: bool) -> None:
    """Prints them, as a table or as JSON."""
    if as_json:
        print(json.dumps([asdict(one) for one in findings], indent=2))
        return
    for one in findings:
        hint = f"\n       {one.hint}" if one.hint and not one.fine else ""
        print(f"{'fine' if one.fine else 'BAD '}   {one.name}: {one.said}{hint}")


def _extension() -> Finding:
    try:
        from headworks import _core
    except ImportError as error:
        return Finding(
            "extension", False, str(error), "install the package again: pip install --force-reinstall ."
        )
    versions = json.loads(_core.versions())
    python = ".".join(map(str, sys.version_info[:3]))
    return Finding(
        "extension", True, ", ".join(f"{k} {v}" for k, v in {**versions, "python": python}.items())
    )


def _open_files() -> Finding:
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return Finding(
        "open files",
        most >= _FEWEST_FILES,
        f"{most} allowed",
        "raise it: ulimit -n 65536, or LimitNOFILE= in the unit",
    )


def _certificates() -> Finding:
    paths = ssl.get_default_verify_paths()
    found = paths.cafile or paths.capath
    return Finding("certificates", found is not None, found or "none found", "apt install ca-certificates")


def _folder(folder: Path) -> Iterator[Finding]:
    if not folder.exists():
        yield Finding("data directory", True, f"{folder}: not there yet; the first start makes it")
        return
    yield Finding(
        "data directory",
        os.access(folder, os.R_OK | os.W_OK | os.X_OK),
        str(folder),
        "make it yours: chown, or name another with --data-dir",
    )
    for name in ("master.key", "admin.token"):
        file = folder / name
        if file.exists():
            mode = stat.S_IMODE(file.stat().st_mode)
            yield Finding(name, mode & 0o077 == 0, f"mode {mode:04o}", f"chmod 600 {file}")


def _server(folder: Path) -> Iterator[Finding]:
    import httpx2

    try:
        run = json.loads((folder / "run.json").read_text())
    except (OSError, ValueError):
        yield Finding("server", True, "not running")
        return
    url = f"{run['data_url']}/readyz"
    try:
        answer = httpx2.get(url, timeout=3, trust_env=False)
    except httpx2.HTTPError as error:
        gone = "if its process is gone, it did not stop cleanly; the next start puts that right"
        yield Finding("server", False, f"pid {run.get('pid')} does not answer at {url}: {error}", gone)
        return
    yield Finding("server", answer.is_success, f"{url} says {answer.status_code}", answer.text.strip())
