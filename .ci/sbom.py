"""Writes the bill of materials of what is installed in .venv: CycloneDX 1.6 JSON, on standard output.

Components: the libraries that the core says it was built with (`headworks version`), what the linker binds
it to (readelf, dpkg), and the Python packages that it needs at run time.
"""

import json
import os
import re
import subprocess
import sys
import tomllib
import uuid
from datetime import UTC, datetime
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
LICENSES = {
    "boost": "BSL-1.0", "simdjson": "Apache-2.0", "sqlite": "blessing", "libsodium": "ISC",
    "openssl": "Apache-2.0", "pybind11": "BSD-3-Clause",
}  # fmt: skip


def run(*command: str | Path) -> str:
    """What a program prints."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def component(name: str, version: str, purl: str, license_id: str = "", **more: Any) -> dict[str, Any]:
    """One entry."""
    licenses = {"licenses": [{"license": {"id": license_id}}]} if license_id else {}
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "purl": purl,
        **licenses,
        **more,
    }


def built_in() -> list[dict[str, Any]]:
    """By the core's own account; pybind11 by the build environment's."""
    versions = json.loads(run(Path(sys.executable).with_name("headworks"), "version", "--json"))
    versions.pop("headworks")
    versions["pybind11"] = metadata.version("pybind11")
    return [
        component(
            name,
            re.sub(r"^\D*", "", version).split()[0],
            f"pkg:generic/{name}@{version.split()[-1]}",
            LICENSES[name],
        )
        for name, version in sorted(versions.items())
    ]


def owner_of(file: str) -> str:
    """The Debian package of a library, which may be registered under / or /usr; empty: of none."""
    for name in (file, os.path.realpath(file), os.path.realpath(file).removeprefix("/usr")):
        found = subprocess.run(["dpkg-query", "-S", name], check=False, capture_output=True, text=True)
        if found.returncode == 0:
            return found.stdout.split(":")[0]
    return ""


def linked() -> list[dict[str, Any]]:
    """The Debian packages of the shared objects that the two binaries name."""
    spec = find_spec("headworks._core")
    if spec is None or spec.origin is None:
        raise SystemExit("headworks is not installed here: make build")
    names = set()
    for binary in (Path(spec.origin), Path(sys.executable).with_name("headworksd")):
        names |= set(re.findall(r"\(NEEDED\)\s+Shared library: \[(.+?)\]", run("readelf", "-dW", binary)))
    cache = run("/sbin/ldconfig", "-p")
    found = {}
    for name in sorted(names):
        file = re.search(rf"^\s*{re.escape(name)} .*=> (\S+)$", cache, re.MULTILINE)
        package = owner_of(file[1]) if file else ""
        if not package:
            continue
        version = run("dpkg-query", "-W", "-f", "${Version}", package).strip()
        entry = found.setdefault(
            package, component(package, version, f"pkg:deb/debian/{package}@{version}", properties=[])
        )
        entry["properties"].append({"name": "headworks:shared-object", "value": name})
    return list(found.values())


def python() -> list[dict[str, Any]]:
    """The distributions that are needed at run time, and theirs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    waiting, seen = list(project["dependencies"]), dict[str, dict[str, Any]]()
    while waiting:
        requirement = waiting.pop()
        if "extra ==" in requirement:
            continue
        name = re.split(r"[^\w.-]", requirement, maxsplit=1)[0]
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue  # for another system or Python
        known = re.sub(r"[-_.]+", "-", distribution.name).lower()
        if known not in seen:
            seen[known] = component(
                distribution.name, distribution.version, f"pkg:pypi/{known}@{distribution.version}"
            )
            waiting += distribution.requires or []
    return [seen[name] for name in sorted(seen)]


def bill() -> dict[str, Any]:
    """The whole document; with SOURCE_DATE_EPOCH the same bytes every time."""
    version = metadata.version("headworks")
    components = [*built_in(), *linked(), *python()]
    moment = datetime.fromtimestamp(
        int(os.environ.get("SOURCE_DATE_EPOCH", datetime.now(UTC).timestamp())), UTC
    )
    serial = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(components))
    main = {"type": "application", "bom-ref": "headworks", "name": "headworks", "version": version}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {
            "timestamp": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": {**main, "licenses": [{"license": {"id": "Apache-2.0"}}]},
        },
        "components": components,
        "dependencies": [{"ref": "headworks", "dependsOn": [one["bom-ref"] for one in components]}],
    }


if __name__ == "__main__":
    print(json.dumps(bill(), indent=2))
