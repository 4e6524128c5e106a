"""The real logrotate under the running daemon: every scheme, every line once."""

import shutil
import signal
import subprocess
from functools import partial
from pathlib import Path

import pytest
from fix_postgres import Database
from ingest_kit import ledger_holds, lines_of, metric, stored_numbers
from process_kit import start, wait_until

SCHEMES = {
    "create": "create",
    "compress": "create\n compress",
    "delaycompress": "create\n compress\n delaycompress",
    "copytruncate": "copytruncate",
    "copytruncate-compress": "copytruncate\n compress\n delaycompress",
    "renamecopy": "renamecopy",
    "copy": "copy",
    "olddir": "create\n compress\n olddir old\n createolddir 755",
}


def rotate(folder: Path, log: Path, scheme: str) -> None:
    """One forced rotation."""
    configuration = folder / "logrotate.conf"
    configuration.write_text(f"{log} {{\n rotate 100\n {SCHEMES[scheme]}\n}}\n")
    configuration.chmod(0o644)
    subprocess.run(
        ["logrotate", "--force", "--state", str(folder / "state"), str(configuration)], check=True, capture_output=True
    )


def all_stored(database: Database, count: int) -> bool:
    return len(stored_numbers(database)) >= count


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("logrotate") is None, reason="logrotate is not installed")
@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_line_once(database: Database, tmp_path: Path, scheme: str) -> None:
    """Half of the rotations come before the daemon has read what was appended."""
    log = database.config.log_path / "a.log"
    database.config.log_path.chmod(0o755)
    total = 0
    process = start(database.config, "run", RADIOLOG_ROTATE_WAIT_SECONDS="0.5", RADIOLOG_SWEEP_INTERVAL_SECONDS="0.5")
    try:
        for turn in range(6):
            with log.open("a") as file:
                file.write(lines_of(*map(metric, range(total, total + 300))))
            total += 300
            if turn % 2:
                wait_until(partial(all_stored, database, total), "the lines before a rotation")
            rotate(tmp_path, log, scheme)
        with log.open("a") as file:
            file.write(lines_of(metric(total)))
        total += 1
        wait_until(partial(all_stored, database, total), "all lines")
        process.send_signal(signal.SIGTERM)
        _, messages = process.communicate(timeout=30)
        assert process.returncode == 0, messages
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()

    assert sorted(stored_numbers(database)) == list(range(total))
    ledger_holds(database)
