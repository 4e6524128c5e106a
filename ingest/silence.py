"""Counts what the sweep finds and no event announced: the sign that events do not arrive from a folder.

An event may be on its way when the sweep finds its change, so a change counts only when the next timed sweep comes and
it was still not announced.
"""

from collections import deque
from collections.abc import Iterable

from ingest.telemetry import Telemetry
from ingest.wake import Hints

# Of the last changes below a folder.
CHANGES = 15
# So many unannounced ones of them are told; so few end the alarm.
SILENT = 10
HEARD = 3


class Silence:
    """Judges for each watched folder whether its changes are announced.

    Args:
        roots: the watched folders.
        telemetry: told of every change that nobody announced, and once of a folder that is silent.
    """

    def __init__(self, roots: Iterable[str], telemetry: Telemetry) -> None:
        self._roots = sorted(roots, key=len, reverse=True)
        self._telemetry = telemetry
        self._pending: set[str] = set()
        self._last: dict[str, deque[bool]] = {}
        self._said: set[str] = set()

    def heard(self, hints: Hints) -> None:
        """Hints have come: what they announce is not silent."""
        announced = self._pending if hints.tree_changed else self._pending & hints.paths
        self._pending = self._pending - announced
        self.announced(announced)

    def announced(self, paths: Iterable[str]) -> None:
        """Changes that were found because of hints."""
        for path in paths:
            self._note(path, silent=False)

    def swept(self, changes: set[str], hints: Hints, *, by_timer: bool) -> None:
        """A sweep found changes.

        Args:
            changes: paths of new files and of those with new bytes.
            hints: what had been announced just before.
            by_timer: no hint asked for the sweep, and events are expected for every change.
        """
        if not by_timer:
            self.announced(changes)
            return
        for path in sorted(self._pending):
            self._note(path, silent=True)
        self._pending = changes - hints.paths

    def _note(self, path: str, *, silent: bool) -> None:
        root = next((root for root in self._roots if path.startswith(root.rstrip("/") + "/")), None)
        if root is None:
            return
        last = self._last.setdefault(root, deque(maxlen=CHANGES))
        last.append(silent)
        unannounced = sum(last)
        self._telemetry.changes_noticed(root, unannounced, len(last))
        if silent:
            self._telemetry.found_by_sweep(path)
        if unannounced >= SILENT and root not in self._said:
            self._said.add(root)
            self._telemetry.events_missing(root, unannounced, len(last))
        elif unannounced <= HEARD:
            self._said.discard(root)
