"""This process: signals that ask it to stop, what it tells systemd, how the interpreter shares its time."""

import gc
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

# One thread reads, another stores: with the interpreter's own 5 ms the second waits half of a commit for its turns.
SWITCH_SECONDS = 0.0005
# Lines make no cycles of references: to look for some after every 700 objects is a sixth of a backlog's time.
GC_THRESHOLDS = (20_000, 20, 50)


def expect_many_lines() -> None:
    """Set the interpreter up for reading and storing at full speed."""
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


@contextmanager
def stopping_on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """SIGTERM and the first Ctrl-C ask to stop; a second Ctrl-C ends at once."""

    def handle(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, before[signal.SIGINT])
        stop()

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def reloading_on_hangup(reload: Callable[[], None], stop: Callable[[], None]) -> Iterator[None]:
    """SIGHUP asks to read the configuration again; when the terminal that we were started in is gone, to stop."""
    in_terminal = _in_terminal()

    def handle(_number: int, _frame: FrameType | None) -> None:
        (stop if in_terminal and not _in_terminal() else reload)()

    before = signal.signal(signal.SIGHUP, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


def _in_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True


def notify_systemd(state: str) -> None:
    """Tell systemd (sd_notify(3)) when it started us with Type=notify; else do nothing."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        channel.settimeout(0)  # a systemd that does not listen holds nobody up
        try:
            channel.connect(address)
            channel.sendall(state.encode())
        except OSError:
            return  # systemd's own affair; the daemon works without
