"""`radiolog demo`: a live station for a few seconds, into a database of its own."""

import re

from fix_postgres import Database
from process_kit import finished


def test_a_few_seconds_of_a_station(database: Database) -> None:
    before = database.rows("SELECT count(*) FROM ingest_files")

    result = finished(database.config, "demo", "--seconds", "6", "--speed", "5")

    assert result.returncode == 0, result.stderr
    assert "Traceback" not in result.stderr
    first = result.stdout.splitlines()[0]
    lines, plays, metrics, *_ = (int(number) for number in re.findall(r"\d+", first))
    assert lines > metrics > plays > 0
    assert database.rows("SELECT count(*) FROM ingest_files") == before
