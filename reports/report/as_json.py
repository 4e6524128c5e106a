"""The report as JSON: the same value, nothing rounded or left out. Text is ASCII: any terminal may show it."""

import json
from dataclasses import asdict
from datetime import date, datetime

from reports.report.model import Report


def render_json(report: Report) -> str:
    """One JSON object, indented; times as ISO 8601 in UTC with Z, days as dates. Ends with a newline."""
    return json.dumps(asdict(report), default=_plain, indent=1, ensure_ascii=True, allow_nan=False) + "\n"


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"a report holds no {type(value).__name__}")
