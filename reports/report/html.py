"""The report as one HTML file that needs nothing else: no script, no network, light and dark, printable.

Everything from logs passes the template's autoescape, after controls and bidirectional marks were made visible.
"""

from datetime import datetime
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, TemplateError

from ingest.errors import OutputError
from reports.report import charts, wording
from reports.report.model import Report
from reports.window import zone_named

# What one cell may take: a title of 10,000 characters must not make the file large.
_CELL_CHARACTERS = 200
_TEMPLATE = "report.html.j2"


def render_html(report: Report) -> str:
    """The whole page.

    Raises:
        OutputError: the template that was installed is damaged or missing.
    """
    zone = zone_named(report.zone)

    def moment(at: datetime) -> str:
        return wording.moment(at, zone)

    def full_moment(at: datetime) -> str:
        return wording.full_moment(at, zone)

    try:
        template = _environment().get_template(_TEMPLATE)
        return template.render(
            report=report, moment=moment, full_moment=full_moment, charts=charts, weekdays=charts.WEEKDAYS
        )
    except TemplateError as error:
        line = getattr(error, "lineno", None)
        where = f", line {line}" if line else ""
        raise OutputError(f"the report's template {_TEMPLATE} is broken{where}: install radiolog again") from error


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("reports.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {
        "duration": wording.duration, "percent": wording.percent, "count": wording.count, "day": wording.day,
        "safe_text": _safe_text, "speed": _speed,
    }  # fmt: skip
    return environment


def _safe_text(text: str) -> str:
    return wording.clipped(wording.visible(text), _CELL_CHARACTERS)


def _speed(value: float | None) -> str:
    return "\u2013" if value is None else wording.decimal(value, 3)
