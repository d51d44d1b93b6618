"""What processes cost, and the machine as a whole, seen from outside."""

from __future__ import annotations

import os
from pathlib import Path

_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a running process has used, in user and kernel (proc(5), /proc/pid/stat)."""
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    # The command's name, in parentheses, may hold anything: fields are counted from behind it.
    user, kernel = stat.rpartition(")")[2].split()[11:13]
    return (int(user) + int(kernel)) / _TICKS_A_SECOND


def machine_cpu_seconds() -> float:
    """Return the processor time that the machine has used on all cores since it booted (proc(5), /proc/stat).

    Time that the host of a virtual machine gave to others (steal) counts as used.
    """
    with Path("/proc/stat").open(encoding="ascii") as file:
        user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, file.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / _TICKS_A_SECOND


def peak_memory_mib(pid: int) -> float:
    """Return the most memory that a running process has held (proc(5), VmHWM)."""
    return _status_mib(pid, "VmHWM")


def memory_mib(pid: int) -> float:
    """Return the memory that a running process holds now (proc(5), VmRSS)."""
    return _status_mib(pid, "VmRSS")


def _status_mib(pid: int, field: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1024
    raise AssertionError(f"process {pid} has no memory")
