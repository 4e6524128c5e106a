"""How cost grows: the same lines in more files, the same bytes in longer lines, the same new lines beside more rows.

Each is held against its smallest case, run in turn with it. Flat is what keeps 0.8 of the smallest's rate, or takes at
most 1.25 of its time: a narrower band would be lost in the noise of a shared machine.
"""

import itertools
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks import history
from benchmarks.backlog import load
from benchmarks.database import database, empty
from benchmarks.figures import Figure, in_turn
from benchmarks.history import FLAT
from benchmarks.lines import SEED, mixed_lines
from ingest.machine import most_open
from logging_module.config import LoggingConfig

LINEAR = 1.25
LINES = 20_000
FILES = (1, 10, 100, 1_000, 10_000)
IN_ONE_FOLDER = 100
KB = 1_000
LINE_BYTES = (KB, 10 * KB, 100 * KB, 1_000 * KB)  # all below max_line_bytes: a longer one is no row
TOTAL_BYTES = 20_000_000
# About what a line of the mix has besides its padding.
_OTHER_BYTES = 150


def measure(rows: int, rounds: int, seed: int = SEED) -> list[Figure]:
    """All three, at their usual sizes.

    Args:
        rows: metrics in the largest of the tables.
        rounds: of what does not take long.
        seed: of the lines.
    """
    sizes = [size for size in history.SIZES if size <= rows]
    return [
        *by_files(FILES, LINES, rounds, seed),
        *by_length(LINE_BYTES, TOTAL_BYTES, rounds, seed),
        *history.measure(sizes, rounds, seed),
    ]


def by_files(counts: Sequence[int], lines: int, rounds: int, seed: int = SEED) -> list[Figure]:
    """Lines a second of the same lines in so many files, and what a file more costs.

    Args:
        counts: of files, the fewest first; no more than lines.
        lines: in all.
        rounds: of what does not take long.
        seed: of the lines.
    """
    content = list(mixed_lines(lines, seed))
    with tempfile.TemporaryDirectory(prefix="radiolog-bench-") as name, database(Path(name)) as config:
        works = {
            count: partial(_ingest, config, spread(Path(name) / str(count), content, count), lines) for count in counts
        }
        if max(counts) > most_open():
            print(f"growth: this process may open {most_open():,} files; more are read by turns")
        seconds = in_turn(works, rounds)
    fewest, *others = counts
    return [
        *(
            Figure(f"{lines:,} lines in {count:,} files", "lines/s", lines / seconds[count],
                   f"in {fewest:,}", lines / seconds[fewest], None)
            for count in others
        ),
        *_a_file(seconds, counts),
    ]  # fmt: skip


def _a_file(seconds: dict[int, float], counts: Sequence[int]) -> list[Figure]:
    """What a file more costs in each step, beside the second one: the first has too few files to tell from noise."""
    steps = [
        (few, 1000 * (seconds[many] - seconds[few]) / (many - few)) for few, many in itertools.pairwise(counts[1:])
    ]
    return [
        Figure(f"a file more, beyond {few:,}", "ms", value, f"beyond {steps[0][0]:,}", steps[0][1], LINEAR,
               lower_is_better=True)
        for few, value in steps[1:]
    ]  # fmt: skip


def spread(folder: Path, content: Sequence[bytes], files: int) -> Path:
    """Lines in order, as many in each file as in every other; gives the folder."""
    for number in range(files):
        inside = folder / f"station-{number // IN_ONE_FOLDER}"
        inside.mkdir(parents=True, exist_ok=True)
        part = content[number * len(content) // files : (number + 1) * len(content) // files]
        (inside / f"service-{number}.log").write_bytes(b"".join(part))
    return folder


def by_length(lengths: Sequence[int], total_bytes: int, rounds: int, seed: int = SEED) -> list[Figure]:
    """Megabytes a second of lines of so many bytes. What they are padded with compresses well, on its way to disk too.

    Args:
        lengths: bytes of a line, the shortest first.
        total_bytes: of all lines of a length.
        rounds: of what does not take long.
        seed: of the lines.
    """
    with tempfile.TemporaryDirectory(prefix="radiolog-bench-") as name, database(Path(name)) as config:
        works, megabytes = {}, {}
        for length in lengths:
            content = list(mixed_lines(total_bytes // length, seed, padding_bytes=length - _OTHER_BYTES))
            megabytes[length] = sum(map(len, content)) / 1e6
            works[length] = partial(_ingest, config, spread(Path(name) / str(length), content, 1), len(content))
        rates = {length: megabytes[length] / seconds for length, seconds in in_turn(works, rounds).items()}
    shortest, *others = lengths
    return [
        Figure(f"lines of {length // KB:,} KB", "MB/s", rates[length],
               f"of {shortest // KB:,} KB", rates[shortest], FLAT)
        for length in others
    ]  # fmt: skip


def _ingest(config: LoggingConfig, logs: Path, lines: int) -> float:
    """Seconds for a folder into a new database. Raises RuntimeError where a line is no row."""
    empty(config)
    loaded = load(config.model_copy(update={"log_path": logs}))
    if loaded.rows != lines:
        raise RuntimeError(f"{loaded.rows:,} rows of {lines:,} lines")
    return loaded.seconds
