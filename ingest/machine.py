"""This machine: what tells it and its boots from others, and how many files it lets us hold open."""

import resource
import socket
import time
from pathlib import Path

_OTHER_DESCRIPTORS = 64
_LEAST_OPEN = 16


def machine_id() -> str:
    """What tells this machine from others that load the same database: systemd's machine id, else the host name."""
    try:
        text = Path("/etc/machine-id").read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        text = ""
    return text or f"host:{socket.gethostname()}"


def boot_id() -> str:
    """Changes with every boot; empty where the kernel does not tell."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def boot_time_ns() -> int:
    """When this boot began."""
    return time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def most_open() -> int:
    """How many logs this process may hold open: what the system grants it, less what else it needs descriptors for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard not in (soft, resource.RLIM_INFINITY):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    return max(_LEAST_OPEN, soft - _OTHER_DESCRIPTORS)
