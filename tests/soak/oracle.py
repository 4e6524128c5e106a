"""Is every line stored exactly once? Compares the writers' ledgers with the database; reads no log but to say where."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from soak.family import content
from soak.lines import NOTE_SQL, LineId, id_of_letter, ids, is_dead, name_and_number
from soak.records import Written

MOST_SHOWN = 12

Ask = Callable[..., list[tuple[Any, ...]]]


@dataclass
class Verdict:
    """What became of the lines. `fragments`: dead letters of lines that rotation tore in two; `wrong` says the rest."""

    written: int = 0
    destroyed: int = 0
    rows: int = 0
    dead_letters: int = 0
    fragments: int = 0
    gaps: int = 0
    gap_bytes: int = 0
    generations: int = 0
    lost: list[LineId] = field(default_factory=list)
    doubled: list[LineId] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def is_green(self) -> bool:
        """Nothing lost, nothing doubled, nothing else wrong."""
        return not (self.lost or self.doubled or self.wrong)


def missing(ask: Ask, written: Mapping[str, Written]) -> int:
    """How many lines the database does not have yet, judged by their number."""
    rows: dict[str, int] = dict(
        ask("SELECT metric_name, count(DISTINCT metric_value) FROM system_metrics GROUP BY metric_name")
    )
    excused = sum(len(of.excused) for of in written.values())
    letters = sum(
        is_dead(number) for of in written.values() for number in range(1, of.last + 1) if number not in of.excused
    )
    stored_excused = _stored_excused(ask, written)
    expected = sum(of.last for of in written.values()) - excused - letters
    arrived = int(ask("SELECT count(*) FROM dead_letters")[0][0])
    return max(0, expected - sum(rows.get(name, 0) for name in written) + stored_excused) + max(0, letters - arrived)


def _stored_excused(ask: Ask, written: Mapping[str, Written]) -> int:
    return sum(
        int(ask("SELECT count(DISTINCT metric_value) FROM system_metrics WHERE metric_name = %s"
                " AND metric_value = ANY(%s::numeric[])", name, sorted(of.excused))[0][0])
        for name, of in written.items() if of.excused
    )  # fmt: skip


def judge(ask: Ask, written: Mapping[str, Written], folder: Path) -> Verdict:
    """Every line of every writer, every row and every dead letter."""
    verdict = Verdict()
    letters = _letters(ask, written, verdict)
    for name, of in written.items():
        rows = ask(
            "SELECT metric_value::bigint, generation, line_offset FROM system_metrics WHERE metric_name = %s"
            " ORDER BY generation, line_offset", name
        )  # fmt: skip
        _judge_writer(name, of, rows, letters[name], verdict)
    for name, count in ask("SELECT metric_name, count(*) FROM system_metrics GROUP BY metric_name"):
        if name not in {*written, "probe"}:
            verdict.wrong.append(f"{count} rows of nobody: {name!r}")
    mixed = ask(
        f"SELECT count(*) FROM system_metrics WHERE metadata->>'note' IS DISTINCT FROM {NOTE_SQL} AND metric_name <> 'probe'"
    )[0][0]
    if mixed:
        verdict.wrong.append(f"{mixed} rows whose content is not their line's")
    verdict.rows = int(ask("SELECT count(*) FROM system_metrics")[0][0])
    verdict.dead_letters = int(ask("SELECT count(*) FROM dead_letters")[0][0])
    verdict.gaps, verdict.gap_bytes = ask(
        "SELECT count(*), coalesce(sum(to_offset - from_offset), 0)::bigint FROM ingest_gaps"
    )[0]
    verdict.generations = int(ask("SELECT count(*) FROM ingest_files")[0][0])
    _check_sums(ask, verdict)
    _say_where(ask, folder, verdict)
    return verdict


def _letters(ask: Ask, written: Mapping[str, Written], verdict: Verdict) -> dict[str, Counter[int]]:
    """Dead letters by writer and number; those of torn lines are allowed only where rotation destroyed the line."""
    found: dict[str, Counter[int]] = defaultdict(Counter)
    for generation, offset, data in ask("SELECT generation, from_offset, line FROM dead_letters"):
        line, whole = id_of_letter(bytes(data))
        if whole and line is not None:
            found[line.writer][line.number] += 1
        elif line is None or (line.writer in written and line.number in written[line.writer].excused):
            verdict.fragments += 1
        else:
            verdict.wrong.append(f"a torn dead letter of {line} (generation {generation}, byte {offset})")
    return found


def _judge_writer(
    name: str, of: Written, rows: Iterable[tuple[Any, ...]], letters: Counter[int], verdict: Verdict
) -> None:
    seen = Counter[int]()
    ordered: dict[int, list[int]] = defaultdict(list)
    for number, generation, _ in rows:
        seen[number] += 1
        ordered[generation].append(number)
    for generation, numbers in ordered.items():
        wrong = sum(later <= earlier for earlier, later in pairwise(numbers))
        if wrong:
            verdict.wrong.append(f"{name}: {wrong} lines of generation {generation} are out of order or doubled in it")
    dead = {number for number in range(1, of.last + 1) if is_dead(number)}
    for number in seen.keys() & dead:
        verdict.wrong.append(f"{LineId(name, number)} is a row and cannot be one")
    for number in letters.keys() - dead:
        verdict.wrong.append(f"{LineId(name, number)} is a dead letter and could have been stored")
    both = seen + letters
    verdict.written += of.last
    verdict.destroyed += len(of.excused - both.keys())
    verdict.lost += [
        LineId(name, number) for number in range(1, of.last + 1) if number not in both and number not in of.excused
    ]
    verdict.doubled += [LineId(name, number) for number, times in both.items() if times > 1]
    unknown = [number for number in both if not 1 <= number <= of.last]
    if unknown:
        verdict.wrong.append(f"{len(unknown)} lines that {name} never wrote: {sorted(unknown)[:MOST_SHOWN]}")


def _check_sums(ask: Ask, verdict: Verdict) -> None:
    """The ledger in the checkpoints against the rows themselves."""
    for path, generation, lines, disposed, stored, rows, counted, letters in ask(
        """SELECT f.path, f.generation, f.lines,
                  f.stored + f.folded + f.below_threshold + f.blank + f.duplicate + f.dead_letters + f.held,
                  f.rows_stored - f.rows_retired, coalesce(m.n, 0), f.dead_letters, coalesce(d.n, 0)
           FROM ingest_files f
           LEFT JOIN (SELECT generation, count(*) AS n FROM system_metrics GROUP BY generation) m USING (generation)
           LEFT JOIN (SELECT generation, count(*) AS n FROM dead_letters GROUP BY generation) d USING (generation)
           ORDER BY f.generation"""
    ):
        if lines != disposed or stored != rows or counted != letters:
            verdict.wrong.append(
                f"{path} (generation {generation}): {lines} lines, {disposed} dispositions; {stored} rows counted, {rows} there;"
                f" {counted} dead letters counted, {letters} there"
            )


def _say_where(ask: Ask, folder: Path, verdict: Verdict) -> None:
    """For lost and doubled lines: where they stand on disk, and which generations have them."""
    ranges = [*_ranges(verdict.lost), *_ranges(verdict.doubled)]
    on_disk = _find({first for first, _ in ranges}, folder) if ranges else {}
    for first, last in _ranges(verdict.lost)[:MOST_SHOWN]:
        verdict.wrong.append(
            f"lost: {first.writer} {first.number}..{last}; on disk in {on_disk.get(first, 'no file any more')}"
        )
    for first, last in _ranges(verdict.doubled)[:MOST_SHOWN]:
        rows = ask(
            "SELECT m.generation, m.line_offset, f.path, f.state FROM system_metrics m JOIN ingest_files f USING (generation)"
            " WHERE metric_name = %s AND metric_value = %s ORDER BY 1", first.writer, first.number
        )  # fmt: skip
        where = "; ".join(f"generation {row[0]} byte {row[1]} of {row[2]} ({row[3]})" for row in rows)
        verdict.wrong.append(
            f"doubled: {first.writer} {first.number}..{last}: {where}; on disk in {on_disk.get(first)}"
        )


def _ranges(lines: Iterable[LineId]) -> list[tuple[LineId, int]]:
    """Lines without a hole between them together: the first one, and the last number."""
    found: list[tuple[LineId, int]] = []
    for line in sorted(lines):
        if found and found[-1][0].writer == line.writer and found[-1][1] == line.number - 1:
            found[-1] = (found[-1][0], line.number)
        else:
            found.append((line, line.number))
    return found


def _find(wanted: set[LineId], folder: Path) -> dict[LineId, str]:
    """Files, and the byte offset in them, where lines stand."""
    found: dict[LineId, list[str]] = defaultdict(list)
    for path in sorted(path for path in folder.rglob("*.log*") if path.is_file() and not path.is_symlink()):
        data = content(path)
        for line in wanted.intersection(ids(data)):
            mark = name_and_number(*line)
            start = data.rfind(b"\n", 0, data.find(mark)) + 1
            found[line].append(f"{path} byte {start}")
    return {line: ", ".join(places) for line, places in found.items()}
