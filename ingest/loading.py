"""Rows of batches into their tables, inside the caller's transaction; a row that PostgreSQL refuses is set apart.

COPY for what is only appended and for plays that are new, upserts for what several lines may say. When the
server refuses a row's data (SQLSTATE classes 22 and 23), the rows are bisected inside savepoints until the guilty ones
are alone; their lines become dead letters with the server's reason, and everything else is stored in the same
transaction. The same refusal of many rows is not a row's fault: it is raised, and nothing is stored.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, TypeVar

import psycopg2
from psycopg2.extensions import cursor as Cursor  # noqa: N812 (a class under a function's name)

from ingest.batch import COPIED, ERROR_COLUMNS, METRIC_COLUMNS, Batch, LineKey, Row
from ingest.copy_text import NULL
from ingest.copying import copy_rows, copy_text
from ingest.errors import DatabaseError
from ingest.file_context import FileContext, dead_letter
from ingest.foreseen import Thresholds
from ingest.play_loading import recordset, store_plays, upsert_plays
from ingest.prepared import Prepared, key_of_row, key_of_text, prepare
from ingest.producers import MOST_RANGES, RunLines, range_text
from ingest.queries import load
from ingest.spans import Span, joined
from parsers.encodings import splitter_for
from parsers.events import Rejected

_R = TypeVar("_R")

SYSTEMIC_SHARE = 0.01
SYSTEMIC_AT_LEAST = 10
_SQL = load("ingest", "store.sql")
_ROW_TABLES = tuple(table for table in COPIED if table != "dead_letters")  # that a line's rows are in
_LINKED_ERROR_COLUMNS = (*ERROR_COLUMNS, "play_history_id")


class Refused(NamedTuple):
    """A line one of whose rows PostgreSQL refused, and its SQLSTATE."""

    key: LineKey
    sqlstate: str


class Known(NamedTuple):
    """Starts of plays that were known, by generation: their lines and rows were counted as stored."""

    lines: Counter[int]  # of which nothing else was stored
    rows: Counter[int]


class Corrections(NamedTuple):
    """What loading found out about lines that were counted as stored, by generation."""

    folded: Counter[int]  # lines that only start plays that were known
    refused: Counter[int]
    rows: Counter[int]  # rows that were counted and are not there


def load_rows(cursor: Cursor, prepared: Prepared, thresholds: Thresholds) -> Corrections:
    """Store all rows of some batches.

    Args:
        cursor: inside a transaction.
        prepared: their rows, of all their lines.
        thresholds: the bookkeeper's.

    Returns:
        How the ledger's counters must be corrected.

    Raises:
        DatabaseError: many rows were refused for one reason.
        psycopg2.Error: anything but a refused row.
    """
    cursor.execute("SAVEPOINT rows")
    try:
        known = load_unrefused(cursor, prepared)
    except (psycopg2.DataError, psycopg2.IntegrityError):
        cursor.execute("ROLLBACK TO SAVEPOINT rows")
    else:
        return Corrections(known.lines, Counter(), known.rows)
    batches = prepared.batches
    refused = _find_refused(cursor, batches)
    cursor.execute("ROLLBACK TO SAVEPOINT rows")
    keys = frozenset(found.key for found in refused)
    known = load_unrefused(cursor, prepare(batches, thresholds, keys, _dead_letters(batches, refused)))
    removed = Counter(key[0] for batch in batches for key in _row_keys(batch) if key in keys)
    return Corrections(known.lines, Counter(key[0] for key in keys), known.rows + removed)


def load_unrefused(cursor: Cursor, prepared: Prepared) -> Known:
    """Store all rows of some batches, none of which may be refused; the caller has set a savepoint.

    Returns:
        Starts of plays that were known: their lines are folded.

    Raises:
        psycopg2.DataError, psycopg2.IntegrityError: a row was refused; nothing says which.
    """
    inserted, ids = store_plays(cursor, prepared)
    for table, columns in COPIED.items():
        if table == "error_log":
            links = (NULL if place is None or not ids else ids[place] for _, place in prepared.errors)
            body = "".join(f"{text}\t{link}\n" for (text, _), link in zip(prepared.errors, links, strict=True))
            copy_text(cursor, table, _LINKED_ERROR_COLUMNS, body)
        else:
            copy_text(cursor, table, columns, prepared.bodies[table])
    if prepared.sessions:
        cursor.execute(_SQL["upsert_sessions"], {"sessions": recordset(prepared.sessions)})
    return _known(prepared.batches, prepared.plays, inserted)


def add_runs(cursor: Cursor, batches: Sequence[Batch]) -> None:
    """Note the producers' numbers of the batches' lines."""
    waiting: dict[tuple[int, str], RunLines] = {}
    for batch in batches:
        for run in batch.runs:
            key = (batch.move.generation, run.run_id)
            if key in waiting:  # one statement may touch a row only once
                _upsert_runs(cursor, waiting)
                waiting = {}
            waiting[key] = run
    if waiting:
        _upsert_runs(cursor, waiting)


def _upsert_runs(cursor: Cursor, runs: Mapping[tuple[int, str], RunLines]) -> None:
    ordered = sorted(runs.items())
    cursor.execute(
        _SQL["add_runs"],
        {"generations": [generation for (generation, _), _ in ordered], "run_ids": [run.run_id for _, run in ordered],
         "lines": [run.lines for _, run in ordered], "seqs": [range_text(run.seqs) for _, run in ordered],
         "repeated": [range_text(run.repeated) for _, run in ordered],
         "irregular": [run.irregular for _, run in ordered], "most_ranges": MOST_RANGES},
    )  # fmt: skip


def queue_derivation(cursor: Cursor, batches: Sequence[Batch]) -> None:
    """Tell the bookkeeper which times of which stations the batches have touched, those of metrics by themselves."""
    derived = [(name, *span) for batch in batches for name, all_spans in batch.touched.items() for span in all_spans]
    rolled_up = metric_spans(batches)
    if not derived and not rolled_up:
        return
    parameters: dict[str, list[object]] = {}
    for prefix, spans in (("derived", derived), ("rolled_up", rolled_up)):
        for name, at in (("stations", 0), ("from_times", 1), ("to_times", 2)):
            parameters[f"{prefix}_{name}"] = [span[at] for span in spans]
    cursor.execute(_SQL["queue_derivation"], parameters)


def metric_spans(batches: Iterable[Batch]) -> list[tuple[str, datetime, datetime]]:
    """The times of the batches' metrics by station, as few spans; none reaches over more than an hour without any."""
    found: defaultdict[str, list[Span]] = defaultdict(list)
    for batch in batches:
        for station, spans in batch.metric_spans.items():
            found[station] += spans
    return [(station, *span) for station, spans in sorted(found.items()) for span in joined(spans)]


def _known(batches: Sequence[Batch], plays: Sequence[Row], inserted: Counter[LineKey]) -> Known:
    """A line may start several plays, and say other things, too: it is folded when nothing of it was stored."""
    said = Counter((row[-2], row[-1]) for row in plays)
    rows = +Counter({key: count - inserted[key] for key, count in said.items()})
    nothing = {key for key in rows if not inserted[key]}
    if nothing:
        nothing -= {key_of_row(table, row) for table in _ROW_TABLES for batch in batches for row in batch.copied[table]}
    missing: Counter[int] = Counter()
    for (generation, _), count in rows.items():
        missing[generation] += count
    return Known(Counter(generation for generation, _ in nothing), missing)


def _find_refused(cursor: Cursor, batches: Sequence[Batch]) -> list[Refused]:
    refused: list[Refused] = []
    total = sum(1 for batch in batches for _ in _row_keys(batch))

    def refuse(found: Refused) -> None:
        refused.append(found)
        _raise_if_systemic(refused, total)

    for table in _ROW_TABLES:
        columns = COPIED[table]
        rows = [row for batch in batches for row in batch.copied[table]]

        def copy(part: Sequence[Row], table: str = table, columns: Sequence[str] = columns) -> None:
            copy_rows(cursor, table, columns, part)

        def key_of(row: Row, table: str = table) -> LineKey:
            return key_of_row(table, row)

        _bisect(cursor, rows, copy, key_of, refuse)
    metrics = [row for batch in batches for row in batch.metric_rows]

    def copy_metrics(part: Sequence[str]) -> None:
        copy_text(cursor, "system_metrics", METRIC_COLUMNS, "".join(part))

    _bisect(cursor, metrics, copy_metrics, key_of_text, refuse)
    plays = [row for batch in batches for row in batch.plays]

    def upsert(part: Sequence[Row]) -> None:
        upsert_plays(cursor, part)

    _bisect(cursor, plays, upsert, lambda row: (row[-2], row[-1]), refuse)
    return refused


def _bisect(
    cursor: Cursor,
    rows: Sequence[_R],
    store: Callable[[Sequence[_R]], None],
    key_of: Callable[[_R], LineKey],
    refuse: Callable[[Refused], None],
) -> None:
    if not rows:
        return
    cursor.execute("SAVEPOINT part")
    try:
        store(rows)
    except (psycopg2.DataError, psycopg2.IntegrityError) as error:
        cursor.execute("ROLLBACK TO SAVEPOINT part")
        if len(rows) == 1:
            refuse(Refused(key_of(rows[0]), error.pgcode or "22000"))
            return
        middle = len(rows) // 2
        _bisect(cursor, rows[:middle], store, key_of, refuse)
        _bisect(cursor, rows[middle:], store, key_of, refuse)
    else:
        cursor.execute("RELEASE SAVEPOINT part")


def _raise_if_systemic(refused: Sequence[Refused], total: int) -> None:
    """A constraint that many rows break is the database's fault (a check that somebody added), not theirs."""
    for sqlstate, count in Counter(found.sqlstate for found in refused).items():
        if count > max(SYSTEMIC_AT_LEAST, SYSTEMIC_SHARE * total):
            raise DatabaseError(
                f"PostgreSQL refuses at least {count} of {total} rows with SQLSTATE {sqlstate}: something in the "
                "database is wrong; nothing was stored, and the lines are kept in their files",
                sqlstate=sqlstate,
            )


def _row_keys(batch: Batch) -> Iterable[LineKey]:
    for table in _ROW_TABLES:
        for row in batch.copied[table]:
            yield key_of_row(table, row)
    yield from map(key_of_text, batch.metric_rows)
    for row in batch.plays:
        yield row[-2], row[-1]


def _dead_letters(batches: Sequence[Batch], refused: Iterable[Refused]) -> list[Row]:
    reasons = {found.key: found.sqlstate for found in refused}
    letters = []
    for batch in batches:
        move = batch.move
        context = FileContext(move.generation, move.path, "", "", "", batch.parser, batch.parser_version)
        for (generation, offset), sqlstate in reasons.items():
            if generation != move.generation:
                continue
            data, end = _line_at(batch, offset)
            letters.append(dead_letter(context, offset, end, data, refusal(sqlstate), batch.read_at))
    return letters


def refusal(sqlstate: str) -> Rejected:
    """Why a line is a dead letter whose row PostgreSQL refused."""
    return Rejected(
        reason="refused_by_database", detail=f"PostgreSQL refused a value of this line (SQLSTATE {sqlstate})"
    )


def _line_at(batch: Batch, offset: int) -> tuple[bytes | None, int]:
    """Bytes and end of a line. Of one that was held since an earlier batch the bytes are not known any more."""
    start = len(batch.raw) - (batch.move.to_offset - offset)
    if 0 <= start < len(batch.raw):
        splitter = splitter_for(batch.encoding, offset, splits_at_cr=batch.parser == "ffmpeg")
        for found in (*splitter.feed(batch.raw[start:]), *splitter.flush()):
            return found.data, found.end
    return None, batch.ends.get(offset, offset)
