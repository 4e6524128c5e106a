"""The sample report in docs/: a week of an invented station, against the week before. `make sample-report` writes it anew.

The rows come from `station_kit`, with a fixed seed; a test holds docs/sample-report.txt and .html to what is made here.
"""

import shutil
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from browser_kit import CHROMIUM, chromium
from fix_postgres import reachable_folder
from psycopg2.extensions import connection as Connection  # noqa: N812 (a class under a function's name)
from station_kit import believable_week

from ingest import embedded, schema
from ingest.database import connect
from logging_module.config import LoggingConfig
from reports.generate_report import report_of
from reports.report.html import render_html
from reports.report.text import render_text

NOW = datetime(2026, 11, 24, 6, 30, tzinfo=UTC)
DOCS = Path(__file__).parents[1] / "docs"
SHOWN_PIXELS = (1180, 1500)


def fill(connection: Connection) -> None:
    """Store the station's two weeks, and what ingest would have noted of its files."""
    believable_week(NOW).store(connection)
    with connection, connection.cursor() as cursor:
        for number, (name, lines) in enumerate((("playout", 8_412), ("ffmpeg", 20_160), ("host", 20_003))):
            cursor.execute(
                "INSERT INTO ingest_files (machine, owner, owner_epoch, path, family, device, inode, parser, parser_version,"
                " lines, stored) VALUES ('m', 'i', 1, %s, %s, 1, %s, 'json', 1, %s, %s)",
                (f"{name}.log", name, number, lines, lines),
            )


def texts(config: LoggingConfig) -> dict[str, str]:
    """The files of docs/ by name.

    Args:
        config: a database that `fill` has filled.
    """
    zoned = config.model_copy(update={"time_zone": "Europe/Berlin"})
    report = report_of(zoned, now=lambda: NOW)
    return {"sample-report.txt": render_text(report), "sample-report.html": render_html(report)}


def main() -> int:
    """Write the files, and a picture of the page where Chromium is installed."""
    folder = reachable_folder()
    config = LoggingConfig(data_dir=folder)
    try:
        with closing(connect(config, application_name="sample report")) as connection:
            schema.apply(connection)
            fill(connection)
        for name, text in texts(config).items():
            (DOCS / name).write_text(text, encoding="utf-8")
    finally:
        embedded.stop_server(folder)
        shutil.rmtree(folder)
    if CHROMIUM is None:
        sys.stderr.write("no chromium: docs/sample-report.png stays as it is\n")
        return 0
    width, height = SHOWN_PIXELS
    picture = DOCS / "sample-report.png"
    chromium(DOCS / "sample-report.html", f"--window-size={width},{height}", f"--screenshot={picture}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
