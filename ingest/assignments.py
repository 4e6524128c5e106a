"""Of which station the logs of a place are, which parser reads them, and from which severity on they are errors."""

from collections.abc import Sequence
from typing import NamedTuple

from ingest.sources import Source, configured_sources, pattern_of
from logging_module.config import LoggingConfig
from parsers.events import Severity


class Attributes(NamedTuple):
    """What stands in for what a file's lines do not say. `service`, `parser`: None where the file's name tells."""

    station: str
    min_severity: Severity
    service: str | None = None
    parser: str | None = None


class Assignments:
    """Attributes by live name.

    Args:
        default: of files that belong to no place.
        by_places: the first one with a place that a file belongs to holds.
        include: as for `Source.matches`.
    """

    def __init__(
        self,
        default: Attributes,
        by_places: Sequence[tuple[tuple[Source, ...], Attributes]] = (),
        include: tuple[str, ...] = (),
    ) -> None:
        self._default = default
        self._by_places = by_places
        self._include = include

    def of(self, live_name: str) -> Attributes:
        """What holds for a file and everything that is rotated from it."""
        for places, attributes in self._by_places:
            if any(place.matches(live_name, self._include) for place in places):
                return attributes
        return self._default


def places_of(config: LoggingConfig) -> tuple[Source, ...]:
    """Everything that a configuration has read: LOG_PATH, RADIOLOG_EXTRA_PATHS and the file's sources.

    Raises:
        SourceError: LOG_PATH is a file.
    """
    assigned = [path for source in config.assigned for path in source.paths]
    return configured_sources(config.log_path, (*config.extra_paths, *assigned))


def assignments_of(config: LoggingConfig) -> Assignments:
    """The file's sources in their order, the settings for everything else."""
    default = Attributes(config.station, Severity(config.min_level))
    by_places = [
        (
            tuple(map(pattern_of, source.paths)),
            Attributes(
                source.station or default.station,
                Severity(source.min_level) if source.min_level else default.min_severity,
                source.service,
                source.parser,
            ),
        )
        for source in config.assigned
    ]
    return Assignments(default, by_places, tuple(config.include))
