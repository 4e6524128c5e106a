"""Another configuration while the daemon runs: read as a whole, and in force between two rounds or not at all."""

import threading
import time
from collections.abc import Callable

from ingest.assignments import places_of
from ingest.errors import SourceError
from ingest.lookout import Lookout
from ingest.process import notify_systemd
from ingest.service import Service
from ingest.sources import Source
from ingest.telemetry import Telemetry
from logging_module.config import LoggingConfig, variable_name
from logging_module.errors import ConfigurationError

# What holds from the next line on; everything else needs a new start.
RELOADED = frozenset({"log_path", "include", "extra_paths", "station", "min_level", "parser_by_glob"})


class Reloading:
    """Reads the configuration again when somebody asks for it.

    Args:
        config: in force since the start.
        read: gives the configuration as it is now, or raises ConfigurationError.
        service: told of it.
        lookout: told which folders to watch.
        telemetry: told what came of it.
    """

    def __init__(
        self,
        config: LoggingConfig,
        read: Callable[[], LoggingConfig],
        service: Service,
        lookout: Lookout,
        telemetry: Telemetry,
    ) -> None:
        self._first = config
        self._read = read
        self._service = service
        self._lookout = lookout
        self._telemetry = telemetry
        self._asked = threading.Event()
        self._next: tuple[LoggingConfig, tuple[Source, ...]] | None = None

    def ask(self) -> None:
        """Read it again before the next round. Safe in a signal handler."""
        self._asked.set()

    def work(self) -> bool:
        """Do what was asked for. What fails because of the database is done again the next time this is called.

        Returns:
            Whether there was something to do.

        Raises:
            DatabaseError: the new configuration may be in force for some files only until then.
        """
        if not self._asked.is_set() and self._next is None:
            return False
        # Both lines: sd_notify(3) of systemd 253 and later wants the time, which is that of CLOCK_MONOTONIC.
        notify_systemd(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
        try:
            if self._asked.is_set():
                self._asked.clear()
                self._read_again()
            if self._next is not None:
                self._apply(*self._next)
        finally:
            notify_systemd("READY=1")
        return True

    def _read_again(self) -> None:
        try:
            config = self._read()
            self._next = (config, places_of(config))
        except ConfigurationError as wrong:
            self._telemetry.configuration_refused(wrong.problems)
        except SourceError as wrong:
            self._telemetry.configuration_refused((str(wrong),))

    def _apply(self, config: LoggingConfig, sources: tuple[Source, ...]) -> None:
        changes = self._service.reconfigure(config, sources)
        if changes is None:
            return
        self._next = None
        self._lookout.watch([source.folder for source in sources])
        fixed = [name for name in type(config).model_fields if name not in RELOADED]
        differ = [variable_name(name) for name in fixed if getattr(config, name) != getattr(self._first, name)]
        roots = [source.path for source in sources]
        self._telemetry.configuration_reloaded(roots, changes.reassigned, changes.leaving, differ)
