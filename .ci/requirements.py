"""Prints what pip must install to build and test from this tree, one requirement a line.

Read from pyproject.toml, the only place that names them: the build system, the run time, and the extras that
are named as arguments.
"""

import sys
import tomllib
from pathlib import Path

project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())
requirements = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
for extra in sys.argv[1:]:
    requirements += project["project"]["optional-dependencies"][extra]
print("\n".join(dict.fromkeys(requirements)))
