"""The sample report in docs/ is what radiolog writes today."""

from contextlib import closing

import sample_report
from fix_postgres import Database


def test_the_sample_report_is_current(database: Database) -> None:
    with closing(database.connect()) as connection:
        sample_report.fill(connection)
    for name, text in sample_report.texts(database.config).items():
        assert (sample_report.DOCS / name).read_text(encoding="utf-8") == text, f"docs/{name}: make sample-report"
    picture = (sample_report.DOCS / "sample-report.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) < 300_000
