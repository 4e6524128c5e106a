"""A process of writers: several families, each with its log, its rate and its schemes of rotation.

python -m soak.writer SPEC.json        until SIGTERM; then every line that was begun is finished
"""

import json
import random
import signal
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import psycopg2

from soak.family import Family
from soak.lines import LineId, is_dead, name_and_number
from soak.records import Records
from soak.schemes import FAMILIES, HAS_ZSTD, compress, compress_zstd

TICK_SECONDS = 0.05


class WriterSpec(NamedTuple):
    """What one process writes.

    `families` are pairs of a name and a kind of `schemes.FAMILIES`. The file `down` says, while it is there, that the
    daemon or the database is away: everything is rotated then. `zstd`: such archives are read.
    `nobody_dies`: see `Family`.
    """

    folder: str
    records: str
    families: list[tuple[str, str]]
    lines_per_second: float
    rotate_every_seconds: float
    seed: int
    database: dict[str, Any]
    down: str
    zstd: bool
    nobody_dies: bool


class Stored:
    """Asks the database, past everything that the faults do to the daemon's own connections."""

    def __init__(self, database: dict[str, Any]) -> None:
        self._database = database

    def __call__(self, ids: list[LineId]) -> bool:
        """Whether all these lines of one writer are rows, judged by those that can be; False when nobody answers."""
        if not ids:
            return True
        numbers = {found.number for found in ids if not is_dead(found.number)}
        letter = 0 if not is_dead(ids[-1].number) else ids[-1].number  # those before it came together with a later row
        try:
            connecting = closing(psycopg2.connect(**self._database, connect_timeout=2))
            with connecting as connection, connection.cursor() as cursor:
                cursor.execute(
                    "SELECT (SELECT count(DISTINCT metric_value) FROM system_metrics WHERE metric_name = %s"
                    " AND metric_value = ANY(%s::numeric[])),"
                    " EXISTS (SELECT FROM dead_letters WHERE position(%s::bytea IN line) > 0)",
                    (ids[0].writer, sorted(numbers), name_and_number(ids[0].writer, letter)),
                )
                row = cursor.fetchone()
        except psycopg2.Error:
            return False
        return row is not None and row[0] == len(numbers) and (not letter or row[1])


def run(spec: WriterSpec, stopping: threading.Event) -> None:
    """Write and rotate until told to stop."""
    chance = random.Random(spec.seed)
    records = Path(spec.records)
    families = [
        (Family(Path(spec.folder) / name, name, Records(records, name), chance, Stored(spec.database)), FAMILIES[kind])
        for name, kind in spec.families
    ]
    for family, _ in families:
        family.nobody_dies = spec.nobody_dies
    per_tick = spec.lines_per_second * TICK_SECONDS / len(families)
    rotate_share = TICK_SECONDS / spec.rotate_every_seconds
    rotated_in = ""
    while not stopping.wait(TICK_SECONDS):
        down = _text(Path(spec.down))
        for family, schemes in families:
            count = int(chance.expovariate(1 / per_tick))
            if count:
                family.write(min(count, 2000))
            turns = 2 if down and down != rotated_in else int(chance.random() < rotate_share)
            for _ in range(turns):
                scheme = chance.choice(schemes)
                if spec.zstd and HAS_ZSTD and scheme is compress and chance.random() < 0.4:
                    scheme = compress_zstd
                if scheme(family):
                    family.records.did(getattr(scheme, "__name__", None) or dict(spec.families)[family.name])
                    if down:
                        family.records.did("while_down")
        rotated_in = down or rotated_in
    for family, _ in families:
        family.close()


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""


def main() -> None:
    """The process."""
    fields = json.loads(Path(sys.argv[1]).read_text())
    fields["families"] = [(name, kind) for name, kind in fields["families"]]
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    run(WriterSpec(**fields), stopping)


if __name__ == "__main__":
    main()
