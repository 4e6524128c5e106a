"""Every figure of a synthetic station equals a recount in plain Python; `make year` does it for a whole year."""

import re
from datetime import UTC, date, datetime

import pytest
from fix_postgres import Database

from benchmarks.year.comparing import differences
from benchmarks.year.loading import load
from benchmarks.year.recount import Recount
from benchmarks.year.station import DAY, make
from reports.analytics import Analytics


@pytest.mark.slow
@pytest.mark.parametrize("first", [date(2026, 10, 14), date(2026, 3, 20)], ids=["25 hours", "23 hours"])
def test_every_figure_equals_its_recount(database: Database, first: date) -> None:
    facts = make(first, 13, every_seconds=60)
    windows = [
        (facts.start, facts.end),
        (facts.end - 7 * DAY, facts.end),
        (facts.start + 2 * DAY + 77, facts.end - 3 * DAY - 1234),
    ]
    load(database.config, facts)
    recount = Recount(facts, windows)
    kinds = {hole.kind for hole in facts.holes}
    assert kinds == {"crash", "blink", "planned", "stop", "silence"}, "everything is planted"
    with Analytics(
        database.config.model_copy(update={"time_zone": "Europe/Berlin"}),
        now=lambda: datetime.fromtimestamp(facts.end, UTC),
    ) as analytics:
        assert differences(analytics, recount, windows) == []
        database.rows("DELETE FROM play_history WHERE id = (SELECT max(id) - 50 FROM play_history)")
        wrong = {re.split(r"[.:\[]", line)[0] for line in differences(analytics, recount, windows[1:2])}
        assert {"play stats", "hours", "uptime", "outages", "week"} <= wrong, "one play too few is noticed"
