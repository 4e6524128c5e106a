"""`RadioLogger`: what a service calls. It writes JSON lines to a file and never speaks to the database to do so."""

import logging
import os
import threading
import time
import uuid
import weakref
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import structlog
from structlog.contextvars import merge_contextvars
from structlog.typing import EventDict, FilteringBoundLogger

from logging_module import contract, json_line
from logging_module.rotation import LineFile

if TYPE_CHECKING:
    from logging_module.config import LoggingConfig


class RadioLogger:
    """Writes a service's log lines to `LOG_PATH/<service>.log`, for the daemon to read.

    A call takes microseconds and never raises for what the file system or a value does; see docs/log-format.md for the
    lines. Threads may share an instance, processes may share a file; a child process, forked or
    spawned, goes on with a run of its own.

    Args:
        config: where to write, how to rotate, and the station's name.
        service: the name that lines carry, and the file's.

    Attributes:
        log: the plain structlog logger, for any other line. It keeps to `LOG_LEVEL`; the methods here always write.
        path: the file.

    Example:
        >>> with RadioLogger(LoggingConfig.from_env(), service="metadata-watcher") as radio:
        ...     play_id = radio.log_track_started({"artist": "Ada", "title": "Analytical", "duration": 213.4})
        ...     radio.log.info("cover_downloaded", bytes=18321)
        ...     radio.log_track_ended(play_id)
    """

    def __init__(self, config: "LoggingConfig", service: str = "radio") -> None:
        if not service or "/" in service or service.startswith("."):
            raise ValueError(f"service is the name of a file, without folder and leading dot: {service!r}")
        self._config = config
        self.path = Path(config.log_path) / f"{service}.log"
        file = LineFile(self.path, max_bytes=config.log_file_max_bytes, backup_count=config.log_file_backup_count)
        self._sink = _Sink(file, config.station)
        self._finalizer = weakref.finalize(self, self._sink.close)
        self._service = service
        least = logging.DEBUG if config.debug else logging.getLevelNamesMapping().get(config.log_level, logging.INFO)
        self.log = _structlog(self._sink, least, service)

    def log_track_started(
        self,
        track_info: Mapping[str, Any],
        loop_path: str | os.PathLike[str] | None = None,
        ffmpeg_pid: int | None = None,
    ) -> str:
        """A track begins to play now. It ends with `log_track_ended`, or with the next start.

        Args:
            track_info: artist, title, album, azuracast_song_id (or AzuraCast's `id`), duration (seconds); everything
                else is kept as metadata. What is no mapping is kept there as text.
            loop_path: the file that the encoder plays. Its name stands in for a title where there is neither artist
                nor title; without it, `unknown` does.
            ffmpeg_pid: the encoder's process.

        Returns:
            The play's id, a UUID, for `log_track_ended` and `log_error`.
        """
        play_id = _new_play_id()
        self._write("info", "track_started", contract.track_started(play_id, track_info, loop_path, ffmpeg_pid))
        return play_id

    def log_track_ended(
        self, play_id: str | uuid.UUID | int, had_errors: bool = False, error_message: str | None = None
    ) -> None:
        """A track stops now.

        Args:
            play_id: what `log_track_started` returned, or the number of a row of `play_history`.
            had_errors: whether something was wrong while it played.
            error_message: what was wrong.
        """
        fields = contract.track_ended(play_id, had_errors=had_errors, error_message=error_message)
        self._write("info", "track_ended", fields)

    def log_error(
        self,
        service: str,
        severity: str,
        message: str,
        context: Mapping[str, Any] | None = None,
        stack_trace: str | None = None,
        play_history_id: str | uuid.UUID | int | None = None,
    ) -> None:
        """Something is wrong. It becomes a row of `error_log`, whatever its severity.

        Args:
            service: what is in trouble.
            severity: info, warning, error or critical.
            message: what happened.
            context: what helps to understand it.
            stack_trace: the traceback's text.
            play_history_id: the play that suffered: what `log_track_started` returned, or the number of its row. The
                play that runs is found without it, too.

        Raises:
            ValueError: the severity is another.
        """
        if severity not in contract.SEVERITIES:
            raise ValueError(f"severity must be one of {', '.join(contract.SEVERITIES)}, not {severity!r}")
        fields = contract.error(service, context=context, stack_trace=stack_trace, play_history_id=play_history_id)
        self._write(severity, message, fields)

    def log_metric(
        self,
        metric_name: str,
        metric_value: float,
        unit: str | None = None,
        service: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        """A number was measured.

        Args:
            metric_name: for example `cpu_percent`.
            metric_value: the number; it must be finite to be stored.
            unit: for example `percent`.
            service: what was measured, where that is not this service.
            metadata: anything else.
        """
        fields = contract.metric(metric_name, metric_value, unit=unit, service=service, metadata=metadata)
        self._write("info", "metric", fields)

    def bind(self, **values: Any) -> FilteringBoundLogger:
        """The plain structlog logger with fields that all its lines carry."""
        bound: FilteringBoundLogger = self.log.bind(**values)
        return bound

    @property
    def failed_lines(self) -> int:
        """How many lines could not be written since the instance was made."""
        return self._sink.file.failed_lines

    def get_recent_plays(self, limit: int = 10) -> list[dict[str, Any]]:
        """The last plays, newest first, from the database.

        Args:
            limit: how many at most; nothing else bounds them.

        Raises:
            RadiologError: the database cannot be reached or has no schema.
            ValueError: the limit is below zero.
        """
        from logging_module import reading  # noqa: PLC0415 (a service that only writes loads no database driver)

        return reading.recent_plays(self._config, limit)

    def get_current_playing(self) -> dict[str, Any] | None:
        """The play that runs now at the configured station, from the database; None when there is none.

        Raises:
            RadiologError: the database cannot be reached or has no schema.
        """
        from logging_module import reading  # noqa: PLC0415 (as above)

        return reading.current_playing(self._config)

    def cleanup_old_data(self) -> dict[str, int]:
        """Remove from the database what is past its retention, as `radiolog cleanup` does (docs/operations.md).

        Returns:
            Rows removed by table: `{"play_history": n, "error_log": n, "system_metrics": n}`.

        Raises:
            RadiologError: the database cannot be reached or has no schema.
        """
        from logging_module import reading  # noqa: PLC0415 (as above)

        return reading.cleanup_old_data(self._config)

    def close(self) -> None:
        """Close the file. At exit it happens by itself; a line after it is still written."""
        self._finalizer()

    def __reduce__(self) -> tuple[Any, ...]:
        """Sent to another process (`multiprocessing` with spawn) it is a logger of the same file, with its own run."""
        return type(self), (self._config, self._service)

    def _write(self, level: str, event: str, fields: dict[str, Any]) -> None:
        """Write a line whatever LOG_LEVEL is, with what structlog's context variables hold, but not through structlog.

        That a bound logger costs two microseconds is the only reason.
        """
        line = {"service": self._service, "event": event, **fields}
        self._sink.msg(level, merge_contextvars(None, level, line))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _new_play_id() -> str:
    """A random UUID (RFC 9562, version 4) as text; `str(uuid.uuid4())` takes thrice as long."""
    digits = os.urandom(16).hex()
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


class _Sink:
    """Where structlog's lines go: gives them their number and time, in the order in which they are written."""

    def __init__(self, file: LineFile, station: str) -> None:
        self.file = file
        self._station = station
        self._host = os.uname().nodename
        self._closed = False
        self.renew()
        _sinks.add(self)

    def renew(self) -> None:
        """Begin a new run: at first, and in a forked child, where a lock may be held by a thread that is not there."""
        self._lock = threading.RLock()  # re-entrant: a signal handler may log while a line is being written
        self._seq = 0
        self._origin_fields = {
            "station": self._station,
            "host": self._host,
            "pid": os.getpid(),
            "run_id": uuid.uuid4().hex,
        }
        self._origin = json_line.origin(self._origin_fields)
        self.file.close()  # the child's copy: the parent's descriptor and lock stay as they are

    def msg(self, level: str, event: Mapping[str, Any]) -> None:
        """Write one line."""
        origin = None
        if not json_line.ORIGIN_FIELDS.isdisjoint(event):
            event, said = json_line.without_origin(event)
            origin = json_line.origin({**self._origin_fields, **said})
        body = json_line.body(level, event)
        with self._lock:
            self._seq = seq = self._seq + 1  # a signal handler may come in between and take the next number
            self.file.append(json_line.line(time.time_ns(), body, origin or self._origin, seq))
            if self._closed:
                self.file.close()

    debug = info = warning = error = critical = msg

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._closed = True
            self.file.close()


_sinks: "weakref.WeakSet[_Sink]" = weakref.WeakSet()


def _renew_all() -> None:
    for sink in tuple(_sinks):
        sink.renew()


os.register_at_fork(after_in_child=_renew_all)


def _structlog(sink: _Sink, least: int, service: str) -> FilteringBoundLogger:
    """A structlog logger that hands its lines to the sink."""
    logger: FilteringBoundLogger = structlog.wrap_logger(
        sink,
        processors=[merge_contextvars, _hand_over],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        context_class=dict,
        cache_logger_on_first_use=True,
        service=service,
    ).bind()
    return logger


_stack_to_text = structlog.processors.StackInfoRenderer()


def _hand_over(logger: Any, method: str, event: EventDict) -> tuple[tuple[str, EventDict], dict[str, Any]]:
    """The arguments of the sink's method, which encodes the line itself: number and time must be of one moment."""
    if "exc_info" in event:
        event = structlog.processors.format_exc_info(logger, method, event)
    if "stack_info" in event:
        event = _stack_to_text(logger, method, event)
    return (method, event), {}
