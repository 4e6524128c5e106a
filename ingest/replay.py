"""Replaying dead letters: after a fix, the lines that could not be stored go the usual way into their tables.

The line itself is read from its file where it can be proven (ingest/originals.py), else the stored one is taken. It
gets the natural key that it always had, (generation, offset); the transaction that stores its rows marks the letter and
moves the file's counters. A letter is locked before anything of it is stored, and one that is marked is not found any
more: two replays at once, or one after the other, never make a second row. Offset and version of the file's checkpoint
stay as they are, so that the daemon that reads on there is not disturbed.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812 (a class under a function's name)
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from ingest.database import translate
from ingest.foreseen import USUAL
from ingest.loading import Known, load_unrefused, queue_derivation, refusal
from ingest.originals import Letter, Originals, letter_of
from ingest.prepared import prepare
from ingest.queries import load
from ingest.second_reading import Ready, Remains, ReplaySettings, read_again
from ingest.store import metric_weeks
from parsers.redact import redact_bytes

# A line may have a MiB. Files are locked for as long as so many lines take, far below the daemon's lock_timeout.
LETTERS_AT_ONCE = 50
EXAMPLES = 20
_COUNTERS = ("stored", "folded", "below_threshold", "blank", "duplicate")

_SQL = load("ingest", "dead_letters.sql")
_STORE_SQL = load("ingest", "store.sql")


class Selection(NamedTuple):
    """Which letters; None: any."""

    ids: tuple[int, ...] | None = None
    reason: str | None = None
    path_pattern: str | None = None  # for LIKE

    def parameters(self, *, with_replayed: bool = False) -> dict[str, object]:
        """For the query `letters`."""
        ids = None if self.ids is None else list(self.ids)
        return {"ids": ids, "reason": self.reason, "path": self.path_pattern, "with_replayed": with_replayed}


@dataclass
class Report:
    """What a replay did.

    Attributes:
        found: letters that were looked at.
        replayed: of these, how many are none any more.
        from_stored: of the replayed, how many were made from the stored, redacted line.
        rows: that they became.
        dispositions: what became of the replayed lines.
        remaining: why the others stay, counted.
        examples: ids of some that stay, and why.
        busy: letters that another replay had in its hands.
    """

    found: int = 0
    replayed: int = 0
    from_stored: int = 0
    rows: int = 0
    dispositions: Counter[str] = field(default_factory=Counter)
    remaining: Counter[str] = field(default_factory=Counter)
    examples: list[tuple[int, str]] = field(default_factory=list)
    busy: int = 0


class Replayer:
    """Replays letters over a connection of its own.

    Args:
        connection: outside a transaction; closed by the caller.
        originals: finds the lines' bytes; closed by the caller.
        settings: as the daemon's.
        time_zone: of stations that are not known yet.
    """

    def __init__(
        self, connection: Connection, originals: Originals, settings: ReplaySettings, *, time_zone: str
    ) -> None:
        self._connection = connection
        self._originals = originals
        self._settings = settings
        self._time_zone = time_zone

    def replay(
        self,
        selection: Selection,
        *,
        dry_run: bool = False,
        on_progress: Callable[[Report], None] = lambda _: None,
    ) -> Report:
        """Replay all letters of a selection that there are now.

        Args:
            selection: which.
            dry_run: do everything and roll it back.
            on_progress: told after every transaction.

        Raises:
            DatabaseError: PostgreSQL refused anything but a row; what was committed before stays.
        """
        report = Report()
        after_id, last_id = 0, self._last_id()
        while letters := self._letters(selection, after_id, last_id):
            after_id = letters[-1].id
            report.found += len(letters)
            # Files are read before anything is locked: an archive may take its time.
            letters.sort(key=lambda letter: (letter.generation, letter.from_offset))
            read = [read_again(letter, self._originals, self._settings) for letter in letters]
            ready = [item for item in read if isinstance(item, Ready)]
            remains = [item for item in read if isinstance(item, Remains)]
            if not dry_run:
                self._ensure_partitions(ready)
            self._replay_some(ready, remains, report, dry_run=dry_run)
            on_progress(report)
        return report

    # -----------------------------------------------------------------------------------------------------------------

    def _last_id(self) -> int:
        with self._transaction() as cursor:
            cursor.execute(_SQL["last_id"])
            row = cursor.fetchone()
        return int(row[0]) if row else 0

    def _letters(self, selection: Selection, after_id: int, last_id: int) -> list[Letter]:
        with self._transaction() as cursor:
            cursor.execute(
                _SQL["letters"],
                {**selection.parameters(), "after_id": after_id, "last_id": last_id, "limit": LETTERS_AT_ONCE},
            )
            return [letter_of(row) for row in cursor.fetchall()]

    def _ensure_partitions(self, ready: Sequence[Ready]) -> None:
        for at in metric_weeks([item.batch for item in ready]).values():
            if at is not None:
                with self._transaction() as cursor:
                    cursor.execute(_STORE_SQL["ensure_partition"], {"at": at})

    def _replay_some(self, ready: list[Ready], remains: list[Remains], report: Report, *, dry_run: bool) -> None:
        with self._transaction(keep=not dry_run) as cursor:
            ids = [item.letter.id for item in ready] + [item.letter.id for item in remains]
            cursor.execute(_SQL["lock_letters"], {"ids": ids})
            mine = {row[0] for row in cursor.fetchall()}
            busy = len(ids) - len(mine)
            ready = [item for item in ready if item.letter.id in mine]
            remains = [item for item in remains if item.letter.id in mine]
            generations = sorted({item.letter.generation for item in ready})
            cursor.execute(_SQL["lock_files"], {"generations": generations})
            stations = sorted({name for item in ready for name in item.batch.stations})
            cursor.execute(_STORE_SQL["add_stations"], {"names": stations, "time_zone": self._time_zone})
            stored: list[Ready] = []
            known = _store(cursor, ready, stored, remains)
            counts = _counts(stored, known)
            for generation, count in sorted(counts.items()):
                cursor.execute(_SQL["move_counters"], {"generation": generation, **count})
            cursor.execute(_SQL["mark_replayed"], {"ids": [item.letter.id for item in stored]})
            for item in remains:
                _note(cursor, item)
            queue_derivation(cursor, [item.batch for item in stored])
        _add_to(report, stored, remains, counts)
        report.busy += busy

    @contextmanager
    def _transaction(self, *, keep: bool = True) -> Iterator[Cursor]:
        try:
            with self._connection.cursor() as cursor:
                yield cursor
            if keep:
                self._connection.commit()
            else:
                self._connection.rollback()
        except psycopg2.Error as error:
            if not self._connection.closed:
                self._connection.rollback()
            raise translate(error) from error


def _store(cursor: Cursor, ready: Sequence[Ready], stored: list[Ready], remains: list[Remains]) -> Known:
    """Store the rows of letters; those that PostgreSQL refuses again are found by bisection and stay.

    Returns:
        Starts of plays that were known.
    """
    if not ready:
        return Known(Counter(), Counter())
    cursor.execute("SAVEPOINT letters")
    try:
        known = load_unrefused(cursor, prepare([item.batch for item in ready], USUAL))
    except (psycopg2.DataError, psycopg2.IntegrityError) as error:
        cursor.execute("ROLLBACK TO SAVEPOINT letters")
        if len(ready) == 1:
            remains.append(_refused(ready[0], error.pgcode or "22000"))
            return Known(Counter(), Counter())
        middle = len(ready) // 2
        first = _store(cursor, ready[:middle], stored, remains)
        second = _store(cursor, ready[middle:], stored, remains)
        return Known(first.lines + second.lines, first.rows + second.rows)
    cursor.execute("RELEASE SAVEPOINT letters")
    stored += ready
    return known


def _refused(item: Ready, sqlstate: str) -> Remains:
    rejected = refusal(sqlstate)
    parser = (item.batch.parser, item.batch.parser_version)
    return Remains(item.letter, f"{rejected.reason}: {rejected.detail}", rejected, parser, item.line)


def _counts(stored: Sequence[Ready], known: Known) -> dict[int, Counter[str]]:
    """By generation: letters, dispositions and rows by which the file's counters move."""
    counts: dict[int, Counter[str]] = {}
    for item in stored:
        count = counts.setdefault(item.letter.generation, Counter(dict.fromkeys(("letters", "rows", *_COUNTERS), 0)))
        count.update({"letters": 1, "rows": item.batch.row_count, **item.batch.dispositions})
    for generation, lines in known.lines.items():
        counts[generation].update({"stored": -lines, "folded": lines})
    for generation, rows in known.rows.items():
        counts[generation].update({"rows": -rows})
    return counts


def _note(cursor: Cursor, item: Remains) -> None:
    """The letter says what the parser of today says of it, and is redacted as it would be today."""
    if item.rejected is None:
        return
    data = item.line.data if item.line else None
    cursor.execute(
        _SQL["still_dead"],
        {"id": item.letter.id, "reason": item.rejected.reason[:64], "detail": item.rejected.detail,
         "parser": item.parser[0], "parser_version": item.parser[1],
         "line": None if data is None else redact_bytes(data),
         "raw_sha256": None if data is None else hashlib.sha256(data).digest(),
         "to_offset": item.line.end if item.line else item.letter.to_offset},
    )  # fmt: skip


def _add_to(
    report: Report, stored: Sequence[Ready], remains: Sequence[Remains], counts: dict[int, Counter[str]]
) -> None:
    report.replayed += len(stored)
    report.from_stored += sum(item.line is None for item in stored)
    report.rows += sum(count["rows"] for count in counts.values())
    for count in counts.values():
        report.dispositions.update({name: count[name] for name in _COUNTERS})
    for item in remains:
        report.remaining[item.why] += 1
        if len(report.examples) < EXAMPLES:
            report.examples.append((item.letter.id, item.why))
