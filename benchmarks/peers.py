"""A compiled shipper over the same backlog into the same PostgreSQL: rsyslog, where it is installed with its modules.

It follows the file (imfile), takes the JSON apart (mmjsonparse) and inserts typed values into one indexed table
(ompgsql), in transactions of its batches. Nothing of what radiolog does besides is asked of it: no kinds, no plays, no
derived state.
"""

import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks.backlog import ingest
from benchmarks.daemon import wait_for_rows
from benchmarks.database import cursor_of, database, empty
from benchmarks.figures import Figure, alternate
from benchmarks.lines import SEED, write_mixed
from logging_module.config import LoggingConfig

LINES = 50_000
_MODULES = ("imfile", "mmjsonparse", "ompgsql")
_TABLE = """
CREATE TABLE peer_lines (
    at timestamptz NOT NULL, event text NOT NULL, service text, level text, metric_name text,
    metric_value double precision, line jsonb
);
CREATE INDEX ON peer_lines (at);
CREATE INDEX ON peer_lines (event, at);
CREATE INDEX ON peer_lines (metric_name, at) WHERE metric_name <> ''
"""
_INSERT = (
    "insert into peer_lines values ('%$!timestamp%'::timestamptz, '%$!event%', '%$!service%', '%$!level%',"
    " '%$!metric_name%', nullif('%$!metric_value%', '')::double precision, '%$!all-json%'::jsonb)"
)
_CONFIGURATION = """
global(workDirectory="{folder}")
module(load="imfile") module(load="mmjsonparse") module(load="ompgsql")
template(name="row" type="string" option.stdsql="on" string="{insert}")
ruleset(name="store" queue.type="LinkedList" queue.size="100000" queue.dequeueBatchSize="1024") {{
  action(type="mmjsonparse" cookie="")
  action(type="ompgsql" server="{host}" port="{port}" user="{user}" pass="" db="{db}" template="row")
}}
input(type="imfile" File="{log}" Tag="bench" ruleset="store")
"""


def measure(lines: int = LINES, rounds: int = 1, seed: int = SEED) -> list[Figure]:
    """Radiolog's lines a second beside those of the peers that are installed; none where there is none."""
    if not has_rsyslog():
        print(f"rsyslog: not installed with {', '.join(_MODULES)}; not measured")
        return []
    with tempfile.TemporaryDirectory(prefix="radiolog-bench-") as name:
        logs = Path(name) / "logs"
        logs.mkdir()
        write_mixed(logs / "bench.log", lines, seed)
        with database(logs) as config:
            ours, theirs = alternate(
                lambda: lines / ingest(config), lambda: lines / rsyslog(config, logs / "bench.log", lines), rounds
            )
    return [Figure(f"backlog of {lines:,} lines beside a shipper", "lines/s", ours, "rsyslog", theirs, 1.0)]


def has_rsyslog() -> bool:
    """Whether Debian's packages rsyslog and rsyslog-pgsql are there."""
    return shutil.which("rsyslogd") is not None and all(
        any(Path("/usr/lib").glob(f"*/rsyslog/{module}.so")) for module in _MODULES
    )


def rsyslog(config: LoggingConfig, log: Path, lines: int) -> float:
    """Seconds from its start until all lines are rows, in a new database."""
    empty(config)
    with cursor_of(config) as cursor:
        cursor.execute(_TABLE)
    with tempfile.TemporaryDirectory(prefix="radiolog-bench-") as name:
        configuration = Path(name) / "rsyslog.conf"
        configuration.write_text(
            _CONFIGURATION.format(folder=name, host=config.postgres_host, port=config.postgres_port,
                                  user=config.postgres_user, db=config.postgres_db, log=log, insert=_INSERT)
        )  # fmt: skip
        command = ["rsyslogd", "-n", "-f", str(configuration), "-i", str(Path(name) / "pid")]
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for_rows(config, "SELECT count(*) FROM peer_lines", lines)
            return time.perf_counter() - began
        finally:
            process.terminate()
            process.wait()
