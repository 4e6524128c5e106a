"""The daemon as a process that dies, is stopped, is started over: what of that happened, and whether it ended as it should."""

import os
import signal
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

EXIT_FENCED = 75
END_SECONDS = 60.0


class Daemons:
    """The running daemon and those that it took over from.

    Args:
        command: that runs one.
        environment: of each.
        log: where all of them write.

    Attributes:
        counts: what happened, by kind.
        defects: endings that should not be.
        most_rss_bytes: the most memory that one had.
        most_descriptors: the most open files that one had.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self._command, self._environment, self._log = list(command), dict(environment), log
        self.counts = Counter[str]()
        self.defects = Counter[str]()
        self.most_rss_bytes = 0
        self.most_descriptors = 0
        self._older: list[subprocess.Popen[bytes]] = []
        self.current = self._start()

    def _start(self) -> "subprocess.Popen[bytes]":
        with self._log.open("ab") as log:
            return subprocess.Popen(
                self._command, env=self._environment, cwd=self._log.parent, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )  # fmt: skip

    def start(self) -> None:
        """Another one; the one before has ended, or loses its files to it."""
        self._older.append(self.current)
        self.current = self._start()
        self.reap()

    def look(self) -> None:
        """A daemon that ended by itself is a defect; another one is started so that the run goes on."""
        code = self.current.poll()
        self.reap()
        if code == EXIT_FENCED and self._older:  # two started at once: the one that came to the fence last has won
            self.counts["fenced"] += 1
            self.current = self._older.pop()
            return
        if code is not None:
            self.defects[f"a daemon ended by itself with exit code {code}"] += 1
            self.start()
            return
        process = Path(f"/proc/{self.current.pid}")
        try:
            resident = next(line for line in (process / "status").read_text().splitlines() if line.startswith("VmHWM"))
            self.most_rss_bytes = max(self.most_rss_bytes, int(resident.split()[1]) * 1024)
            self.most_descriptors = max(self.most_descriptors, self.open_files())
        except (OSError, StopIteration):
            return  # just ended: the next look tells

    def open_files(self) -> int:
        """How many descriptors the current daemon has."""
        return len(os.listdir(f"/proc/{self.current.pid}/fd"))

    def pause(self) -> None:
        """SIGSTOP."""
        self.current.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self.current.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL."""
        self.current.kill()
        self.current.wait()

    def terminate(self) -> None:
        """SIGTERM; it must end well (or by the signal itself, where it had not yet begun)."""
        self.current.terminate()
        try:
            code = self.current.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.defects[f"a daemon did not end within {END_SECONDS:.0f} s of SIGTERM"] += 1
            self.kill()
            return
        if code not in {0, -signal.SIGTERM, EXIT_FENCED}:
            self.defects[f"a daemon ended with exit code {code} at SIGTERM"] += 1

    def reap(self) -> None:
        """Those that were taken over from end with a code of its own."""
        for process in list(self._older):
            code = process.poll()
            if code is None:
                continue
            self._older.remove(process)
            if code == EXIT_FENCED:
                self.counts["fenced"] += 1
            elif code not in {0, -signal.SIGKILL, -signal.SIGTERM}:
                self.defects[f"a daemon that was taken over from ended with exit code {code}"] += 1

    @property
    def older_alive(self) -> int:
        """How many run on beside the newest."""
        self.reap()
        return len(self._older)

    def end(self) -> None:
        """All of them end, whatever it takes."""
        for process in [*self._older, self.current]:
            if process.poll() is None:
                process.kill()
                process.wait()
