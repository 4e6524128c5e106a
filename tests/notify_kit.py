"""What systemd would hear from a process: a datagram socket of the test's own as its NOTIFY_SOCKET."""

import socket
from pathlib import Path
from types import TracebackType
from typing import Self

from process_kit import wait_until


class NotifySocket:
    """Listens where a process sends its states (sd_notify(3)).

    Attributes:
        said: all states until now, in order.
    """

    def __init__(self, folder: Path) -> None:
        self.address = str(folder / "notify")
        self.said: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(0)
        self._socket.bind(self.address)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _type: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        self._socket.close()

    def hear(self) -> list[str]:
        """Take what has arrived; gives all that was said until now."""
        while True:
            try:
                self.said.append(self._socket.recv(65536).decode())
            except BlockingIOError:
                return self.said

    def count(self, state: str) -> int:
        """How often a state that begins like this was said until now."""
        return sum(said.startswith(state) for said in self.hear())

    def wait_for(self, state: str, *, more: int = 1) -> None:
        """Wait until it is said so many times more than until now."""
        before = self.count(state)
        wait_until(lambda: self.count(state) >= before + more, f"{more} more of {state}")

    def wait_until_said(self, state: str) -> None:
        """Wait until it has been said."""
        wait_until(lambda: self.count(state) > 0, state)
