"""A gateway as its users have it: the process headworksd, seen from outside only.

Port 0 everywhere, a data directory of its own, ready when its ready line is there, stopped with TERM.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from headworks.admin import AdminClient
from support.until import until

ROOT = Path(__file__).parents[2]
_READY = re.compile(r"^headworks ready data=(?P<data>\S+) admin=(?P<admin>\S+)$")
# The text of the first start names the key that was made.
_KEY = re.compile(r"\b(?P<key>hw_key_[A-Za-z0-9_-]{16,})")


def headworksd() -> Path:
    """The native binary: HEADWORKSD, else the one that is installed beside this Python."""
    named = os.environ.get("HEADWORKSD")
    return Path(named) if named else Path(sys.executable).with_name("headworksd")


class Lines:
    """What a process writes, line by line, read by a thread of its own so that its pipe never fills up."""

    def __init__(self, pipe: Any) -> None:
        self._lines: list[str] = []
        self._thread = threading.Thread(target=self._read, args=(pipe,), daemon=True)
        self._thread.start()

    def _read(self, pipe: Any) -> None:
        with pipe:
            for line in pipe:
                self._lines.append(line.rstrip("\n"))

    def all(self) -> list[str]:
        """The whole lines until now."""
        return list(self._lines)

    def finish(self) -> None:
        """Waits for the rest. REQUIRES that the process has ended."""
        self._thread.join(timeout=10)


class Gateway:
    """One data directory and, between start() and stop(), one process on it."""

    def __init__(
        self,
        config: Mapping[str, Any] | None,
        data_dir: Path,
        *,
        arguments: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        command: Sequence[str | Path] | None = None,
        key: str = "",
    ) -> None:
        """`command`: what to run instead of headworksd, such as ("headworks", "serve")."""
        self.data_dir = data_dir
        self.config_file = data_dir.parent / f"{data_dir.name}.json"
        self.key = key
        self._named_key = bool(key)
        self._config = config
        self._arguments = list(arguments)
        self._environment = dict(environment or {})
        self._command = list(command or (headworksd(),))
        self._process: subprocess.Popen[str] | None = None
        self._out: Lines | None = None
        self._err: Lines | None = None
        self.url = self.admin_url = ""

    # Life

    def start(self, *, seconds: float = 20) -> Gateway:
        """Starts the process and waits until it is ready."""
        self.launch()
        ready = until(self._ready, seconds, what="the ready line of headworksd")
        self.url, self.admin_url = ready["data"], ready["admin"]
        if not self._named_key:
            until(lambda: self._find_key() or self.key, 2, what="the client key of the first start")
        return self

    def launch(self) -> None:
        """Starts the process without waiting for anything: for starts that must fail."""
        assert self._process is None, "it is running"
        if self._config is not None:
            self.write_config(self._config)
            self._arguments = ["-c", str(self.config_file), *(one for one in self._arguments)]
            self._config = None
        # Nothing of the machine's own settings may change what a test sees.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("HEADWORKS_")}
        self._process = subprocess.Popen(
            [
                *map(str, self._command),
                *("--data-dir", str(self.data_dir)),
                *("--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"),
                *self._arguments,
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            env={**inherited, **self._environment},
        )
        self._out, self._err = Lines(self._process.stdout), Lines(self._process.stderr)

    def stop(self, *, seconds: float = 40) -> int:
        """TERM, and waits for the end. The exit code."""
        self.signal(signal.SIGTERM)
        return self.wait(seconds)

    def kill(self) -> None:
        """KILL: nothing gets a chance to be written."""
        self.signal(signal.SIGKILL)
        self.wait(10)

    def restart(self, *, kill: bool = False) -> Gateway:
        """Stops and starts on the same data directory; the ports change."""
        if kill:
            self.kill()
        else:
            assert self.stop() == 0, self.describe()
        return self.start()

    def wait(self, seconds: float = 40) -> int:
        """Waits for the end of the process. Its exit code (negative: the signal)."""
        assert self._process is not None, "it is not running"
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise AssertionError(f"did not end within {seconds:g} s\n{self.describe()}") from None
        finally:
            if self._process.returncode is not None:
                self._process = None
        for lines in (self._out, self._err):
            if lines is not None:
                lines.finish()
        return code

    def signal(self, number: int) -> None:
        """Sends a signal to the process."""
        assert self._process is not None, "it is not running"
        self._process.send_signal(number)

    @property
    def running(self) -> bool:
        """Whether there is a process."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """How the process ended that start() made; none: it runs, or wait() has said it."""
        return None if self._process is None else self._process.poll()

    @property
    def pid(self) -> int:
        """The process."""
        assert self._process is not None, "it is not running"
        return self._process.pid

    def resident_bytes(self) -> int:
        """The memory that the process holds now."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def cpu_seconds(self) -> float:
        """User and system time that all its threads have used."""
        tasks = Path(f"/proc/{self.pid}/task").iterdir()
        return sum(int((one / "schedstat").read_text().split()[0]) for one in tasks) / 1e9

    # What it says

    @property
    def out_lines(self) -> list[str]:
        """Standard output of this run: the ready line."""
        return self._out.all() if self._out else []

    @property
    def log_lines(self) -> list[str]:
        """Standard error of this run: the log, and the text of the first start."""
        return self._err.all() if self._err else []

    @property
    def run_json(self) -> dict[str, Any]:
        """run.json in the data directory."""
        document: dict[str, Any] = json.loads((self.data_dir / "run.json").read_text())
        return document

    @property
    def admin_token(self) -> str:
        """The token of the admin listener."""
        return (self.data_dir / "admin.token").read_text().strip()

    def admin(self) -> AdminClient:
        """A client of its admin API; close it, or use it in a `with` block."""
        return AdminClient(self.admin_url, self.admin_token)

    def write_config(self, config: Mapping[str, Any]) -> None:
        """Replaces the file of -c; HUP makes it true."""
        self.config_file.write_text(json.dumps(config, indent=2))

    def describe(self) -> str:
        """What it said, for messages of failed tests."""
        return "\n".join(["--- stdout", *self.out_lines, "--- stderr", *self.log_lines[-200:]])

    def _ready(self) -> re.Match[str] | None:
        if not self.running:
            code = self.wait(5)
            raise AssertionError(f"headworksd ended with {code} instead of being ready\n{self.describe()}")
        return next((match for line in self.out_lines if (match := _READY.match(line))), None)

    def _find_key(self) -> str:
        for line in self.log_lines:
            if match := _KEY.search(line):
                self.key = match["key"]
        return self.key
