"""The errors that radiolog raises on purpose, split by what the caller does next.

    RadiologError                 one clear sentence for a person; the command line prints it and exits 1
    ├── ConfigurationError        a setting is wrong: name it and what it may be
    ├── DatabaseError             PostgreSQL said no
    │   ├── DatabaseUnavailable   cannot be reached now: back off and try again
    │   ├── SchemaMissing         `radiolog db init` has not been run
    │   ├── SchemaTooNew          this radiolog is older than the database
    │   └── CheckpointMoved       the compare-and-set found another offset: drop all memory, read the checkpoint
    ├── Fenced                    a newer instance owns these files: stop, with an exit code of its own
    ├── SourceError               a log file or folder cannot be used: path and reason
    └── OutputError               a report or export cannot be written: path and reason

Driver errors become ours in one place (`ingest.database`); messages never quote the driver's text where it could hold
a password or a log line's content.
"""


class RadiologError(Exception):
    """Base of all errors that radiolog raises on purpose. `str()` is a sentence for a person."""


class ConfigurationError(RadiologError):
    """A setting is missing or wrong."""


class DatabaseError(RadiologError):
    """PostgreSQL refused. `sqlstate` is its five-character code, or None when there was no answer."""

    def __init__(self, message: str, *, sqlstate: str | None = None) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate


class DatabaseUnavailable(DatabaseError):
    """The server cannot be reached, is shutting down, is full or read-only: the files are the buffer, try again."""


class SchemaMissing(DatabaseError):
    """The database has no radiolog schema."""


class SchemaTooNew(DatabaseError):
    """The database's schema version is newer than this program knows."""


class CheckpointMoved(DatabaseError):
    """Another transaction moved the checkpoint that a batch started from; nothing was stored."""


class Fenced(RadiologError):
    """A newer instance took over: this one must stop and commit nothing more."""


class SourceError(RadiologError):
    """A log source cannot be read."""


class OutputError(RadiologError):
    """An output file or folder cannot be written."""
