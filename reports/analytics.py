"""`Analytics`: every question about the past that the database answers, as plain dicts. Writes nothing."""

from reports.figures.encoder import EncoderFigures
from reports.figures.errors import ErrorFigures
from reports.figures.listing import ListingFigures
from reports.figures.plays import PlayFigures
from reports.figures.sessions import SessionFigures
from reports.figures.summaries import SummaryFigures
from reports.window import RangeError

__all__ = ["Analytics", "RangeError"]


class Analytics(SummaryFigures, EncoderFigures, SessionFigures, ListingFigures, PlayFigures, ErrorFigures):
    """All analytics over one database connection, opened by the first call (SPEC 6).

    Every `get_…` gives plain dicts or lists of dicts: numbers are int or float, times are aware UTC datetimes, days are
    dates. Each has a twin `get_…_frame` that gives a pandas DataFrame. An empty database gives zeros and empty lists.

    Args:
        config: the database, the default time zone, the thresholds of uptime.
        now: the present; tests give another.

    Example:
        >>> with Analytics(LoggingConfig.from_env()) as analytics:  # doctest: +SKIP
        ...     analytics.get_play_stats(days=7)["uptime_percent"]
        99.87
    """
