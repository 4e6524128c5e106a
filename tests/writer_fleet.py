"""Processes that share one log of `RadioLogger` and are killed at random; says what each of them had completed.

python -m writer_fleet '{"folder": …, "processes": 8, "lines": 50000, "max_bytes": 300000, "kills": 200, "seed": 1}'

Each process counts in memory that it shares with this one, so that a SIGKILL cannot take the count with it: the number
of the line before the call, and the same number behind it. A killed process has a successor that goes on behind the
last line begun. Prints the lives as JSON: process, life, first number, last completed, last begun.
"""

import json
import mmap
import os
import random
import select
import signal
import sys
from typing import NamedTuple

from logging_module import LoggingConfig, RadioLogger


class Fleet(NamedTuple):
    """What is written, and how often somebody dies. `max_bytes`: of a file, before it is rotated."""

    folder: str
    processes: int
    lines: int
    max_bytes: int
    kills: int
    seed: int


class Life(NamedTuple):
    """One process. `begun` beyond `completed`: it was killed within that call, whose line may be there or not."""

    process: int
    life: int
    first: int
    completed: int
    begun: int


class Campaign:
    """Starts the processes, kills them, starts their successors."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._chance = random.Random(fleet.seed)
        self._config = LoggingConfig(
            log_path=fleet.folder, log_file_max_bytes=fleet.max_bytes, log_file_backup_count=100_000
        )
        self._radio = RadioLogger(self._config, "shared")  # inherited: a forked process goes on with its own run
        self._counts = memoryview(mmap.mmap(-1, 16 * fleet.processes)).cast("q")
        self._running: dict[int, tuple[int, int, int, int]] = {}  # by pid: process, life, first, its pidfd
        self.lives: list[Life] = []
        self.kills = 0

    def run(self) -> None:
        """Until each process has written all its lines."""
        for process in range(self._fleet.processes):
            self._start(process, 0, 1)
        while self._running:
            ended, _, _ = select.select([fd for *_, fd in self._running.values()], [], [], self._pause())
            if not ended and self.kills < self._fleet.kills:
                self.kills += 1
                os.kill(self._chance.choice(sorted(self._running)), signal.SIGKILL)
            for pid, said in list(self._running.items()):
                if os.waitpid(pid, os.WNOHANG)[0]:
                    self._ended(pid, *said)

    def _pause(self) -> float | None:
        """Seconds until somebody dies; None when enough were killed."""
        return self._chance.expovariate(1 / 0.02) if self.kills < self._fleet.kills else None

    def _start(self, process: int, life: int, first: int) -> None:
        begun, completed = 2 * process, 2 * process + 1
        self._counts[begun] = self._counts[completed] = first - 1
        pid = os.fork()
        if pid:
            self._running[pid] = (process, life, first, os.pidfd_open(pid))
            return
        # Every other process makes a logger of its own, the others use the one that they were forked with.
        radio = RadioLogger(self._config, "shared") if process % 2 else self._radio
        for number in range(first, self._fleet.lines + 1):
            self._counts[begun] = number
            radio.log_metric(f"process {process}", number, f"life {life}", metadata={"padding": "ü" * (number % 60)})
            self._counts[completed] = number
        os._exit(1 if radio.failed_lines else 0)

    def _ended(self, pid: int, process: int, life: int, first: int, pidfd: int) -> None:
        os.close(pidfd)
        del self._running[pid]
        begun, completed = self._counts[2 * process], self._counts[2 * process + 1]
        self.lives.append(Life(process, life, first, completed, begun))
        if begun < self._fleet.lines:
            self._start(process, life + 1, begun + 1)


def main() -> None:
    """Run the campaign of the command line."""
    campaign = Campaign(Fleet(**json.loads(sys.argv[1])))
    campaign.run()
    print(json.dumps({"kills": campaign.kills, "lives": campaign.lives}))  # noqa: T201 (its result)


if __name__ == "__main__":
    main()
