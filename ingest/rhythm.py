"""When the daemon looks at what: pure arithmetic of intervals, every time given as an argument in seconds.

A look may cost a bounded part of the time only: the next one waits a multiple of what the last one took, or
usually takes.
"""

# After a sweep that hints asked for, the next such one waits so many times its duration.
SWEEP_REST = 4.0
# A round of polling busy files is followed by a pause that grows with what it found: a few lines are stored at once,
# and of thousands a second not every few cost a transaction. A file's share of one costs as much as ten lines.
POLL_SECONDS_PER_LINE = 0.0002
POLL_SECONDS_PER_FILE = 0.002
# Asking a file whether it grew costs a few microseconds.
POLL_SECONDS_PER_QUESTION = 0.00002
POLL_SECONDS_LEAST = 0.003
POLL_SECONDS_MOST = 0.03
# While busy files are polled there are no events of the others either: all are asked in turn, at about 1 % of a core.
SCAN_SECONDS_LEAST = 0.05
SCAN_SECONDS_PER_FILE = 0.0002
ADAPT_SECONDS = 0.5


class Rhythm:
    """The daemon's clockwork.

    Args:
        sweep_interval_seconds: how often the whole tree is looked at, hints or not.

    Attributes:
        sweep_seconds: how long the last sweep took.
    """

    def __init__(self, sweep_interval_seconds: float) -> None:
        self._sweep_interval_seconds = sweep_interval_seconds
        self.sweep_seconds = 0.0
        self._sweep_at = 0.0
        self._hinted_sweep_at = 0.0
        self._sweep_wanted = False
        self._scan_at = 0.0
        self._adapt_at = 0.0
        self._changes = 0
        self._rest_seconds = 0.0

    def wants_sweep(self, *, tree_changed: bool) -> bool:
        """Note a hint that the tree changed; gives whether one waits for a sweep."""
        self._sweep_wanted = self._sweep_wanted or tree_changed
        return self._sweep_wanted

    def sweep_due(self, now: float) -> bool:
        """Whether to sweep now."""
        return now >= self._sweep_at or (self._sweep_wanted and now >= self._hinted_sweep_at)

    def swept(self, began: float, ended: float) -> None:
        """A sweep is done."""
        self.sweep_seconds = ended - began
        self._sweep_wanted = False
        self._sweep_at = max(began + self._sweep_interval_seconds, ended + self.sweep_seconds)
        self._hinted_sweep_at = ended + SWEEP_REST * self.sweep_seconds

    def scan_due(self, now: float, files: int) -> bool:
        """Whether to ask every file, while busy ones are polled."""
        if now < self._scan_at:
            return False
        self._scan_at = now + max(SCAN_SECONDS_LEAST, SCAN_SECONDS_PER_FILE * files)
        return True

    def adapt_due(self, now: float, changes: int) -> bool:
        """Count changes; whether it is time again, and what `take_changes` gives is to be judged."""
        self._changes += changes
        if now < self._adapt_at:
            return False
        self._adapt_at = now + ADAPT_SECONDS
        return True

    def take_changes(self) -> int:
        """Changes counted since this was last asked."""
        changes, self._changes = self._changes, 0
        return changes

    def polled(self, questions: int, batches: int, lines: int) -> None:
        """A round has asked so many files whether they grew, and has read so many batches of lines."""
        rest = POLL_SECONDS_PER_QUESTION * questions + POLL_SECONDS_PER_FILE * batches + POLL_SECONDS_PER_LINE * lines
        self._rest_seconds = max(POLL_SECONDS_LEAST, min(POLL_SECONDS_MOST, rest))

    def pause_seconds(self, now: float, *, busy: bool) -> float:
        """How long to wait at most.

        Args:
            now: monotonic time.
            busy: busy files are polled.
        """
        pause = max(0.0, self._sweep_at - now)
        if self._sweep_wanted:
            pause = min(pause, max(0.0, self._hinted_sweep_at - now))
        if busy:
            pause = min(pause, self._rest_seconds)
        return pause
