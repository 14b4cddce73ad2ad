"""What the kernel knows about processes and the machine: CPU time, memory, how much others used.

Linux only: reads /proc. Must not know: proxies, workloads.
"""

from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path

TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cpu:
    """CPU seconds of one process, all threads. `total` is exact, the split is by ticks."""

    total: float
    user: float
    system: float

    def __sub__(self, earlier: Cpu) -> Cpu:
        return Cpu(self.total - earlier.total, self.user - earlier.user, self.system - earlier.system)


def cpu_of(pid: int) -> Cpu:
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text().split()[0])
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return Cpu(total / 1e9, int(fields[11]) * TICK_SECONDS, int(fields[12]) * TICK_SECONDS)


def rss_bytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


class ForeignCpu:
    """How much CPU went to processes other than `own` between start and finish, and to other machines.

    Summed over processes, children that have ended included; not taken from the machine's busy time, which
    counts interrupts that our own packets cause. The kernel's packet delivery is not foreign either.
    """

    def __init__(self, own: set[int]) -> None:
        self._own = own
        self._since = time.monotonic()
        self._before = _ticks_of_all()
        self._steal = _stolen_ticks()

    def finish(self) -> tuple[float, float]:
        """(foreign, stolen by the hypervisor), both as shares of one core."""
        elapsed = time.monotonic() - self._since
        before = {pid: used for pid, used in self._before.items() if pid not in self._own}
        after = {pid: used for pid, used in _ticks_of_all().items() if pid not in self._own}
        # A process that ends hands its time to its parent, so the sum over all grows by what was used; but
        # what nobody waits for is lost from it. Those that are alive are counted in any case.
        alive = sum(used[0] - before.get(pid, (0, 0))[0] for pid, used in after.items())
        everybody = sum(map(sum, after.values())) - sum(map(sum, before.values()))
        ticks = max(alive, everybody)
        return ticks * TICK_SECONDS / elapsed, (_stolen_ticks() - self._steal) * TICK_SECONDS / elapsed


def _ticks_of_all() -> dict[int, tuple[int, int]]:
    """(own ticks, those of children that have ended) of every process."""
    ticks = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            name, rest = (entry / "stat").read_text().rsplit(")", 1)
        except OSError:  # it has just ended
            continue
        if "(ksoftirqd" not in name:
            user, system, child_user, child_system = map(int, rest.split()[11:15])
            ticks[int(entry.name)] = user + system, child_user + child_system
    return ticks


def _stolen_ticks() -> int:
    return int(Path("/proc/stat").read_text().split(maxsplit=9)[8])


def cores() -> tuple[set[int], set[int], bool]:
    """(core of the load and the upstream, core of the proxy under test, whether they are two)."""
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:
        return {usable[0]}, {usable[0]}, False
    return {usable[0]}, {usable[1]}, True


def describe() -> dict[str, str]:
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    congestion = Path("/proc/sys/net/ipv4/tcp_congestion_control").read_text().strip()
    return {
        "cpu": model,
        "cores": str(len(os.sched_getaffinity(0))),
        "kernel": platform.release(),
        "congestion_control": congestion,
        "python": platform.python_version(),
    }
