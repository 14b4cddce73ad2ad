"""Where the databases, the keys and run.json live when nobody says: the rule of the server."""

from __future__ import annotations

import os
from pathlib import Path


def default_data_dir() -> Path:
    """HEADWORKS_DATA_DIR, systemd's STATE_DIRECTORY, XDG_DATA_HOME/headworks, ~/.local/share/headworks."""
    for variable in ("HEADWORKS_DATA_DIR", "STATE_DIRECTORY"):
        if named := os.environ.get(variable):
            return Path(named)
    if shared := os.environ.get("XDG_DATA_HOME"):
        return Path(shared) / "headworks"
    return Path.home() / ".local" / "share" / "headworks"
