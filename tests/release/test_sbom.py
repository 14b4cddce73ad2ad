"""The bill of materials: valid, whole, and true to what is linked."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from support.source import ROOT

pytestmark = pytest.mark.skipif("HEADWORKSD" in os.environ, reason="a sanitized build is not shipped")


KNOWN_AS = {"libssl3": "OpenSSL", "libc6": "glibc", "libstdc++6": "libstdc++", "libgcc-s1": "libstdc++"}


def made() -> str:
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "1764288000"}
    command = [sys.executable, str(ROOT / ".ci/sbom.py")]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout


@pytest.fixture(scope="module")
def bill() -> str:
    return made()


def test_it_is_cyclonedx(bill: str) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill) is None


def test_it_names_what_is_in_it(bill: str) -> None:
    document: dict[str, Any] = json.loads(bill)
    versions = {one["name"]: one["version"] for one in document["components"]}
    said = json.loads(
        subprocess.run(
            [Path(sys.executable).with_name("headworks"), "version", "--json"],
            check=True,
            capture_output=True,
        ).stdout
    )
    for name in ("boost", "simdjson", "sqlite", "libsodium", "openssl"):
        assert versions[name] in said[name]
    assert {"libssl3", "libcrypto"} & versions.keys()
    assert {"libsqlite3-0", "libsodium23", "typer", "rich", "httpx2", "pybind11"} <= versions.keys()
    assert "pytest" not in versions


@pytest.mark.rows("S-11")
def test_every_library_is_judged(bill: str) -> None:
    """By name in SECURITY.md, with a date; what is new in the binary has no line there yet."""
    judged = (ROOT / ".github/SECURITY.md").read_text().partition("judged on")[2]
    for one in json.loads(bill)["components"]:
        if one["purl"].startswith("pkg:pypi/") and one["name"] not in ("typer", "rich", "PyYAML", "httpx2"):
            continue  # what those need in turn
        name = KNOWN_AS.get(one["name"], re.sub(r"^lib|\d+(-\d+)?$", "", one["name"]))
        assert name.lower() in judged.lower(), one["name"]


def test_it_is_the_same_every_time(bill: str) -> None:
    assert made() == bill
